"""Every engine: several payments are accepted by few calls, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.errors import NotPayable, PaymentAppError, StoreUnavailable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.duplicates import DuplicateCheck
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.accepting import AcceptRequest, Decide, PaymentContext
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.dynamodb import DynamoDBStore, list_entries
from paymentapp.storage.dynamodb import events as dynamodb_events
from paymentapp.storage.sqlite import SQLiteStore
from tests.contract.test_store_event_list import listed
from tests.contract.test_store_races import WRITERS, at_once
from tests.support.aws_calls import counted, lost_answers
from tests.support.records import NOW, a_claim, a_customer, a_payment, add_claim, later

MANY = 60  # more than one request of DynamoDB takes


def acceptance(number: int, customer_id: str = "", **changes: Any) -> Acceptance:
    """Return a payment and its key, of a customer of its own by default."""
    name, payment_id = customer_id or f"c{number}", to_text(later(number))
    payment = a_payment(customer_id=name, payment_id=payment_id, request_id=f"h{number}")
    claim = a_claim(key_hash=f"h{number}", customer_id=name, payment_id=payment_id)
    return Acceptance(payment, claim)._replace(**changes)


def request(wanted: Acceptance) -> AcceptRequest:
    """Return the request of a payment, unless its key is used."""
    record = wanted.record
    assert record is not None
    return AcceptRequest(
        wanted.payment.customer_id,
        (record.key_hash,),
        lambda context: None if context.idempotency_records else wanted,
    )


def refused(customer_id: str = "ada") -> AcceptRequest:
    def refuse(_: PaymentContext) -> Acceptance | None:
        raise NotPayable("email", "This is not the customer's e-mail.")

    return AcceptRequest(customer_id, ("refused",), refuse)


def keys(store: Store, wanted: Sequence[Acceptance]) -> list[IdempotencyRecord | None]:
    """Return what is bound under the key of each acceptance."""
    names = [each.record.key_hash for each in wanted if each.record]
    return [store.read_for_payment("ada", [name]).idempotency_records.get(name) for name in names]


def test_all_are_stored_with_their_keys(store: Store) -> None:
    wanted = [acceptance(number) for number in range(MANY)]
    payments = [each.payment for each in wanted]
    assert store.accept_many(list(map(request, wanted))) == payments
    assert store.get_payments([each.key for each in payments]) == {p.key: p for p in payments}
    assert keys(store, wanted) == [each.record for each in wanted]


def test_each_is_decided_by_what_is_on_record(store: Store) -> None:
    customers = [store.add_customer(a_customer(customer_id=f"c{n}")) for n in range(MANY)]
    used = add_claim(store, a_claim(key_hash="h7"))
    seen: dict[str, PaymentContext] = {}

    def look(name: str) -> Decide:
        return lambda context: seen.update({name: context})

    wanted = [AcceptRequest(f"c{n}", (f"h{n}",), look(f"c{n}")) for n in range(MANY)]
    wanted.append(AcceptRequest("nobody", ("x",), look("nobody")))
    assert store.accept_many(wanted) == [None] * (MANY + 1)
    expected = {each.customer_id: PaymentContext(each, {}) for each in customers}
    expected["c7"] = PaymentContext(customers[7], {"h7": used})
    assert seen == expected | {"nobody": PaymentContext(None, {})}


def test_none_are_accepted_of_none(store: Store) -> None:
    assert store.accept_many([]) == []


def test_one_that_is_refused_leaves_nothing_and_the_others_are_accepted(store: Store) -> None:
    first, last = acceptance(1), acceptance(2)
    found = store.accept_many([request(first), refused(), request(last)])
    assert found == [first.payment, None, last.payment]
    assert store.read_for_payment("ada", ["refused"]) == PaymentContext(None, {})


def test_a_used_key_gets_no_second_payment(store: Store) -> None:
    wanted = [acceptance(number) for number in range(3)]
    assert None not in store.accept_many(list(map(request, wanted)))
    again = [
        Acceptance(replace(each.payment, payment_id=to_text(later(99))), acceptance(n).record)
        for n, each in enumerate(wanted)
    ]
    assert store.accept_many(list(map(request, again))) == [None] * 3
    stale = [each._replace(key_hashes=()) for each in map(request, again)]
    assert store.accept_many(stale) == [None] * 3  # as a process that has read them long ago
    assert store.get_payments([each.payment.key for each in again]) == {}


def test_a_key_that_is_bound_to_a_refusal_gets_no_payment(store: Store) -> None:
    wanted = acceptance(1)
    store.bind_key(a_claim(key_hash="h1", refusal="amount\nToo much."), None)
    assert store.accept_many([AcceptRequest("c1", (), lambda _: wanted)]) == [None]
    assert store.get_payment(wanted.payment.key) is None


def test_where_another_payment_has_the_id_the_key_awaits_another_one(store: Store) -> None:
    first, second = acceptance(1, "ada"), acceptance(1, "ada")
    other = second._replace(
        payment=replace(second.payment, request_id="h2"), record=a_claim(key_hash="h2")
    )
    assert store.accept_many([request(first), request(other)]) == [first.payment, None]
    assert store.get_payment(first.payment.key) == first.payment
    moved = replace(other.payment, payment_id=to_text(later(2)))
    assert other.record is not None
    bound = keys(store, [other])[0]
    record = (bound or other.record).moved(moved.payment_id)
    assert store.accept(Acceptance(moved, record, bound)).payment == moved


def test_of_processes_that_accept_the_same_each_payment_has_one(store: Store) -> None:
    """A process that was suspended goes on beside the one that has taken its place."""

    def rows_of(number: int) -> list[Acceptance]:
        return [acceptance(n + 100 * number) for n in range(30)]

    def accept(number: int) -> list[Payment | None]:
        wanted = [
            each._replace(record=a_claim(key_hash=f"row-{n}", payment_id=each.payment.payment_id))
            for n, each in enumerate(rows_of(number))
        ]
        return store.accept_many(list(map(request, wanted)))

    found = at_once(accept, list(range(WRITERS)))
    winners = [[each for each in row if each is not None] for row in zip(*found, strict=True)]
    assert [len(each) for each in winners] == [1] * 30
    all_keys = [each.payment.key for n in range(WRITERS) for each in rows_of(n)]
    assert set(store.get_payments(all_keys)) == {won.key for (won,) in winners}


def counted_ones(store: Store, wanted: Sequence[Acceptance]) -> list[bool]:
    """Accept payments as the service does; return which were, together or by themselves."""
    found = store.accept_many(list(map(request, wanted)))
    return [
        payment is not None or _alone(store, each)
        for payment, each in zip(found, wanted, strict=True)
    ]


def _alone(store: Store, wanted: Acceptance) -> bool:
    try:
        return store.accept(wanted).payment == wanted.payment
    except PaymentAppError:
        return False


def test_a_limit_lets_in_what_fits_and_refuses_the_rest(store: Store) -> None:
    charge = Charge("all//USD/day", "2026-03-01", Decimal(5), Decimal(12), 1, is_sole_limit=True)
    wanted = [acceptance(number, charges=(charge,)) for number in range(4)]
    wanted = [
        each._replace(payment=replace(each.payment, charges=(str(charge),))) for each in wanted
    ]
    assert counted_ones(store, wanted) == [True, True, False, False]
    assert store.count_of([charge]) == [{"2026-03-01": Decimal(10)}]
    assert keys(store, wanted[2:]) == [None, None]


def test_duplicates_and_references_are_refused_within_a_call(store: Store) -> None:
    alike = DuplicateCheck("l1", to_text(NOW), utc_now() + timedelta(days=2))
    taken = ReferenceClaim("digest")
    wanted = [
        acceptance(1, "ada", alike=alike),
        acceptance(2, "ada", alike=alike),
        acceptance(3, reference=taken),
        acceptance(4, reference=taken),
        acceptance(5),
    ]
    assert counted_ones(store, wanted) == [True, False, True, False, True]
    assert store.reference_holder(taken) == wanted[2].payment.key


def test_their_events_are_listed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))
    now = utc_now()
    wanted = [_requested(number, now) for number in range(MANY)]
    store.accept_many([*map(request, wanted), refused()])
    subjects = [each.event.subject for each in listed(store)]
    assert sorted(subjects) == sorted(each.payment.key for each in wanted)


def test_they_are_in_the_lists_of_the_account(store: Store) -> None:
    texts = CallerTexts("invoice 1")
    wanted = [_requested(number, utc_now()) for number in range(3)]
    wanted[1] = wanted[1]._replace(payment=replace(wanted[1].payment, texts=texts))
    store.accept_many(list(map(request, wanted)))
    every = store.list_account_payments(AccountQuery(limit=9)).payments
    assert {each.key for each in every} == {each.payment.key for each in wanted}
    found = store.list_account_payments(AccountQuery(limit=9, reference="invoice 1")).payments
    assert [each.key for each in found] == [wanted[1].payment.key]


def _requested(number: int, now: datetime) -> Acceptance:
    moment = now + timedelta(microseconds=number)
    payment = a_payment(
        customer_id=f"c{number}",
        payment_id=to_text(moment),
        request_id=f"h{number}",
        history=(Transition(moment, Status.PENDING, Cause.REQUEST),),
    )
    return Acceptance(payment, a_claim(key_hash=f"h{number}", payment_id=payment.payment_id))


def test_many_customers_are_read_at_once(store: Store) -> None:
    known = [store.add_customer(a_customer(customer_id=f"c{n}")) for n in range(120)]
    ids = [each.customer_id for each in known]
    assert store.get_customers([*ids, "nobody", ids[0]]) == {c.customer_id: c for c in known}
    assert store.get_customers([]) == {}


# SQLite


def test_sqlite_accepts_all_or_nothing_where_the_transaction_fails(
    sqlite_store: SQLiteStore,
) -> None:
    broken = acceptance(2)
    broken = broken._replace(payment=a_payment(customer_id=None))
    wanted = [request(acceptance(1)), request(broken)._replace(customer_id="c2")]
    with pytest.raises(StoreUnavailable):
        sqlite_store.accept_many(wanted)
    assert sqlite_store.get_payment(acceptance(1).payment.key) is None
    assert keys(sqlite_store, [acceptance(1)]) == [None]


# DynamoDB


def test_dynamodb_takes_few_requests(dynamodb_store: DynamoDBStore) -> None:
    wanted = [_requested(number, utc_now()) for number in range(25)]
    with counted(dynamodb_store._client()) as calls:
        dynamodb_store.accept_many(list(map(request, wanted)))
    assert calls.names == ["BatchGetItem", *["BatchExecuteStatement"] * 3]


def test_after_a_lost_answer_each_payment_is_there_once(dynamodb_store: DynamoDBStore) -> None:
    wanted = [acceptance(number) for number in range(5)]
    with lost_answers(dynamodb_store._client(), "BatchExecuteStatement"):
        found = dynamodb_store.accept_many(list(map(request, wanted)))
    assert found == [None] * 5  # their keys are bound: by whom, only a second look can tell
    for each in wanted:
        assert dynamodb_store.accept(each._replace(replaces=each.record)).payment == each.payment


def test_an_entry_that_lands_late_is_announced_again(
    dynamodb_store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_entries, "LANDED", -1.0)
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))
    wanted = [_requested(number, utc_now()) for number in range(2)]
    dynamodb_store.accept_many(list(map(request, wanted)))
    subjects = {each.event.subject for each in listed(dynamodb_store)}
    assert subjects == {each.payment.key for each in wanted}
