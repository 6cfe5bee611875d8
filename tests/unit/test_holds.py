"""Holds: what they stop, when, and what goes on; over a store in memory and a ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from paymentapp.bootstrap import Services
from paymentapp.errors import Conflict, NotFound, NothingToHold, OutcomeUnknown, StoreUnavailable
from paymentapp.models.actors import operator
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.holds import Hold, HoldScope
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Postponed, Refused
from paymentapp.services.dispatch.dispatcher import HELD_AGAIN
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.waiting import WaitingFor
from paymentapp.storage.changes import PaymentChange
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import a_payment, add_payment

ADA = operator("Ada")


class World:
    """Two processes over one store; their clock and their timer stand still."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.seconds = 0.0
        self.store = FailingStore()
        self.provider = LedgerProvider()
        self.here, self.there = self.process(), self.process()
        self.holds, self.dispatcher = self.here.holds, self.here.dispatcher

    def process(self) -> Services:
        return a_process(
            self.store, lambda: self.now, self.provider, timer=lambda: self.seconds, due_shards=1
        )

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def pay(self, name: str) -> Payment:
        email = f"{name}@example.com"
        self.here.customers.register(name, email, {})
        order = PaymentOrder(name, email, Money(Decimal(5), "USD"), "paypal")
        return self.here.payments.request(order).payment

    def status(self, payment: Payment) -> Status:
        return self.here.payments.get(payment.key).status

    def hold(self, name: str = "ann") -> str:
        return self.holds.place(HoldScope.CUSTOMER, name, "a doubt", ADA).hold.hold_id

    def sweep(self) -> None:
        """Sweep, with any lease of before run out."""
        self.wait(40)
        self.process().sweeper.run()


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("scope", "value"),
    [(HoldScope.ALL, ""), (HoldScope.PROVIDER, "paypal"), (HoldScope.CUSTOMER, "ann")],
)
def test_what_is_held_is_not_sent_until_it_is_released(
    world: World, scope: HoldScope, value: str
) -> None:
    payment = world.pay("ann")
    hold = world.holds.place(scope, value, "a doubt", ADA).hold
    world.sweep()
    assert (world.status(payment), world.provider.calls) == (Status.PENDING, [])
    world.holds.release(hold.hold_id, ADA)
    world.sweep()
    assert [member.key for member in world.provider.paid()] == [payment.key]


