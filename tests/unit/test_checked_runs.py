"""Paying what a dry run has checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, KeyReused, NotAllowed, NotFound, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.bulk import PAYABLE_FOR, BulkMode, BulkRun
from paymentapp.services.bulk.checked import CheckedRuns
from paymentapp.services.bulk.intake import BulkTerms
from tests.support.memory_store import MemoryStore
from tests.support.records import bulk_rows
from tests.unit.test_bulk import ANN, SHOP, BulkWorld

DRY = BulkTerms(BulkMode.EACH, is_dry=True)


class CrashingStore(MemoryStore):
    """A store that can fail to store a run, once everything before it is stored."""

    crashes = False

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        if self.crashes:
            raise StoreUnavailable("crashed")
        return super().add_bulk_run(run)


@dataclass
class CheckedWorld(BulkWorld):
    store: CrashingStore = field(default_factory=CrashingStore)


@pytest.fixture
def world() -> CheckedWorld:
    return CheckedWorld()


def checked_runs(world: CheckedWorld) -> CheckedRuns:
    return build_backoffice(world.process(), lambda _text: None).checked_runs


def dry_run(world: CheckedWorld, count: int = 3) -> BulkRun:
    rows = bulk_rows(count)
    world.register(rows)
    run = world.take_in(rows, DRY)
    while world.process().bulk_runner.advance():
        pass
    return run


def test_two_processes_that_pay_it_get_one_run_in_either_name_of_its_maker(
    world: CheckedWorld,
) -> None:
    run = dry_run(world)
    both = Actor("cron", frozenset({"cron", "shop"}), frozenset())
    first = checked_runs(world).pay(run.bulk_id, BulkMode.EACH, SHOP)
    again = checked_runs(world).pay(run.bulk_id, BulkMode.EACH, both)
    assert not first.replayed
    assert again.replayed
    assert again.run.bulk_id == first.run.bulk_id
    assert (first.run.total, first.run.is_dry, first.run.created_by) == (3, False, "shop")


def test_a_crash_after_the_key_was_bound_is_made_good_by_the_next_call(world: CheckedWorld) -> None:
    run = dry_run(world)
    runs = checked_runs(world)
    world.store.crashes = True
    with pytest.raises(StoreUnavailable):
        runs.pay(run.bulk_id, BulkMode.EACH, SHOP)
    world.store.crashes = False
    assert runs.paid_by(run) is None
    with pytest.raises(KeyReused):
        runs.pay(run.bulk_id, BulkMode.ALL, SHOP)  # as was not asked for first
    paid = runs.pay(run.bulk_id, BulkMode.EACH, SHOP).run
    assert runs.paid_by(run) == paid


def test_rows_that_have_expired_are_not_paid_in_part(world: CheckedWorld) -> None:
    run = dry_run(world, 600)
    del world.store._bulk_rows[run.bulk_id, 2]
    with pytest.raises(Conflict, match="send the file again"):
        checked_runs(world).pay(run.bulk_id, BulkMode.EACH, SHOP)
    assert checked_runs(world).paid_by(run) is None


def test_nobody_else_and_nothing_else_is_paid(world: CheckedWorld) -> None:
    runs, run = checked_runs(world), dry_run(world)
    with pytest.raises(NotAllowed):
        runs.pay(run.bulk_id, BulkMode.EACH, ANN)
    with pytest.raises(NotFound):
        runs.pay("20260101T000000000000-00000000", BulkMode.EACH, SHOP)
    with pytest.raises(Conflict, match="not all checked"):
        runs.pay(world.take_in(bulk_rows(2), DRY).bulk_id, BulkMode.EACH, SHOP)
    with pytest.raises(Conflict, match="no dry run"):
        runs.pay(world.take_in(bulk_rows(2)).bulk_id, BulkMode.EACH, SHOP)


def test_its_rows_are_kept_while_they_may_be_paid_and_no_longer(world: CheckedWorld) -> None:
    run = dry_run(world)
    world.now += PAYABLE_FOR - timedelta(minutes=1)
    world.process().bulk_runner.advance()
    assert world.store.get_bulk_rows(run.bulk_id, 0)
    world.now += timedelta(minutes=2)
    world.process().bulk_runner.advance()
    assert world.store.get_bulk_rows(run.bulk_id, 0) == []
    with pytest.raises(Conflict, match="send the file again"):
        checked_runs(world).pay(run.bulk_id, BulkMode.EACH, SHOP)
