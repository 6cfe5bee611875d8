"""Every engine: a unique reference is taken by one payment, in the write that adds it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.errors import StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.duplicates import duplicate_check
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.references import (
    ReferenceTaken,
    ReferenceUsed,
    reference_claim,
)
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import PageQuery, Store
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.dynamodb import DynamoDBStore
from tests.contract.test_store_races import at_once
from tests.support.aws_calls import counted as counted_calls
from tests.support.aws_calls import lost_answers, unwritable_payments
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import a_claim, a_payment, later, stamped, usd

CLAIM = reference_claim("shop", "invoice-1007")
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")
CALLERS = 8
SHOP = Actor("shop", frozenset({"shop"}), frozenset({"payments:write"}))


def taking(**fields: object) -> Acceptance:
    return Acceptance(a_payment(**fields), reference=CLAIM)


def other(number: int = 1, **fields: object) -> Acceptance:
    return taking(payment_id=to_text(later(number)), **fields)


def test_a_reference_is_taken_once_and_for_good(store: Store) -> None:
    first = taking()
    assert store.reference_holder(CLAIM) is None
    assert store.accept(first).payment == first.payment
    for rival in (other(), other(customer_id="eve"), taking(customer_id="eve")):
        with pytest.raises(ReferenceTaken) as error:
            store.accept(rival)
        assert error.value.key == first.payment.key
        assert store.get_payment(rival.payment.key) is None
    assert store.reference_holder(CLAIM) == first.payment.key


def test_a_refused_payment_binds_no_key(store: Store) -> None:
    store.accept(taking())
    with pytest.raises(ReferenceTaken):
        store.accept(other()._replace(record=a_claim()))
    assert store.read_for_payment("ada", ["h1"]).idempotency_records == {}


def test_a_used_reference_comes_before_a_duplicate(store: Store) -> None:
    alike = duplicate_check("shop", "ada", usd("12.5"), later(600), 1, ignore=False)
    store.accept(taking()._replace(alike=alike))
    with pytest.raises(ReferenceTaken):
        store.accept(other()._replace(alike=alike))


def test_the_same_payment_again_has_its_reference(store: Store) -> None:
    first = taking()._replace(record=a_claim())
    store.accept(first)
    again = first._replace(replaces=first.record)
    assert store.accept(again).payment == first.payment


def test_another_reference_and_another_client_are_free(store: Store) -> None:
    store.accept(taking())
    for number, claim in enumerate(
        [reference_claim("shop", "invoice-1008"), reference_claim("payroll", "invoice-1007")], 1
    ):
        rival = other(number)._replace(reference=claim)
        assert store.accept(rival).payment == rival.payment


def test_a_retry_takes_it_over_from_the_payment_that_it_may(store: Store) -> None:
    first = taking()
    store.accept(first)
    retry = other()._replace(reference=CLAIM._replace(allowed=first.payment.payment_id))
    assert store.accept(retry).payment == retry.payment
    assert store.reference_holder(CLAIM) == retry.payment.key
    late = other(2)._replace(reference=CLAIM._replace(allowed=first.payment.payment_id))
    with pytest.raises(ReferenceTaken):
        store.accept(late)


def test_a_payment_that_finds_its_id_taken_takes_no_reference(store: Store) -> None:
    older = a_payment()
    store.accept(Acceptance(older))
    assert store.accept(taking()).payment == older
    assert store.reference_holder(CLAIM) is None


def test_of_many_that_take_it_at_once_one_is_accepted(store: Store) -> None:
    rivals = [other(number, customer_id=f"c{number % 3}") for number in range(CALLERS)]

    def attempt(rival: Acceptance) -> PaymentKey | None:
        try:
            stored = store.accept(rival).payment
        except ReferenceTaken:
            return None
        assert stored == rival.payment
        return stored.key

    accepted = [key for key in at_once(attempt, rivals) if key]
    assert accepted == [store.reference_holder(CLAIM)]
    stored = store.get_payments([rival.payment.key for rival in rivals])
    assert list(stored) == accepted


def test_requests_at_once_with_one_key_and_one_reference_get_one_payment(store: Store) -> None:
    services = a_process(store, utc_now, LedgerProvider(), unique_references=True)
    services.customers.register("ada", "ada@example.com", {})
    order = ORDER._replace(texts=CallerTexts("invoice-1007"))

    def request(number: int) -> Payment | None:
        key = "k1" if number % 2 else f"other-{number}"
        try:
            return services.payments.request(order, key, SHOP).payment
        except (ReferenceUsed, StoreUnavailable):
            return None

    answers = {payment.key for payment in at_once(request, range(CALLERS)) if payment}
    listed = store.list_payments("ada", PageQuery(limit=100)).payments
    assert [each.key for each in listed] == list(answers)
    assert len(answers) == 1


def test_a_retry_keeps_its_reference_and_retries_at_once_do_too(store: Store) -> None:
    services = a_process(store, utc_now, LedgerProvider(), unique_references=True)
    services.customers.register("ada", "ada@example.com", {})
    order = ORDER._replace(texts=CallerTexts("invoice-1007"))
    payment = services.payments.request(order, by=SHOP).payment
    failed = stamped(payment).moved(Status.FAILED, utc_now(), Cause.POLL, reason="no")
    assert store.change_payments([PaymentChange(payment, failed)]) == [True]
    keys = ["k1"] * 4
    retried = at_once(lambda key: services.retries.retry(failed.key, None, key, SHOP).payment, keys)
    assert len({each.key for each in retried}) == 1
    assert store.reference_holder(CLAIM) == retried[0].key


# Crashes: the transaction of DynamoDB is made, or not


def test_dynamodb_takes_no_reference_where_the_payment_is_not_written(
    dynamodb_store: DynamoDBStore,
) -> None:
    store, acceptance = dynamodb_store, taking()._replace(record=a_claim())
    with unwritable_payments(store), pytest.raises(StoreUnavailable):
        store.accept(acceptance)
    assert store.reference_holder(CLAIM) is None
    assert store.accept(other()).payment is not None  # another one may have it


def test_dynamodb_takes_it_once_where_answers_are_lost(dynamodb_store: DynamoDBStore) -> None:
    store, acceptance = dynamodb_store, taking()
    with lost_answers(store._client(), "TransactWriteItems", count=1):
        assert store.accept(acceptance).payment == acceptance.payment
    assert store.reference_holder(CLAIM) == acceptance.payment.key


@pytest.mark.usefixtures("requested_now")
def test_dynamodb_takes_it_by_one_read_and_one_transaction(dynamodb_store: DynamoDBStore) -> None:
    with counted_calls(dynamodb_store._client()) as calls:
        dynamodb_store.accept(taking()._replace(record=a_claim()))
    assert calls.names == ["GetItem", "PutItem", "PutItem", "TransactWriteItems"]


@pytest.mark.usefixtures("requested_now")
def test_dynamodb_finds_a_payment_by_a_reference_for_one_request_more(
    dynamodb_store: DynamoDBStore,
) -> None:
    payment = replace(a_payment(), texts=CallerTexts("invoice-1007"))
    with counted_calls(dynamodb_store._client()) as calls:
        dynamodb_store.accept(Acceptance(payment, a_claim()))
    assert calls.names == ["PutItem"] * 4
