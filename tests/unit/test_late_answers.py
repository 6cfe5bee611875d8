"""A process that is overtaken: another one resends its batch, and their answers come in any order.

A batch that was refused and released, and is accepted all the same, is paid twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.bootstrap import Services
from paymentapp.errors import OutcomeUnknown
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Accepted, Refused
from paymentapp.services.dispatch.batching import LEASE
from paymentapp.services.dispatch.polling import LONGEST_POLL_INTERVAL
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class OvertakenProvider(LedgerProvider):
    """The first call is refused, and meanwhile something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[Batch], object] | None = None

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        if self.meanwhile is None:
            return super().submit(batch, members)
        meanwhile, self.meanwhile = self.meanwhile, None
        self.calls.append(batch.batch_id)
        meanwhile(batch)
        return Refused("FOR_THE_MOMENT")


class Overtaken:
    """Two payments due, and as many processes as are asked for."""

    def __init__(self) -> None:
        self.now = START
        self.store = MemoryStore()
        self.provider = OvertakenProvider()
        self.payments = [self.pay(f"c{number}") for number in range(2)]

    def process(self) -> Services:
        return a_process(self.store, self.clock, self.provider, worker=StillWorker())

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, name: str) -> Payment:
        services = self.process()
        services.customers.register(name, f"{name}@example.com", {})
        order = PaymentOrder(name, f"{name}@example.com", Money(Decimal(5), "USD"), "paypal")
        return services.payments.request(order).payment

    def submit(self) -> Batch:
        batch = self.process().dispatcher.submit(self.payments)
        assert batch is not None
        return batch

    def resume(self, batch: Batch) -> Batch:
        """Another process comes by after the lease."""
        self.now += LEASE
        return self.process().dispatcher.resume(self.stored(batch))

    def sweep(self, times: int) -> None:
        for _ in range(times):
            self.now += timedelta(minutes=2)
            self.process().sweeper.run()

    def stored(self, batch: Batch) -> Batch:
        stored = self.store.get_batch(batch.batch_id)
        assert stored is not None
        return stored

    def statuses(self) -> set[Status]:
        stored = self.store.get_payments([payment.key for payment in self.payments])
        return {payment.status for payment in stored.values()}

    def paid(self) -> list[str]:
        return sorted(member.customer_id for member in self.provider.paid())


def test_a_refusal_after_another_process_s_acceptance_is_ignored() -> None:
    world = Overtaken()
    world.provider.meanwhile = world.resume
    batch = world.submit()
    assert batch.state is BatchState.ACCEPTED
    assert world.statuses() == {Status.SUBMITTING}
    world.sweep(3)
    assert world.statuses() == {Status.SUCCEEDED}
    assert world.paid() == ["c0", "c1"]


def test_a_refusal_after_all_was_settled_is_ignored() -> None:
    world = Overtaken()

    def settle(batch: Batch) -> None:
        world.resume(batch)
        world.sweep(1)

    world.provider.meanwhile = settle
    assert world.submit().state is BatchState.CLOSED
    world.sweep(3)
    assert world.statuses() == {Status.SUCCEEDED}
    assert world.paid() == ["c0", "c1"]


def test_a_refusal_while_another_process_is_sending_is_ignored() -> None:
    """Its answer decides: the provider may be about to accept."""
    world = Overtaken()

    def claim(batch: Batch) -> None:
        world.provider.after = raising(OutcomeUnknown("TIMEOUT"))
        world.resume(batch)

    world.provider.meanwhile = claim
    batch = world.submit()
    assert batch.state is BatchState.FROZEN
    assert world.statuses() == {Status.SUBMITTING}
    world.provider.after = lambda _batch: None
    world.sweep(3)
    assert world.statuses() == {Status.SUCCEEDED}
    assert world.paid() == ["c0", "c1"]


def test_a_refusal_that_nobody_has_overtaken_releases_the_members() -> None:
    world = Overtaken()
    world.provider.meanwhile = lambda _batch: None
    assert world.submit().state is BatchState.CLOSED
    assert world.statuses() == {Status.PENDING}
    world.sweep(3)
    assert world.paid() == ["c0", "c1"]


def test_a_stalled_process_does_not_send_what_was_refused_and_released() -> None:
    world = Overtaken()
    stalled: list[Batch] = []
    world.provider.meanwhile = lambda batch: stalled.append(world.stored(batch))
    world.submit()
    world.sweep(1)  # the members have left in other batches
    calls = list(world.provider.calls)
    batch = world.process().dispatcher.resume(stalled[0])
    assert world.provider.calls == calls
    assert batch.batch_id not in world.provider.batches
    assert world.paid() == ["c0", "c1"]


def test_a_freeze_whose_answer_was_taken_for_a_loss_releases_nobody() -> None:
    """Members are released by the state on record: the batch is frozen, so it is sent again."""
    world = Overtaken()
    services = world.process()
    change = services.store.change_batch

    def change_and_deny(old: Batch, new: Batch) -> bool:
        done = change(old, new)
        return done and new.state is not BatchState.FROZEN

    services.store.change_batch = change_and_deny
    batch = services.dispatcher.submit(world.payments)
    assert batch is not None
    assert (batch.state, world.statuses()) == (BatchState.FROZEN, {Status.SUBMITTING})
    services.store.change_batch = change
    world.sweep(3)
    assert world.provider.calls == [batch.batch_id]
    assert world.paid() == ["c0", "c1"]


def test_an_aborted_batch_is_searched_for_a_whole_day() -> None:
    """Its maker may only be slow, and stamp more payments."""
    world = Overtaken()
    prepared = world.process().dispatcher._prepare(world.payments)
    assert prepared is not None
    batch = prepared[0]
    while world.now < START + timedelta(hours=23):
        world.resume(batch)
        assert world.stored(batch).state is BatchState.ABORTED, world.now
        world.now += timedelta(minutes=20)
    while world.now < START + timedelta(days=3):
        world.resume(batch)
        world.now += LONGEST_POLL_INTERVAL
    assert world.stored(batch).state is BatchState.CLOSED


def raising(error: Exception) -> Callable[[Batch], None]:
    def fail(_batch: Batch) -> None:
        raise error

    return fail


@pytest.mark.parametrize("losses", [1, 5])
def test_members_of_a_refused_batch_that_changed_meanwhile_are_released_too(losses: int) -> None:
    """Else they would be `submitting` for ever, in a closed batch."""
    world = Overtaken()
    services = world.process()
    change = services.store.change_payments
    left = [losses]

    def lose(changes: Sequence[PaymentChange]) -> list[bool]:
        if world.provider.calls and left[0]:
            left[0] -= 1
            return [False] * len(changes)
        return change(changes)

    services.store.change_payments = lose
    world.provider.meanwhile = lambda _batch: None
    batch = services.dispatcher.submit(world.payments)
    assert batch is not None
    assert (left, batch.state) == ([0], BatchState.CLOSED)
    assert world.statuses() == {Status.PENDING}