def test_the_others_of_a_group_leave_without_the_one_that_is_held(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.holds.hold_payment(ann.key, "a doubt", ADA)
    batch = world.dispatcher.submit([ann, bob])
    assert batch is not None
    assert [member.key for member in world.provider.paid()] == [bob.key]
    assert world.status(ann) is Status.PENDING


def test_a_hold_is_in_force_in_another_process_after_a_second(world: World) -> None:
    payment = world.pay("ann")
    assert not world.there.holds.in_force()
    world.hold()
    world.wait(1)
    assert world.there.dispatcher.group([payment]) == []
    assert world.there.dispatcher.submit([payment]) is None


def test_the_second_counts_from_the_start_of_a_slow_read(world: World) -> None:
    slow, read = world.store.list_holds, []

    def list_holds() -> list[Hold]:
        read.append(world.seconds)
        found = slow()
        world.seconds += 0.9
        return found

    world.store.list_holds = list_holds
    for _ in range(3):
        world.holds.in_force()
        world.seconds += 0.1
    assert len(read) == 3


def test_a_read_that_began_before_a_hold_is_not_kept(world: World) -> None:
    world.pay("ann")
    slow = world.store.list_holds
    begun, go_on = threading.Event(), threading.Event()

    def list_holds() -> list[Hold]:
        found = slow()
        begun.set()
        go_on.wait(5)
        return found

    world.store.list_holds = list_holds
    reader = threading.Thread(target=world.holds.in_force)
    reader.start()
    begun.wait(5)
    world.store.list_holds = slow
    world.hold()
    go_on.set()
    reader.join()
    assert world.holds.in_force()


def test_nothing_is_sent_while_holds_cannot_be_read_and_polling_goes_on(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.dispatcher.submit([ann])
    world.wait(40)
    always_failing(world, "list_holds")
    world.process().sweeper.run()
    assert (world.status(ann), world.status(bob)) == (Status.SUCCEEDED, Status.PENDING)
    assert len(world.provider.calls) == 1


def always_failing(world: World, name: str) -> None:
    def fail() -> object:
        raise StoreUnavailable("for the test")

    setattr(world.store, name, fail)


def test_a_batch_that_was_frozen_before_a_hold_and_never_sent_is_taken_apart(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    when(world, "change_batch", lambda: world.hold("ann"))
    batch = world.dispatcher.submit([ann, bob])
    assert batch is not None
    assert (batch.state, world.provider.calls) == (BatchState.ABORTED, [])
    assert world.status(ann) is world.status(bob) is Status.PENDING
    world.sweep()
    assert (world.status(ann), len(world.provider.calls)) == (Status.PENDING, 1)
    assert [member.key for member in world.provider.paid()] == [bob.key]


def when(world: World, call: str, action: Callable[[], object]) -> None:
    """Do something once, just before the next call of a name."""
    called = world.store._called

    def hook(name: str) -> None:
        if name == call:
            world.store._called = called
            action()
        called(name)

    world.store._called = hook


def test_a_batch_that_another_process_has_claimed_is_not_taken_apart(world: World) -> None:
    ann = world.pay("ann")
    world.provider.before = fail_with(OutcomeUnknown("TIMEOUT"))

    def claimed_elsewhere() -> None:
        world.provider.before = lambda _batch: None
        world.hold()
        frozen = world.store.get_batch(next(iter(world.store._batches)))
        assert frozen is not None
        assert world.store.change_batch(frozen, frozen.changed(attention_at=world.now))

    after_freeze(world, claimed_elsewhere)
    batch = world.dispatcher.submit([ann])
    assert batch is not None
    assert (batch.state, world.provider.calls) == (BatchState.FROZEN, [])
    assert world.status(ann) is Status.SUBMITTING


def after_freeze(world: World, action: Callable[[], object]) -> None:
    """Do something just before a hold is looked for among the members of a frozen batch."""
    on_batch = world.holds.on_batch

    def hook(batch: Batch, members: Sequence[Member]) -> Hold | None:
        action()
        return on_batch(batch, members)

    world.holds.on_batch = hook


def fail_with(error: Exception) -> Callable[[Batch], None]:
    def fail(_batch: Batch) -> None:
        raise error

    return fail


def test_a_batch_that_may_have_been_sent_is_not_sent_again_while_a_member_is_held(
    world: World,
) -> None:
    payments = [world.pay("ann"), world.pay("bob")]
    world.provider.before = fail_with(OutcomeUnknown("TIMEOUT"))
    batch = world.dispatcher.submit(payments)
    assert batch is not None
    world.provider.before = lambda _batch: None
    hold = world.hold("bob")
    world.wait(2)
    held = world.dispatcher.resume(batch)
    assert (held.state, len(world.provider.calls)) == (BatchState.FROZEN, 1)
    assert held.attention_at == world.now + HELD_AGAIN
    assert held.last_error == batch.last_error
    world.holds.release(hold, ADA)
    assert world.dispatcher.resume(held).state is BatchState.ACCEPTED
    assert world.provider.calls == [batch.batch_id] * 2


def test_a_held_batch_is_parked_in_time(world: World) -> None:
    payment = world.pay("ann")
    world.provider.before = fail_with(OutcomeUnknown("TIMEOUT"))
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.hold()
    world.wait(26 * 86_400)
    assert world.dispatcher.resume(batch).state is BatchState.PARKED


def test_a_held_payment_can_be_cancelled_and_a_sent_one_is_followed(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.dispatcher.submit([bob])
    world.holds.place(HoldScope.ALL, "", "stop", ADA)
    assert world.here.payments.cancel(ann.key).status is Status.CANCELLED
    world.sweep()
    assert world.status(bob) is Status.SUCCEEDED


def test_held_payments_are_not_in_the_way_of_others_of_their_shard(world: World) -> None:
    sweeper = world.here.sweeper
    sweeper.at_once, world.provider.batch_size = 1, 10
    for number in range(35):
        due_at = world.now - timedelta(minutes=10)
        held = a_payment(customer_id="ann", payment_id=f"p{number}", due_at=due_at, due_shard=0)
        add_payment(world.store, held)
    last = world.pay("bob")
    world.here.customers.register("ann", "ann@example.com", {})
    world.hold("ann")
    world.wait(2)
    groups = sweeper.find_due().groups
    assert [payment.key for group in groups for payment in group] == [last.key]


def test_while_everything_is_held_no_more_is_read_than_ever(world: World) -> None:
    world.here.sweeper.at_once, world.provider.batch_size = 1, 2
    for name in ("ann", "bob", "cy"):
        world.pay(name)
    world.holds.place(HoldScope.ALL, "", "stop", ADA)
    world.wait(2)
    found = world.here.sweeper.find_due()
    assert (found.groups, found.more) == ([], False)
    assert world.store.calls.count("due_payments") == 1


def test_the_same_hold_twice_is_the_first(world: World) -> None:
    first = world.holds.place(HoldScope.ALL, "", "stop", ADA)
    second = world.there.holds.place(HoldScope.ALL, "", "another reason", operator("Eve"))
    assert (first.new, second.new) == (True, False)
    assert second.hold == first.hold


def test_a_release_is_kept_with_who_did_it_and_is_no_second_time(world: World) -> None:
    world.pay("ann")
    hold_id = world.hold()
    world.wait(5)
    world.holds.release(hold_id, operator("Eve"))
    with pytest.raises(NotFound):
        world.holds.release(hold_id, ADA)
    (kept,) = world.holds.history()
    assert (kept.by, kept.released_by, kept.released_at) == ("Ada", "Eve", world.now)
    assert world.holds.current() == []


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (HoldScope.ALL, "ann"),
        (HoldScope.PROVIDER, "cash"),
        (HoldScope.CUSTOMER, "nobody"),
        (HoldScope.CUSTOMER, ""),
        (HoldScope.CUSTOMER, "\x00 ann"),
        (HoldScope.PAYMENT, ""),
        (HoldScope.PAYMENT, "ann"),
        (HoldScope.PAYMENT, "/2026-03-01T12:00:00.000000Z"),
        (HoldScope.PAYMENT, "ann/2026-03-01T12:00:00.000000Z"),
        (HoldScope.BULK, ""),
        (HoldScope.BULK, "20260102T030405678901-00000000"),
    ],
)
def test_a_hold_that_would_stop_nothing_is_refused(
    world: World, scope: HoldScope, value: str
) -> None:
    with pytest.raises(NothingToHold):
        world.holds.place(scope, value, "a doubt", ADA)


def test_a_payment_that_its_provider_has_is_not_held(world: World) -> None:
    payment = world.pay("ann")
    sent = payment.moved(Status.SUBMITTED, world.now, Cause.POLL, due_at=None)
    assert world.store.change_payments([PaymentChange(payment, sent)]) == [True]
    with pytest.raises(Conflict, match="too late to hold"):
        world.holds.hold_payment(payment.key, "a doubt", ADA)
    with pytest.raises(Conflict, match="nothing to release"):
        world.holds.release_payment(payment.key, ADA)


def test_a_payment_says_why_it_waits_and_since_when(world: World) -> None:
    waiting, payment = world.here.waiting, world.pay("ann")
    assert waiting.of(payment) is None
    world.wait(5)
    world.hold()
    assert waiting.of(payment) == (WaitingFor.HOLD, world.now)
    later = payment.changed(due_at=world.now + timedelta(hours=1))
    world.holds.release(world.holds.current()[0].hold_id, ADA)
    assert waiting.of(later) == (WaitingFor.WINDOW, payment.updated_at)


def test_a_payment_whose_batch_is_postponed_waits_for_a_window(world: World) -> None:
    payment, begun = world.pay("ann"), world.now
    until = begun + timedelta(hours=1)
    world.provider.refuse = lambda _members: cast(Refused, Postponed("CLOSED", until))
    world.dispatcher.submit([payment])
    sent = world.here.payments.get(payment.key)
    assert world.here.waiting.of(sent) == (WaitingFor.WINDOW, begun)


def test_a_sent_payment_waits_for_its_provider_then_for_a_person(world: World) -> None:
    payment, begun = world.pay("ann"), world.now
    world.provider.before = fail_with(OutcomeUnknown("TIMEOUT"))
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    sent = world.here.payments.get(payment.key)
    assert world.here.waiting.of(sent) == (WaitingFor.PROVIDER, begun)
    world.wait(26 * 86_400)
    world.dispatcher.resume(batch)
    assert world.here.waiting.of_all([sent, sent]) == [(WaitingFor.PERSON, world.now)] * 2
    always_failing(world, "list_holds")
    world.wait(2)
    assert world.here.waiting.of(sent) is None
