"""DynamoDB: the counter of a limit at which many requests meet stays exact.

An emulator makes transactions on one item wait for each other. Here they are refused, as by AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count

import pytest

from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.limits import STEP, LimitReached
from paymentapp.models.payments import Payment, Status
from paymentapp.services.limits import Limits, Spender, read_limits
from paymentapp.storage import open_store
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb.transactions import attempt
from tests.contract.test_store_limits import accept, counted, moved, total
from tests.contract.test_store_races import at_once
from tests.support.aws_calls import counted as counted_calls
from tests.support.aws_calls import lost_answers, unwritable_payments
from tests.support.records import NOW, a_claim, usd
from tests.support.transaction_conflicts import conflicts

RULES = ["all USD 100000/day", "all USD 100000/24h"]
BLOCK = 78  # payments of 10 USD that a shard gets room for at first: 100,000 / 10 / 64 / 2
every_window = pytest.mark.parametrize("rule", RULES)
OpenStore = Callable[[], DynamoDBStore]


@pytest.fixture
def another(dynamodb_settings: Settings) -> Iterator[OpenStore]:
    """Return a function that opens the same tables as another process does."""
    opened: list[DynamoDBStore] = []

    def another_store() -> DynamoDBStore:
        store = open_store(dynamodb_settings)
        assert isinstance(store, DynamoDBStore)
        opened.append(store)
        return store

    yield another_store
    for store in opened:
        store.close()


def busy(store: DynamoDBStore, *acceptances: Acceptance) -> DynamoDBStore:
    """Return a store that has met other requests at the counters of some acceptances."""
    for acceptance in acceptances:
        for charge in acceptance.charges:
            store._contention.note(charge.counter)
    return store


def use_shards(store: DynamoDBStore, rule: str, shards: int = 5) -> Decimal:
    """Accept payments of 10 USD by several shards; return what they add up to."""
    payments = [counted(rule, "10", number) for number in range(shards)]
    for payment in payments:
        busy(store, payment)
        store._contention._own.shard = payments.index(payment)
        assert accept(store, payment)
    return Decimal(10 * shards)


def set_aside(store: DynamoDBStore, rule: str) -> Decimal:
    """Return what is counted in advance."""
    (charge,) = counted(rule).charges
    return sum((each.room for each in store._whole(charge).shards), Decimal(0))


@every_window
def test_room_is_set_aside_where_requests_meet(dynamodb_store: DynamoDBStore, rule: str) -> None:
    store, rivals = dynamodb_store, [counted(rule, "10", number) for number in range(24)]
    with conflicts(store._client(), seconds=0.01) as met:
        assert all(at_once(lambda rival: accept(store, rival), rivals))
    assert met.refused
    assert total(store, rivals[0]) == [240]
    assert set_aside(store, rule) > 0


@every_window
def test_no_room_is_set_aside_where_nobody_meets(dynamodb_store: DynamoDBStore, rule: str) -> None:
    for number in range(5):
        accept(dynamodb_store, counted(rule, "10", number))
    assert set_aside(dynamodb_store, rule) == 0


@every_window
def test_what_is_set_aside_is_nobodys_use(dynamodb_store: DynamoDBStore, rule: str) -> None:
    spent = use_shards(dynamodb_store, rule)
    assert set_aside(dynamodb_store, rule) > 5 * 10 * BLOCK * 0.9
    assert total(dynamodb_store, counted(rule)) == [spent]


@every_window
def test_all_that_is_set_aside_is_there_for_one_payment(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    """The process that set it aside may have died: nothing has to expire first."""
    spent = use_shards(dynamodb_store, rule)
    rest = counted(rule, str(100000 - spent), 100)
    assert accept(another(), rest)
    assert total(dynamodb_store, rest) == [100000]
    assert set_aside(dynamodb_store, rule) == 0


@every_window
def test_no_more_is_put_back_than_a_payment_needs(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    store, spent = dynamodb_store, use_shards(dynamodb_store, rule)
    aside = set_aside(store, rule)
    assert accept(another(), counted(rule, str(100000 - spent - aside + 1), 100))
    (charge,) = counted(rule).charges
    rooms = [each.room for each in store._whole(charge).shards]
    assert (rooms.count(Decimal(0)), sum(rooms)) == (60, aside - 10 * (BLOCK - 1))


@every_window
def test_a_cent_more_than_all_there_is_gets_refused(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    spent = use_shards(dynamodb_store, rule)
    above = counted(rule, str(100000 - spent + Decimal("0.01")), 100)
    for store in (busy(dynamodb_store, above), another()):
        with pytest.raises(LimitReached) as error:
            store.accept(above)
        assert list(error.value.slots.values()) == [spent]


@pytest.mark.usefixtures("requested_now")
@every_window
def test_a_payment_uses_room_in_any_shard(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    store, spent = dynamodb_store, use_shards(dynamodb_store, rule)
    rest = 100000 - spent - set_aside(store, rule)
    assert accept(another(), counted(rule, str(rest), 100))
    store._contention._own.shard = 40
    with counted_calls(store._client()) as calls:
        assert accept(store, counted(rule, "10", 9))
    assert calls.names == ["BatchGetItem", "BatchGetItem", "PutItem", "TransactWriteItems"]
    assert total(store, counted(rule)) == [spent + rest + 10]


@every_window
@pytest.mark.parametrize("aside", [False, True])
def test_many_processes_at_the_edge_never_go_over(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str, *, aside: bool
) -> None:
    stores = [dynamodb_store, *(another() for _ in range(3))]
    spent = use_shards(dynamodb_store, rule) if aside else Decimal(0)
    nearly = counted(rule, str(99900 - spent), 100)
    assert accept(dynamodb_store, nearly)
    rivals = [counted(rule, "7.01", 200 + number) for number in range(32)]
    with conflicts(*(each._client() for each in stores)) as met:
        turns = [(stores[number % 4], rival) for number, rival in enumerate(rivals)]
        accepted = [each for each in at_once(lambda turn: accept(*turn), turns) if each]
    assert met.refused
    assert len(accepted) == 14
    assert total(dynamodb_store, nearly) == [Decimal("99998.14")]


def accept_patiently(store: DynamoDBStore, acceptance: Acceptance) -> Payment | None:
    """Request a payment again where others change the shards all the time, as a caller does."""
    for _ in range(4):
        try:
            return accept(store, acceptance)
        except StoreUnavailable:
            continue
    return accept(store, acceptance)


@every_window
def test_requests_of_any_amount_use_up_the_limit_and_no_more(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    """Each thread pays until it is refused: then less than the smallest amount is left."""
    stores = [dynamodb_store, another()]
    spent = use_shards(dynamodb_store, rule, 20)
    start = 100000 - spent - set_aside(dynamodb_store, rule) - 500
    assert accept(dynamodb_store, counted(rule, str(start), 50))

    def pay(thread: int) -> Decimal:
        paid, amount, turns = (
            Decimal(0),
            Decimal("37.03") * (thread + 1),
            count(1000 * thread + 100),
        )
        while accept_patiently(stores[thread % 2], counted(rule, str(amount), next(turns))):
            paid += amount
        return paid

    with conflicts(*(each._client() for each in stores)) as met:
        paid = sum(at_once(pay, range(8)))
    assert met.refused
    (used,) = total(dynamodb_store, counted(rule))
    assert used == spent + start + paid
    assert 0 <= 100000 - used < Decimal("37.03")


@every_window
def test_many_at_the_edge_share_what_is_set_aside(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    """All that is left is in shards, and no shard by itself has room for a payment."""
    store, spent = dynamodb_store, use_shards(dynamodb_store, rule, 20)
    aside = set_aside(store, rule)
    another().accept(counted(rule, str(100000 - spent - aside), 100))
    assert set_aside(store, rule) == aside
    rivals = [counted(rule, "1500", 200 + number) for number in range(16)]
    with conflicts(store._client()) as met:
        accepted = [each for each in at_once(lambda each: accept(store, each), rivals) if each]
    assert met.refused
    assert len(accepted) == min(16, aside // 1500)
    left = aside - 1500 * len(accepted)
    assert total(store, counted(rule)) == [100000 - left]


@every_window
def test_a_process_that_stalled_spends_nothing_late(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    """It has read that its shard has room; meanwhile another process pays all that is left."""
    store, spent = dynamodb_store, use_shards(dynamodb_store, rule)
    late = counted(rule, "10", 100)
    counting = store._counting(late)
    assert accept(another(), counted(rule, str(100000 - spent), 101))
    with pytest.raises(LimitReached):
        store._add_counted(late, counting)
    assert store.get_payment(late.payment.key) is None
    assert total(store, late) == [100000]


@every_window
@pytest.mark.parametrize("shard", [0, 9], ids=["with room", "to be filled"])
def test_a_payment_that_is_not_written_takes_no_room(
    dynamodb_store: DynamoDBStore, rule: str, shard: int
) -> None:
    store, spent = dynamodb_store, use_shards(dynamodb_store, rule)
    aside, payment = set_aside(store, rule), counted(rule, "10", 100)
    store._contention._own.shard = shard
    with unwritable_payments(store), pytest.raises(StoreUnavailable):
        store.accept(payment)
    assert total(store, payment) == [spent]
    assert set_aside(store, rule) == aside


@every_window
def test_a_payment_counts_once_where_answers_are_lost(
    dynamodb_store: DynamoDBStore, rule: str
) -> None:
    store, spent = dynamodb_store, use_shards(dynamodb_store, rule)
    payment = counted(rule, "10", 100)
    with lost_answers(store._client(), "TransactWriteItems", count=1):
        assert store.accept(payment).payment == payment.payment
    assert store.accept(payment).payment == payment.payment
    assert total(store, payment) == [spent + 10]


@every_window
def test_payments_that_come_and_go_at_once_are_counted_exactly(
    dynamodb_store: DynamoDBStore, another: OpenStore, rule: str
) -> None:
    stores = [dynamodb_store, another()]

    def come_and_go(thread: int) -> Decimal:
        kept, store = Decimal(0), stores[thread % 2]
        for turn in range(6):
            paid = accept(store, counted(rule, "9.99", 6 * thread + turn))
            if paid is not None and turn % 2:
                moved(store, paid, Status.CANCELLED, 200)
            elif paid is not None:
                kept += paid.money.amount
        return kept

    with conflicts(*(each._client() for each in stores), seconds=0.005) as met:
        kept = sum(at_once(come_and_go, range(8)))
    assert met.refused
    assert kept == 24 * Decimal("9.99")
    assert total(dynamodb_store, counted(rule)) == [kept]


def test_room_that_was_set_aside_within_a_higher_limit_is_not_used(
    dynamodb_store: DynamoDBStore,
) -> None:
    """So a rule that asks, and a lower limit of tomorrow, hold as well."""
    store, high, low = dynamodb_store, "all USD 100000/day", "all USD 60/day"
    spent = use_shards(store, high)
    for number, amount, is_accepted in ((1, "10.01", False), (2, "10", True), (3, "0.01", False)):
        payment = counted(low, amount, 100 + number)
        assert bool(accept(busy(store, payment), payment)) is is_accepted
    assert total(store, counted(low)) == [spent + 10]


def test_a_shard_that_was_filled_within_a_higher_limit_meanwhile_is_not_used(
    dynamodb_store: DynamoDBStore,
) -> None:
    store, low, high = dynamodb_store, "all USD 50000/day", "all USD 100000/day"
    use_shards(store, low, 1)
    late = counted(low, "10", 100)
    counting = store._counting(late)
    for number in range(5):
        assert accept(store, counted(high, "90", 200 + number))
    assert store._whole(late.charges[0]).shards[0].counted_within == 100000
    assert attempt(store._client(), [each.write for each in counting]) is not None


@pytest.mark.parametrize("others", ["all USD 100000/day ask", f"{RULES[0]}; {RULES[0]} ask"])
def test_no_room_is_set_aside_where_a_limit_can_be_waived(
    dynamodb_store: DynamoDBStore, others: str
) -> None:
    store, payments = dynamodb_store, [counted(others, "10", number) for number in range(8)]
    with conflicts(store._client(), seconds=0.005) as met:
        assert all(at_once(lambda each: accept(store, each), payments))
    assert met.refused
    assert set_aside(store, RULES[0]) == 0


def test_room_that_was_set_aside_is_not_used_above_a_limit_that_was_waived_since(
    dynamodb_store: DynamoDBStore,
) -> None:
    """A limit that asks has no shards. It may have some of before, when it did not ask."""
    store, spent = dynamodb_store, use_shards(dynamodb_store, RULES[0])
    asking = f"{RULES[0]} ask"
    waived = counted(asking, "99900", 100)
    waived = waived._replace(charges=[replace(each, limit=None) for each in waived.charges])
    assert accept(store, waived)
    assert total(store, waived) == [spent + 99900]
    assert accept(busy(store, waived), counted(asking, "50.01", 101)) is None
    assert accept(store, counted(asking, "50", 102))
    assert accept(store, counted(asking, "0.01", 103)) is None


def rolling(steps: int, number: int) -> Acceptance:
    """Return the acceptance of a payment in a later step of a rolling window."""
    payment: Payment = counted(RULES[1], "10", number).payment
    rules = Limits(read_limits(RULES[1]))
    charges = rules.charges(Spender("shop", "ada"), usd("10"), NOW + steps * STEP)
    return Acceptance(replace(payment, charges=tuple(map(str, charges))), charges=charges)


def test_room_of_an_earlier_step_goes_back_to_that_step(dynamodb_store: DynamoDBStore) -> None:
    store = dynamodb_store
    use_shards(store, RULES[1], 1)
    store._contention._own.shard = 0
    later = rolling(3, 100)
    assert accept(store, later)
    (slots,) = store.count_of(later.charges)
    assert slots == {counted(RULES[1]).charges[0].slot: 10, later.charges[0].slot: 10}


def test_a_shard_of_a_later_step_is_not_used_by_a_payment_of_an_earlier_one(
    dynamodb_store: DynamoDBStore,
) -> None:
    """It has read the shard before another payment has filled it for a later step."""
    store = dynamodb_store
    use_shards(store, RULES[1], 1)
    counting = store._counting(counted(RULES[1], "10", 100))
    assert accept(store, rolling(3, 101))
    assert attempt(store._client(), [each.write for each in counting]) is not None


@pytest.mark.usefixtures("requested_now")
def test_a_busy_counter_costs_one_read_and_two_items_in_a_transaction(
    dynamodb_store: DynamoDBStore,
) -> None:
    store = dynamodb_store
    use_shards(store, RULES[0], 1)
    store._contention._own.shard = 0
    payment = counted(RULES[0], "10", 9)._replace(record=a_claim())
    with counted_calls(store._client()) as calls:
        store.accept(payment)
    assert calls.names == ["BatchGetItem", "PutItem", "PutItem", "TransactWriteItems"]
    assert len(calls.requests[-1]["TransactItems"]) == 2
