"""The sweep's shards and its heartbeat, over a store in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.models.payments import Payment
from paymentapp.worker.sweeper import LEASE, ONCE_A_MINUTE, OVERDUE, Sweeper
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import a_batch, a_payment, add_payment, members


class World:
    """A store, and sweeps of processes that may differ in their settings."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.store = MemoryStore()

    def clock(self) -> datetime:
        return self.now

    def sweep(self, shards: int) -> Sweeper:
        return a_process(self.store, self.clock, LedgerProvider(), due_shards=shards).sweeper

    def due_in(self, shard: int) -> Payment:
        due_at = self.now - timedelta(minutes=1)
        payment = a_payment(customer_id=f"shard-{shard}", due_shard=shard, due_at=due_at)
        return add_payment(self.store, payment)


@pytest.fixture
def world() -> World:
    return World()


def found(sweep: Sweeper) -> set[str]:
    return {payment.customer_id for group in sweep.find_due().groups for payment in group}


def test_after_the_number_is_lowered_the_old_shards_are_still_swept(world: World) -> None:
    before = world.sweep(shards=8)
    before.find_due()
    before.release()
    world.due_in(7)
    world.now += LEASE
    assert found(world.sweep(shards=2)) == {"shard-7"}


def test_after_the_number_is_raised_processes_with_the_old_one_follow(world: World) -> None:
    """Start a process with the new number, which writes to the new shards, and may be gone."""
    old = world.sweep(shards=2)
    assert found(old) == set()
    new = world.sweep(shards=5)
    new.find_due()
    world.due_in(4)
    world.now += max(LEASE, ONCE_A_MINUTE)
    assert found(old) == {"shard-4"}


def test_a_process_knows_which_part_of_the_shards_it_sweeps(world: World) -> None:
    first, second = world.sweep(shards=4), world.sweep(shards=4)
    assert first.share == 0
    first.find_due()
    second.find_due()
    assert (first.share, second.share) == (1, 0)
    first.release()
    second.find_due()
    world.now += LEASE
    second.find_due()
    assert second.share == 1


def test_batches_of_all_shards_come_oldest_first(world: World) -> None:
    for shard, minutes in ((0, 1), (1, 3), (2, 2)):
        at = world.now - timedelta(minutes=minutes)
        batch = a_batch(batch_id=f"shard-{shard}", attention_shard=shard, attention_at=at)
        world.store.add_batch(batch, members(1))
    batches = world.sweep(shards=3).find_due().batches
    assert [batch.batch_id for batch in batches] == ["shard-1", "shard-2", "shard-0"]


def test_shards_that_nobody_has_swept_cost_one_read_a_minute(world: World) -> None:
    sweep = world.sweep(shards=3)
    for _ in range(10):
        sweep.find_due()
    assert world.store.calls.count("get_lease") == 1
    assert world.store.calls.count("due_payments") == 3 * 10


def test_a_sweep_by_a_schedule_is_alive_between_two_runs(world: World) -> None:
    one, other = world.sweep(shards=1), world.sweep(shards=1)
    assert not one.is_held()
    for sweep in (one, other, one):
        sweep.find_due()
        sweep.beat(timedelta(minutes=3))
        sweep.release()
        world.now += timedelta(minutes=2)
        assert other.is_held()
    world.now += timedelta(minutes=2)
    assert not other.is_held()


def test_an_overdue_payment_is_told_of_once_a_minute(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = world.sweep(shards=1)
    world.due_in(0)  # for a minute already
    sweep.find_due()
    assert caplog.messages == []
    world.now += OVERDUE
    for _ in range(5):
        sweep.find_due()
    assert caplog.messages == ["the oldest due payment has waited for 180 s"]
    world.now += ONCE_A_MINUTE
    sweep.find_due()
    assert caplog.messages[1:] == ["the oldest due payment has waited for 240 s"]
