"""The DynamoDB engine: the cost of each call, in requests and units."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import to_text
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.batches import BatchState
from paymentapp.models.customer_history import registered
from paymentapp.models.customers import CustomerQuery
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.storage.base import Lease, PageQuery
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.codec.operations import idempotency_record
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.dynamodb import DynamoDBStore
from tests.support.aws_calls import Calls, counted
from tests.support.item_size import write_units
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_hold,
    a_payment,
    add_claim,
    add_payment,
    an_api_key,
    change_claim,
    later,
    members,
    payments_of_many,
    payments_over_time,
    stamped,
)


def calls_of(store: DynamoDBStore, action: Callable[[], object]) -> Calls:
    with counted(store._client()) as calls:
        action()
    return calls


def change(store: DynamoDBStore, old: Payment, new: Payment) -> bool:
    return store.change_payments([PaymentChange(old, new)]) == [True]


@pytest.mark.usefixtures("requested_now")
def test_accepting_a_payment_costs_one_read_and_four_units(dynamodb_store: DynamoDBStore) -> None:
    store = dynamodb_store
    store.add_customer(a_customer())
    payment, claim = a_payment(), a_claim()

    read = calls_of(store, lambda: store.read_for_payment("ada", ["h1", "h2"]))
    assert read.names == ["BatchGetItem"]
    assert calls_of(store, lambda: store.read_for_payment("ada", [])).names == ["GetItem"]
    assert calls_of(store, lambda: store.get_customer("ada")).names == ["GetItem"]

    accepted = calls_of(store, lambda: store.accept(Acceptance(payment, claim)))
    assert accepted.names == ["PutItem", "PutItem", "PutItem"]  # one for the event
    assert write_units(idempotency_record(claim)) == 1
    assert write_units(payment_record(payment)) == 1  # and as much again in the due index
    if accepted.truthful:
        assert accepted.units == 4


@pytest.mark.usefixtures("requested_now")
def test_the_life_of_a_payment_costs_eight_units_and_events(
    dynamodb_store: DynamoDBStore,
) -> None:
    """Count two for its key and its first event, two to add it, two to stamp it, two for outcomes.

    Each change has a unit for its event besides, which the changes of a batch share.
    """
    store = dynamodb_store
    accepted = a_payment()
    held = stamped(accepted)
    sent = held.moved(Status.SUBMITTED, later(2), Cause.DISPATCH, "P-1")
    settled = sent.moved(
        Status.SUCCEEDED, later(3), Cause.POLL, "I-1", provider_item_id="I-1", transaction_id="T-1"
    )
    life = [
        calls_of(store, lambda: store.accept(Acceptance(accepted, a_claim()))),
    ]
    for old, new in ((accepted, held), (held, sent), (sent, settled)):
        life.append(calls_of(store, lambda old=old, new=new: change(store, old, new)))  # type: ignore[misc]
        assert write_units(payment_record(old), payment_record(new)) == 1
    names = [name for calls in life for name in calls.names]
    assert names == ["PutItem"] * 3 + ["PutItem", "UpdateItem"] * 3
    assert store.get_payment(settled.key) == settled
    if life[0].truthful:
        assert [calls.units for calls in life] == [4, 3, 2, 2]


def test_many_changes_cost_a_request_for_each_25(dynamodb_store: DynamoDBStore) -> None:
    store = dynamodb_store
    olds = [add_payment(store, payment) for payment in payments_of_many(60)]
    stamps = [PaymentChange(old, stamped(old)) for old in olds]
    calls = calls_of(store, lambda: store.change_payments(stamps))
    assert calls.names == ["PutItem", *["BatchExecuteStatement"] * 3]
    again = calls_of(store, lambda: store.change_payments(stamps))
    assert sorted(again.names) == [
        *["BatchExecuteStatement"] * 3,
        *["BatchGetItem"] * 3,
        "PutItem",
    ]


def test_many_payments_are_read_a_hundred_at_a_time(dynamodb_store: DynamoDBStore) -> None:
    keys = [PaymentKey(f"c{number}", to_text(NOW)) for number in range(120)]
    calls = calls_of(dynamodb_store, lambda: dynamodb_store.get_payments(keys + keys))
    assert calls.names == ["BatchGetItem", "BatchGetItem"]


def test_a_page_is_one_query_that_reads_no_more(dynamodb_store: DynamoDBStore) -> None:
    store = dynamodb_store
    for payment in payments_over_time(6):
        add_payment(store, payment)
    for query in (PageQuery(3), PageQuery(3, Status.FAILED), PageQuery(3, before=to_text(NOW))):
        calls = calls_of(store, lambda query=query: store.list_payments("ada", query))  # type: ignore[misc]
        assert calls.names == ["Query"]
        assert calls.requests[0]["Limit"] == 3
        assert calls.requests[0]["ConsistentRead"] is True


def test_a_page_of_customers_reads_no_more_than_the_page(dynamodb_store: DynamoDBStore) -> None:
    store = dynamodb_store
    for number in range(6):
        store.add_customer(a_customer(customer_id=f"c{number}"))
    page = calls_of(store, lambda: store.list_customers(CustomerQuery(3)))
    assert (page.names, page.requests[0]["Limit"]) == (["Scan"], 3)
    found = calls_of(store, lambda: store.list_customers(CustomerQuery(3, a_customer().email)))
    assert (found.names, found.requests[0]["Limit"]) == (["Query", "BatchGetItem"], 3)
    (keys,) = (each["Keys"] for each in found.requests[1]["RequestItems"].values())
    assert len(keys) == 3


def test_a_page_of_the_account_reads_little_more_than_the_page(
    dynamodb_store: DynamoDBStore,
) -> None:
    """Read 11 entries of each shard at most for a page of 25, and the payments that it shows."""
    store = dynamodb_store
    for payment in payments_over_time(60):
        add_payment(store, payment)
    calls = calls_of(store, lambda: store.list_account_payments(AccountQuery(25)))
    assert set(calls.names) == {"Query", "BatchGetItem"}
    queries = [each for each in calls.requests if "Limit" in each]
    assert all(each["Limit"] <= 11 and each["ConsistentRead"] for each in queries)
    assert len(queries) <= 16
    reads = [each["RequestItems"] for each in calls.requests if "RequestItems" in each]
    assert sum(len(wanted["Keys"]) for read in reads for wanted in read.values()) == 25


def test_what_an_entry_says_is_filtered_without_reading_payments(
    dynamodb_store: DynamoDBStore,
) -> None:
    store = dynamodb_store
    for payment in payments_over_time(20):
        add_payment(store, payment)
    cheap: list[dict[str, Any]] = [
        {"reference": "r"},
        {"created_by": "payroll"},
        {"min_amount": Decimal(99)},
    ]
    for filters in cheap:
        query = AccountQuery(5, **filters)
        calls = calls_of(store, lambda query=query: store.list_account_payments(query))  # type: ignore[misc]
        assert calls.names == ["Query"] * 8


@pytest.mark.usefixtures("requested_now")
def test_each_other_method_costs_what_it_says(dynamodb_store: DynamoDBStore) -> None:
    store, batch = dynamodb_store, a_batch(size=1200)
    frozen = batch.changed(state=BatchState.FROZEN)
    accepted = frozen.changed(state=BatchState.ACCEPTED, reference="PP-1")
    first, second, key = a_claim(), a_claim(), an_api_key()
    bob, lines = registered(a_customer(customer_id="bob"), "payroll")
    expected: list[tuple[Callable[[], object], list[str]]] = [
        (store.ping, ["BatchGetItem"]),
        (lambda: store.add_customer(a_customer()), ["PutItem"]),
        (lambda: store.add_customer(a_customer()), ["PutItem"]),
        (lambda: store.add_customer(*registered(bob, "x")), ["TransactWriteItems"]),
        (lambda: store.change_customer(bob, bob.changed(), lines), ["TransactWriteItems"]),
        (lambda: store.customer_history("bob", 3), ["Query"]),
        (lambda: add_payment(store, a_payment()), ["PutItem"] * 2),
        (lambda: add_claim(store, first), ["PutItem"] * 3),
        (lambda: add_claim(store, second), ["PutItem"]),
        (lambda: change_claim(store, first, second), ["UpdateItem", "PutItem", "PutItem"]),
        (lambda: change_claim(store, first, a_claim()), ["UpdateItem", "GetItem"]),
        (lambda: store.add_batch(batch, members(1200)), ["PutItem"] * 4),
        (lambda: store.get_batch(batch.batch_id), ["GetItem"]),
        (lambda: store.get_members(batch), ["Query"]),
        (lambda: store.change_batch(batch, frozen), ["UpdateItem"]),
        (lambda: store.change_batch(frozen, accepted), ["PutItem", "UpdateItem"]),
        (lambda: store.due_batches(1, later(99), 10), ["Query", "BatchGetItem"]),
        (lambda: store.due_batches(2, later(99), 10), ["Query"]),
        (store.parked_batches, ["Query"]),
        (lambda: store.due_payments(1, NOW, 10), ["Query"]),
        (lambda: store.hold_lease(Lease("a", "me", later(9)), NOW), ["PutItem"]),
        (lambda: store.hold_lease(Lease("a", "you", later(9)), NOW), ["PutItem"]),
        (lambda: store.get_lease("a"), ["GetItem"]),
        (lambda: store.add_hold(a_hold()), ["PutItem"] * 2),
        (store.list_holds, ["Query"]),
        (lambda: store.release_hold(a_hold(), a_hold()), ["PutItem", "PutItem", "DeleteItem"]),
        (store.released_holds, ["Query"]),
        (lambda: store.list_events(None, 10), ["GetItem"]),
        (lambda: store.list_account_payments(AccountQuery(10)), ["Query"] * 8 + ["BatchGetItem"]),
        (store.list_api_keys, ["Query"]),
        (lambda: store.get_api_key("k"), ["GetItem"]),
        (lambda: store.add_api_key(key), ["PutItem"]),
        (lambda: store.change_api_key(key, key.changed(revoked_at=NOW)), ["UpdateItem"]),
    ]
    for place, (action, names) in enumerate(expected):
        assert calls_of(store, action).names == names, f"call {place}"
