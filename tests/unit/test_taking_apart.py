"""Batches that certainly did not leave are taken apart; others never are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from paymentapp.errors import Conflict, Misconfigured, NotSent, StoreUnavailable
from paymentapp.models.actors import operator
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.payments import Payment, Status
from paymentapp.storage.changes import PaymentChange
from tests.unit.test_attempts import NO_ANSWER, World

BUSY = NotSent("BUSY")


@pytest.fixture
def world() -> World:
    return World()


def status(world: World, payment: Payment) -> Status:
    return world.here.payments.get(payment.key).status


def sweep(world: World, times: int = 3) -> None:
    """Sweep in other processes, until what is due now is done."""
    for _ in range(times):
        world.later(40)
        world.process().sweeper.run()


def paid(world: World) -> list[str]:
    return sorted(member.customer_id for member in world.provider.paid())


@pytest.mark.parametrize("error", [BUSY, Misconfigured("NO_FUNDS")])
def test_a_payment_of_a_batch_that_was_not_sent_is_cancelled_and_the_others_are_paid(
    world: World, error: Exception
) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(error)
    batch = world.send(ann, bob)
    cancelled = world.here.payments.cancel(ann.key, operator("Ada"))
    assert (cancelled.status, cancelled.history[-1].by) == (Status.CANCELLED, "Ada")
    assert len(world.provider.calls) == 1  # nobody waits for a provider
    world.says(None)
    sweep(world)
    assert (status(world, ann), status(world, bob)) == (Status.CANCELLED, Status.SUCCEEDED)
    assert paid(world) == ["bob"]
    assert batch.batch_id not in world.provider.calls[1:]


def test_the_history_of_the_others_says_why(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(BUSY)
    batch = world.send(ann, bob)
    world.here.payments.cancel(ann.key)
    world.dispatcher.resume(world.stored(batch))
    line = world.here.payments.get(bob.key).history[-1]
    assert (line.status, line.reference) == (
        Status.PENDING,
        f"{batch.batch_id} taken apart: a member is cancelled",
    )


@pytest.mark.parametrize("first", [True, False])
def test_after_one_unknown_attempt_nothing_is_taken_apart(world: World, first: bool) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(NO_ANSWER if first else BUSY)
    batch = world.send(ann, bob)
    world.says(BUSY if first else NO_ANSWER)
    batch = world.dispatcher.resume(batch)
    world.here.holds.hold_payment(bob.key, "a doubt")
    with pytest.raises(Conflict, match="too late to cancel"):
        world.here.payments.cancel(ann.key)
    assert world.dispatcher.resume(batch).state is BatchState.FROZEN


def test_while_an_attempt_goes_on_nothing_is_cancelled(world: World) -> None:
    ann = world.pay("ann")

    def cancel() -> None:
        with pytest.raises(Conflict, match="too late to cancel"):
            world.here.payments.cancel(ann.key)

    world.says(BUSY, cancel)
    batch = world.send(ann)
    world.dispatcher.resume(batch)
    assert len(world.provider.calls) == 2
    assert world.here.payments.cancel(ann.key).status is Status.CANCELLED


def test_who_would_send_a_batch_that_is_taken_apart_meanwhile_loses(world: World) -> None:
    """A sender that has stalled between its read of the batch and its claim."""
    ann = world.pay("ann")
    world.says(BUSY)
    stale = world.send(ann)
    world.here.payments.cancel(ann.key)
    world.says(None)
    assert world.there.dispatcher.resume(stale) == stale
    assert len(world.provider.calls) == 1


def test_a_batch_that_is_claimed_meanwhile_is_not_taken_apart(world: World) -> None:
    ann = world.pay("ann")
    world.says(BUSY)
    batch = world.send(ann)
    get_batch = world.store.get_batch

    def claimed_meanwhile(batch_id: str) -> Batch | None:
        found = get_batch(batch_id)
        world.store.get_batch = get_batch
        world.says(None)
        world.there.dispatcher.resume(batch)
        return found

    world.store.get_batch = claimed_meanwhile
    with pytest.raises(Conflict, match="too late to cancel"):
        world.here.payments.cancel(ann.key)
    assert paid(world) == ["ann"]


def test_a_crash_after_the_close_is_resumed(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(BUSY)
    world.send(ann, bob)
    change_payments = world.store.change_payments

    def crash(changes: Sequence[PaymentChange]) -> list[bool]:
        raise StoreUnavailable(f"down for {len(changes)} changes")

    world.store.change_payments = crash
    with pytest.raises(StoreUnavailable):
        world.here.payments.cancel(ann.key)
    world.store.change_payments = change_payments
    world.says(None)
    assert world.here.payments.cancel(ann.key).status is Status.CANCELLED
    sweep(world)
    assert paid(world) == ["bob"]


def test_a_cancel_against_the_release_of_its_batch_wins(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(BUSY)
    batch = world.send(ann, bob)
    change_batch = world.store.change_batch

    def released_meanwhile(old: Batch, new: Batch) -> bool:
        world.store.change_batch = change_batch
        done = change_batch(old, new)
        world.there.dispatcher.resume(world.stored(batch))
        return done

    world.store.change_batch = released_meanwhile
    assert world.here.payments.cancel(ann.key).status is Status.CANCELLED


def test_a_hold_lets_the_others_of_a_batch_that_was_not_sent_go_on(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(BUSY)
    batch = world.send(ann, bob)
    hold = world.here.holds.hold_payment(ann.key, "a doubt")
    assert hold.status is Status.SUBMITTING
    world.says(None)
    taken = world.dispatcher.resume(batch)
    assert (taken.state, len(world.provider.calls)) == (BatchState.ABORTED, 1)
    sweep(world)
    assert (status(world, ann), paid(world)) == (Status.PENDING, ["bob"])
    world.here.holds.release_payment(ann.key)
    sweep(world)
    assert paid(world) == ["ann", "bob"]


def test_each_payment_keeps_its_own_id_at_the_provider(world: World) -> None:
    ann, bob = world.pay("ann"), world.pay("bob")
    world.says(BUSY)
    first = world.send(ann, bob)
    world.here.payments.cancel(ann.key)
    world.says(None)
    sweep(world)
    (member,) = world.provider.paid()
    assert member.item_id == bob.key.item_id
    assert first.batch_id not in world.provider.batches
