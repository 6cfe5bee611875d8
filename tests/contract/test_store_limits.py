"""Every engine: a payment is counted by the write that accepts it, and given back once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import cast

import pytest

from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.duplicates import DuplicateCheck, DuplicateFound, duplicate_check
from paymentapp.models.limits import STEP, STEPS, Charge, LimitReached
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.revisions import new_revision
from paymentapp.services.limits import Limits, Spender, read_limits
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.codec.limits import counter_key, counter_record
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb.attribute_values import to_item
from paymentapp.storage.sqlite import SQLiteStore
from tests.contract.test_store_races import at_once
from tests.support.aws_calls import counted as counted_calls
from tests.support.aws_calls import lost_answers, unwritable_payments
from tests.support.item_size import item_size
from tests.support.records import NOW, a_claim, a_payment, later, stamped, usd

THREADS = 32
RULES = ["all USD 100/day", "client USD 100/month", "customer USD 100/24h"]


def counted(
    rules: str = RULES[0], amount: str = "40", number: int = 0, **fields: object
) -> Acceptance:
    """Return the acceptance of a payment, asked for by one client, that counts against rules."""
    made = later(number)
    payment = a_payment(payment_id=to_text(made), money=usd(amount), **fields)
    spender = Spender("shop", payment.customer_id)
    charges = Limits(read_limits(rules)).charges(spender, payment.money, NOW)
    return Acceptance(replace(payment, charges=tuple(map(str, charges))), charges=charges)


def total(store: Store, acceptance: Acceptance) -> list[Decimal]:
    return [sum(slots.values(), Decimal(0)) for slots in store.count_of(acceptance.charges)]


def accept(store: Store, acceptance: Acceptance) -> Payment | None:
    try:
        return store.accept(acceptance).payment
    except LimitReached:
        return None


def moved(store: Store, old: Payment, status: Status, seconds: float = 5) -> Payment:
    new = old.moved(status, later(seconds), Cause.POLL, due_at=None)
    assert store.change_payments([PaymentChange(old, new)]) == [True]
    return new


@pytest.mark.parametrize("rule", RULES)
def test_a_payment_counts_up_to_the_limit(store: Store, rule: str) -> None:
    first, second = counted(rule), counted(rule, "60", 1)
    assert store.accept(first).payment == first.payment
    assert store.accept(second).payment == second.payment
    assert total(store, first) == [100]
    assert store.get_payment(first.payment.key) == first.payment


@pytest.mark.parametrize("rule", RULES)
def test_a_payment_above_the_limit_leaves_nothing(store: Store, rule: str) -> None:
    first, above = counted(rule), counted(rule, "60.01", 1)
    store.accept(first)
    with pytest.raises(LimitReached) as error:
        store.accept(above._replace(record=a_claim()))
    assert error.value.charge == above.charges[0]
    assert list(error.value.slots.values()) == [40]
    assert store.get_payment(above.payment.key) is None
    assert total(store, first) == [40]
    assert store.read_for_payment("ada", ["h1"]).idempotency_records == {}


def test_more_than_the_limit_never_fits_an_unused_counter(store: Store) -> None:
    with pytest.raises(LimitReached) as error:
        store.accept(counted(amount="100.01"))
    assert error.value.slots == {}


def test_where_one_of_several_limits_is_reached_none_counts(store: Store) -> None:
    first = counted("; ".join(RULES))
    second = counted("all USD 1000/day; client USD 50/month; customer USD 1000/24h", number=1)
    store.accept(first)
    with pytest.raises(LimitReached) as error:
        store.accept(second)
    assert error.value.charge.counter == "client/shop/USD/month"
    assert total(store, first) == [40, 40, 40]


def test_without_a_limit_an_amount_is_counted_all_the_same(store: Store) -> None:
    first = counted(amount="90")
    charges: list[Charge] = [replace(charge, limit=None) for charge in first.charges]
    store.accept(first._replace(charges=charges))
    second = counted(amount="90", number=1)
    store.accept(second._replace(charges=charges))
    assert total(store, first) == [180]


def test_accepting_the_same_again_counts_it_once(store: Store) -> None:
    acceptance = counted("; ".join(RULES), "60")._replace(record=a_claim())
    assert store.accept(acceptance) == store.accept(acceptance)
    assert total(store, acceptance) == [60, 60, 60]


def test_a_payment_whose_id_is_taken_is_not_counted(store: Store) -> None:
    first = counted()
    store.accept(first)
    other = counted(request_id=new_revision(), revision=new_revision())
    assert store.accept(other).payment == first.payment
    assert total(store, first) == [40]


def test_a_payment_whose_key_is_bound_otherwise_is_not_counted(store: Store) -> None:
    first, second = counted(), counted(number=1)
    store.accept(first._replace(record=a_claim()))
    assert store.accept(second._replace(record=a_claim())).payment is None
    assert total(store, first) == [40]


def test_a_request_whose_key_was_bound_meanwhile_is_not_refused(store: Store) -> None:
    """Its payment is accepted already: a retry that overtakes the first answer learns of it."""
    first = counted(amount="100")._replace(record=a_claim())
    store.accept(first)
    late = counted(amount="100", number=1)._replace(record=a_claim())
    assert store.accept(late) == (None, first.record)


@pytest.mark.parametrize("rule", RULES)
def test_many_at_the_edge_never_go_over(store: Store, rule: str) -> None:
    rivals = [counted(rule, "7.01", number) for number in range(THREADS)]
    accepted = [payment for payment in at_once(lambda a: accept(store, a), rivals) if payment]
    assert len(accepted) == 14
    assert total(store, rivals[0]) == [Decimal("98.14")]
    assert len(store.get_payments([rival.payment.key for rival in rivals])) == 14


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("status", [Status.CANCELLED, Status.FAILED])
def test_what_is_not_paid_is_given_back_once(store: Store, rule: str, status: Status) -> None:
    first, second = counted(rule), counted(rule, "50", 1)
    store.accept(first)
    store.accept(second)
    old = first.payment
    change = PaymentChange(old, old.moved(status, later(5), Cause.POLL, due_at=None))
    assert store.change_payments([change]) == store.change_payments([change]) == [True]
    assert total(store, first) == [50]


def test_a_change_that_loses_gives_nothing_back(store: Store) -> None:
    first = counted()
    store.accept(first)
    held = stamped(first.payment)
    store.change_payments([PaymentChange(first.payment, held)])
    late = first.payment.moved(Status.CANCELLED, later(5), Cause.REQUEST, due_at=None)
    assert store.change_payments([PaymentChange(first.payment, late)]) == [False]
    assert total(store, first) == [40]


def test_what_succeeds_counts_until_it_is_returned(store: Store) -> None:
    first = counted()
    store.accept(first)
    paid = moved(store, moved(store, first.payment, Status.SUBMITTED), Status.SUCCEEDED)
    assert total(store, first) == [40]
    moved(store, paid, Status.RETURNED)
    assert total(store, first) == [0]


def test_many_changes_give_back_what_each_counted(store: Store) -> None:
    accepted = [counted(amount="3", number=number) for number in range(9)]
    for each in accepted:
        store.accept(each)
    failed = [
        PaymentChange(p, p.moved(Status.FAILED, later(60), Cause.POLL, due_at=None))
        for p in (each.payment for each in accepted[:5])
    ]
    others = [PaymentChange(each.payment, stamped(each.payment)) for each in accepted[5:]]
    assert store.change_payments([*failed, *others]) == [True] * 9
    assert total(store, accepted[0]) == [12]


def test_many_cancellations_of_one_payment_give_back_once(store: Store) -> None:
    first, second = counted(), counted(number=1)
    store.accept(first)
    store.accept(second)
    rivals = [
        PaymentChange(first.payment, first.payment.moved(Status.CANCELLED, later(n), Cause.REQUEST))
        for n in range(8)
    ]
    made = at_once(lambda change: store.change_payments([change])[0], rivals)
    assert sum(made) == 1
    assert total(store, first) == [40]


@pytest.mark.parametrize("rule", RULES)
def test_payments_that_come_and_go_at_once_are_counted_exactly(store: Store, rule: str) -> None:
    """Each thread accepts four payments one after another, and cancels every other one."""

    def come_and_go(thread: int) -> Decimal:
        kept = Decimal(0)
        for turn in range(4):
            paid = accept(store, counted(rule, "9.99", 4 * thread + turn))
            if paid is not None and turn % 2:
                moved(store, paid, Status.CANCELLED, 200)
            elif paid is not None:
                kept += paid.money.amount
        return kept

    kept = sum(at_once(come_and_go, range(8)))
    assert total(store, counted(rule)) == [kept]
    assert 0 < kept <= 100


@pytest.mark.parametrize("rule", RULES)
def test_a_window_that_is_over_is_left_alone(store: Store, rule: str) -> None:
    first = counted(rule)
    store.accept(first)
    paid = moved(store, first.payment, Status.SUCCEEDED)
    moved(store, paid, Status.RETURNED, timedelta(days=60).total_seconds())
    assert total(store, first) == [40]


def alike(**fields: object) -> DuplicateCheck:
    check = duplicate_check("shop", "ada", usd("12.5"), later(600), 1, ignore=False)
    return check._replace(**fields)  # type: ignore[arg-type]


def other(number: int = 1) -> Payment:
    return a_payment(payment_id=to_text(later(number)))


def test_the_same_payment_again_is_found(store: Store) -> None:
    first = a_payment()
    store.accept(Acceptance(first, alike=alike()))
    with pytest.raises(DuplicateFound) as error:
        store.accept(Acceptance(other(), a_claim(), alike=alike()))
    assert error.value.key == first.key
    assert store.get_payment(other().key) is None
    assert store.read_for_payment("ada", ["h1"]).idempotency_records == {}


@pytest.mark.parametrize(
    "fields",
    [{"since": None}, {"since": to_text(later(1))}, {"allowed": to_text(NOW)}, {"likeness": "x"}],
)
def test_what_is_no_duplicate_is_accepted(store: Store, fields: dict[str, object]) -> None:
    store.accept(Acceptance(a_payment(), alike=alike()))
    assert store.accept(Acceptance(other(), alike=alike(**fields))).payment is not None
    with pytest.raises(DuplicateFound) as error:
        store.accept(Acceptance(other(2), alike=alike(**fields | {"since": to_text(NOW)})))
    assert error.value.key.payment_id in {to_text(NOW), other().payment_id}


def test_of_many_payments_alike_one_is_accepted(store: Store) -> None:
    rivals = [Acceptance(other(number), alike=alike()) for number in range(8)]

    def attempt(rival: Acceptance) -> bool:
        try:
            return store.accept(rival).payment is not None
        except DuplicateFound:
            return False

    assert sum(at_once(attempt, rivals)) == 1


# Crashes: the transaction of DynamoDB is made, or not


def test_dynamodb_counts_nothing_where_the_payment_is_not_written(
    dynamodb_store: DynamoDBStore,
) -> None:
    store, acceptance = dynamodb_store, counted("; ".join(RULES))._replace(record=a_claim())
    with unwritable_payments(store), pytest.raises(StoreUnavailable):
        store.accept(acceptance)
    assert total(store, acceptance) == [0, 0, 0]
    again = acceptance._replace(replaces=acceptance.record)
    assert store.accept(again).payment == acceptance.payment
    assert total(store, acceptance) == [40, 40, 40]


@pytest.mark.parametrize("rule", RULES)
def test_dynamodb_counts_once_where_answers_are_lost(
    dynamodb_store: DynamoDBStore, rule: str
) -> None:
    store, acceptance = dynamodb_store, counted(rule)
    with lost_answers(store._client(), "TransactWriteItems", count=1):
        assert store.accept(acceptance).payment == acceptance.payment
    assert total(store, acceptance) == [40]


@pytest.mark.parametrize("rule", RULES)
def test_dynamodb_gives_back_once_where_answers_are_lost(
    dynamodb_store: DynamoDBStore, rule: str
) -> None:
    store, first, second = dynamodb_store, counted(rule), counted(rule, "50", 1)
    store.accept(first)
    store.accept(second)
    old = first.payment
    change = PaymentChange(old, old.moved(Status.CANCELLED, later(5), Cause.REQUEST))
    with lost_answers(store._client(), "TransactWriteItems", count=9), suppress(StoreUnavailable):
        store.change_payments([change])
    assert store.change_payments([change]) == [True]
    assert total(store, first) == [50]


@pytest.mark.parametrize("stale", [0, 1])
def test_dynamodb_gives_back_for_ten_payments_at_once(
    dynamodb_store: DynamoDBStore, stale: int
) -> None:
    """Where one of them has changed meanwhile, each is tried by itself."""
    store, rules = dynamodb_store, "all USD 100/day; customer USD 100/24h"
    accepted = [counted(rules, "3", number) for number in range(25)]
    for each in accepted:
        store.accept(each)
    for each in accepted[:stale]:
        store.change_payments([PaymentChange(each.payment, stamped(each.payment))])
    changes = [
        PaymentChange(p, p.moved(Status.FAILED, later(60), Cause.POLL, due_at=None))
        for p in (each.payment for each in accepted)
    ]
    with counted_calls(store._client()) as calls:
        assert store.change_payments(changes) == [not stale] + [True] * 24
    assert calls.names.count("TransactWriteItems") == (13 if stale else 3)
    assert total(store, accepted[0]) == [3 * stale, 3 * stale]


@pytest.mark.parametrize("rule", RULES)
def test_dynamodb_moves_a_payment_whose_counter_is_gone(
    dynamodb_store: DynamoDBStore, rule: str
) -> None:
    store, first = dynamodb_store, counted(rule)
    store.accept(first)
    key = to_item(counter_key(first.charges[0])._asdict())
    store._client().delete_item(TableName=store._operations, Key=key)
    moved(store, first.payment, Status.FAILED)
    assert store.count_of(first.charges) == [{}]


def test_sqlite_counts_nothing_where_the_payment_is_not_written(sqlite_store: SQLiteStore) -> None:
    acceptance = counted()
    broken = acceptance._replace(payment=replace(acceptance.payment, customer_id=cast(str, None)))
    with pytest.raises(StoreUnavailable):
        sqlite_store.accept(broken)
    assert total(sqlite_store, acceptance) == [0]


def test_sqlite_holds_a_limit_for_several_writers_of_a_file(sqlite_store: SQLiteStore) -> None:
    """Each store has a writer and a connection of its own, as each process has."""
    other = SQLiteStore(sqlite_store._path)
    rivals = [
        ([sqlite_store, other][number % 2], counted(amount="7.01", number=number))
        for number in range(THREADS)
    ]
    accepted = at_once(lambda rival: accept(*rival), rivals)
    other.close()
    assert len([payment for payment in accepted if payment]) == 14
    assert total(sqlite_store, rivals[0][1]) == [Decimal("98.14")]


# What it costs


@pytest.mark.parametrize("alike_too", [False, True])
@pytest.mark.usefixtures("requested_now")
def test_dynamodb_counts_by_one_read_and_one_transaction(
    dynamodb_store: DynamoDBStore, *, alike_too: bool
) -> None:
    store, acceptance = dynamodb_store, counted("; ".join(RULES))._replace(record=a_claim())
    acceptance = acceptance._replace(alike=alike() if alike_too else None)
    with counted_calls(store._client()) as calls:
        store.accept(acceptance)
    assert calls.names == ["BatchGetItem", "PutItem", "PutItem", "TransactWriteItems"]


@pytest.mark.usefixtures("requested_now")
def test_dynamodb_does_nothing_more_without_a_rule(dynamodb_store: DynamoDBStore) -> None:
    with counted_calls(dynamodb_store._client()) as calls:
        dynamodb_store.accept(Acceptance(a_payment(), a_claim()))
    assert calls.names == ["PutItem"] * 3


def test_a_counter_that_was_given_back_to_nothing_expires_all_the_same() -> None:
    charge = Charge("all//USD/day", "2026-03-01", Decimal(5))
    empty, full = (counter_record(charge, slots) for slots in ({}, {charge.slot: charge.amount}))
    assert empty["expires_at"] == full["expires_at"]


def test_a_month_of_a_busy_rolling_counter_stays_small() -> None:
    slots: dict[str, Decimal] = {}
    for number in range(30 * 96):
        now = NOW + number * STEP
        (charge,) = Limits(read_limits("all USD 10000000/24h")).charges(
            Spender("shop", "ada"), usd("99999.99"), now
        )
        slots = charge.counted(slots)
    record = counter_record(charge, slots)
    assert len(slots) <= STEPS + 4
    assert item_size(record) < 2048
