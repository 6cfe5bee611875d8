"""Bulk runs: taken in, worked off, and stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from paymentapp.bootstrap import Services
from paymentapp.errors import (
    Conflict,
    KeyReused,
    NotAllowed,
    OutcomeUnknown,
    StoreUnavailable,
    Unprocessable,
)
from paymentapp.models.actors import HOLD, Actor, operator
from paymentapp.models.bulk import (
    CHUNK_ROWS,
    LEASE,
    PAYABLE_FOR,
    ROWS_MAX,
    BulkMode,
    BulkRow,
    BulkRun,
    BulkStatus,
    RowOutcome,
    RowProblem,
)
from paymentapp.models.bulk_tallies import PAUSE, BulkTally
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Payment, Status
from paymentapp.services.bulk.intake import BulkTerms
from paymentapp.services.waiting import WaitingFor
from paymentapp.storage.base import Store
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import NOW, bulk_rows, usd

SHOP = Actor("shop", frozenset({"shop"}), frozenset())
ANN = Actor("ann", frozenset({"ann"}), frozenset())
EACH = BulkTerms(BulkMode.EACH)
BAD = RowProblem("amount", "is negative")


@dataclass
class BulkWorld:
    """A process over a store in memory, and a clock that the test moves."""

    store: MemoryStore = field(default_factory=MemoryStore)
    now: datetime = NOW
    settings: dict[str, Any] = field(default_factory=dict)
    provider: LedgerProvider = field(default_factory=LedgerProvider)

    def process(self) -> Services:
        return a_process(self.store, lambda: self.now, self.provider, **self.settings)

    def register(self, rows: Sequence[BulkRow]) -> None:
        services = self.process()
        for row in rows:
            services.customers.register(row.customer_id, row.email, {})

    def take_in(
        self, rows: Sequence[BulkRow], terms: BulkTerms = EACH, key: str | None = None
    ) -> BulkRun:
        return self.process().bulk_intake.take_in(rows, terms, SHOP, key).run

    def work_off(self, run: BulkRun) -> BulkRun:
        """Have processes work until nothing is due; return the run then."""
        while self.process().bulk_runner.advance():
            pass
        return self.process().bulk_runs.get(run.bulk_id)

    def payments(self) -> list[Payment]:
        return list(self.store.scan_payments(NOW - timedelta(days=99), NOW + timedelta(days=99)))


@pytest.fixture
def world() -> BulkWorld:
    return BulkWorld()


def outcomes(world: BulkWorld, run: BulkRun, **options: Any) -> list[tuple[int, bool, str]]:
    """Return line, whether there is a payment, and the problem of each row."""
    found = world.process().bulk_runs.outcomes(run, 1000, **options).outcomes
    return [
        (each.line, each.payment_id is not None, each.problems[0].column if each.problems else "")
        for each in found
    ]


def test_every_row_becomes_one_payment_that_names_its_run(world: BulkWorld) -> None:
    rows = bulk_rows(CHUNK_ROWS + 2)
    world.register(rows)
    run = world.take_in(rows)
    assert (run.status, run.total, run.chunks) == (BulkStatus.ACCEPTING, CHUNK_ROWS + 2, 2)
    done = world.work_off(run)
    assert (done.status, done.accepted, done.rejected) == (BulkStatus.COMPLETED, len(rows), 0)
    assert done.sums == {"USD": usd("2520").amount}
    payments = world.payments()
    assert {payment.bulk_id for payment in payments} == {run.bulk_id}
    assert {payment.created_by for payment in payments} == {"shop"}
    assert sorted(p.customer_id for p in payments) == sorted(row.customer_id for row in rows)
    shown = world.process().bulk_runs.outcomes(done, 1000).outcomes
    assert {(o.customer_id, o.payment_id) for o in shown} == {p.key for p in payments}


def test_each_pays_the_other_rows_and_says_what_is_wrong_with_one(world: BulkWorld) -> None:
    first, unknown, wrong, last = bulk_rows(4)
    world.register([first, wrong, last])
    rows = [first, unknown, wrong._replace(email="else@example.com"), BulkRow(5, problems=(BAD,))]
    done = world.work_off(world.take_in(rows))
    assert (done.status, done.accepted, done.rejected) == (BulkStatus.COMPLETED, 1, 3)
    assert outcomes(world, done) == [
        (2, True, ""),
        (3, False, "customer_id"),
        (4, False, "email"),
        (5, False, "amount"),
    ]
    assert [line for line, *_ in outcomes(world, done, rejected=True)] == [3, 4, 5]
    (problem,) = world.process().bulk_runs.outcomes(done, 1, after=2).outcomes[0].problems
    assert "Register the customer" in problem.message


def test_all_pays_nothing_where_one_row_is_not_fine(world: BulkWorld) -> None:
    rows = bulk_rows(3)
    world.register(rows[:2])
    done = world.work_off(world.take_in(rows, BulkTerms(BulkMode.ALL)))
    assert (done.status, done.accepted, done.rejected) == (BulkStatus.REFUSED, 2, 1)
    assert world.payments() == []
    assert outcomes(world, done, rejected=True) == [(4, False, "customer_id")]


def test_all_pays_every_row_where_all_are_fine(world: BulkWorld) -> None:
    rows = bulk_rows(3)
    world.register(rows)
    done = world.work_off(world.take_in(rows, BulkTerms(BulkMode.ALL)))
    assert (done.status, done.accepted) == (BulkStatus.COMPLETED, 3)
    assert outcomes(world, done) == [(2, True, ""), (3, True, ""), (4, True, "")]


@pytest.mark.parametrize("mode", list(BulkMode))
def test_a_dry_run_says_what_would_be_and_pays_nothing(world: BulkWorld, mode: BulkMode) -> None:
    rows = bulk_rows(3)
    world.register(rows[:2])
    done = world.work_off(world.take_in(rows, BulkTerms(mode, is_dry=True)))
    assert (done.status, done.accepted, done.rejected) == (BulkStatus.CHECKED, 2, 1)
    assert outcomes(world, done) == [(2, False, ""), (3, False, ""), (4, False, "customer_id")]
    assert world.payments() == []


REGISTERS = BulkTerms(BulkMode.EACH, registers=True)
CLERK = Actor("shop", frozenset({"shop"}), frozenset({"customers:write"}))


def test_customers_are_registered_on_the_way_where_that_is_wanted(world: BulkWorld) -> None:
    first, second = bulk_rows(2)
    rows = [first, second, first._replace(line=9), second._replace(line=10, email="x@example.com")]
    world.register(rows[:1])
    intake = world.process().bulk_intake
    with pytest.raises(NotAllowed):
        intake.take_in(rows, REGISTERS, SHOP)
    checked = intake.take_in(rows, REGISTERS._replace(is_dry=True), CLERK).run
    assert world.work_off(checked).rejected == 0
    assert world.store.get_customer("c3") is None
    done = world.work_off(intake.take_in(rows[:3], REGISTERS, CLERK).run)
    assert (done.accepted, done.rejected) == (3, 0)
    assert world.process().customers.get("c3").email == second.email
    assert world.work_off(intake.take_in(rows[3:], REGISTERS, CLERK).run).rejected == 1


# Requests


def test_a_retry_under_its_key_gets_the_run_that_there_is(world: BulkWorld) -> None:
    rows = bulk_rows(2)
    run = world.take_in(rows, key="k")
    assert world.take_in(rows, key="k") == run
    for other, terms in ((rows[:1], EACH), (rows, BulkTerms(BulkMode.ALL))):
        with pytest.raises(KeyReused):
            world.take_in(other, terms, key="k")
    assert world.take_in(rows, key="l").bulk_id != run.bulk_id
    assert run in world.process().bulk_runs.page(10).runs


def test_a_crash_after_any_write_of_the_intake_leaves_one_run_after_a_retry(
    world: BulkWorld,
) -> None:
    rows = bulk_rows(2)
    world.register(rows)
    for call in ("add_bulk_rows", "add_bulk_key", "add_bulk_run"):
        crash_after(world.store, call)
        with pytest.raises(StoreUnavailable):
            world.take_in(rows, key=call)
        run = world.take_in(rows, key=call)
        assert world.work_off(run).accepted == 2
        assert len([p for p in world.payments() if p.bulk_id == run.bulk_id]) == 2
    assert len(world.payments()) == 6


def test_a_run_has_rows_and_not_too_many(world: BulkWorld) -> None:
    def many() -> Iterator[BulkRow]:
        row = bulk_rows(1)[0]
        return (row for _ in range(ROWS_MAX + 1))

    for rows in (iter(()), many()):
        with pytest.raises(Unprocessable, match="rows"):
            world.process().bulk_intake.take_in(rows, EACH, SHOP)
    assert world.process().bulk_runs.page(10).runs == []


# Crashes, and two processes


def crash_after(store: MemoryStore, name: str, count: int = 1) -> None:
    """Have the store fail after a call of a method, the first time, its write made."""
    method: Callable[..., Any] = getattr(store, name)
    left = [count]

    def failing(*args: Any, **named: Any) -> Any:
        result = method(*args, **named)
        left[0] -= 1
        if left[0] == 0:
            setattr(store, name, method)
            raise StoreUnavailable("crashed")
        return result

    setattr(store, name, failing)


@pytest.mark.parametrize(
    ("call", "count"),
    [("change_bulk_run", n) for n in range(1, 4)]
    + [("add_bulk_outcomes", 1), ("add_bulk_outcomes", 2), ("accept", 1), ("accept", 200)]
    + [("bind_key", 1)],
)
def test_after_a_crash_the_next_process_goes_on_and_pays_each_row_once(
    world: BulkWorld, call: str, count: int
) -> None:
    rows = bulk_rows(CHUNK_ROWS + 50)
    world.register(rows[:-1])
    run = world.take_in(rows)
    crash_after(world.store, call, count)
    with pytest.raises(StoreUnavailable):
        world.work_off(run)
    world.now += LEASE
    done = world.work_off(run)
    assert (done.status, done.accepted, done.rejected) == (BulkStatus.COMPLETED, len(rows) - 1, 1)
    paid = sorted(payment.customer_id for payment in world.payments())
    assert paid == sorted(row.customer_id for row in rows[:-1])
    assert len(outcomes(world, done)) == len(rows)


def test_a_process_that_was_suspended_cannot_pay_what_was_refused_meanwhile(
    world: BulkWorld,
) -> None:
    rows = bulk_rows(2)
    world.register(rows[:1])
    run = world.take_in(rows)
    late = world.process().bulk_runner.rows
    done = world.work_off(run)
    world.register(rows)  # now it could be paid
    outcome = late.accept(run, rows[1])
    assert (outcome.payment_id, outcome.problems[0].column) == (None, "customer_id")
    assert done.rejected == 1
    assert len(world.payments()) == 1


def test_a_process_that_stalls_between_key_and_payment_pays_nothing_that_was_refused(
    world: BulkWorld,
) -> None:
    rows = bulk_rows(1)
    world.register(rows)
    run, put = world.take_in(rows), world.store._put_payment
    refused: list[RowOutcome] = []

    def stalled(payment: Payment) -> Payment:
        vars(world.store).pop("_put_payment")
        world.now += timedelta(minutes=2)
        customer = world.process().customers.get(rows[0].customer_id)
        assert world.store.change_customer(customer, customer.changed(email="new@example.com"))
        refused.append(world.process().bulk_runner.rows.accept(run, rows[0]))
        return put(payment)

    vars(world.store)["_put_payment"] = stalled
    late = world.process().bulk_runner.rows.accept(run, rows[0])
    (payment,) = world.payments()
    assert (payment.status, payment.due_at) == (Status.CANCELLED, None)
    assert payment.history[-1].reference.startswith("This is not the customer's e-mail.")
    assert refused == [late] == [RowOutcome(2, rows[0].customer_id, payment.payment_id)]


def test_a_row_that_another_process_has_paid_is_not_refused(world: BulkWorld) -> None:
    rows = bulk_rows(1)
    world.register(rows)
    run = world.take_in(rows)
    runner = world.process().bulk_runner
    paid = runner.rows.accept(run, rows[0])
    assert runner.rows.refuse(run, rows[0], BAD) == paid


def test_while_one_process_has_a_run_no_other_works_on_it(world: BulkWorld) -> None:
    rows = bulk_rows(2)
    world.register(rows)
    run = world.take_in(rows)
    assert world.store.change_bulk_run(run, run.taken("t", world.now))
    assert not world.process().bulk_runner.advance()
    world.now += LEASE
    assert world.process().bulk_runner.advance()


def test_outcomes_of_a_process_that_has_lost_the_run_do_not_count(world: BulkWorld) -> None:
    rows = bulk_rows(2)
    world.register(rows)
    run = world.take_in(rows)
    slow = world.process().bulk_runner
    counted: list[bool] = []

    def overtaken() -> None:
        world.now += LEASE
        if not counted:
            counted.append(world.process().bulk_runner.advance())

    overtaken_store = OvertakenStore(world.store, overtaken)
    replace(slow, store=cast(Store, overtaken_store)).advance()
    done = world.process().bulk_runs.get(run.bulk_id)
    assert (done.status, done.accepted, counted) == (BulkStatus.COMPLETED, 2, [True])
    assert len(world.payments()) == 2


class OvertakenStore:
    """A store whose caller loses time before it adds outcomes."""

    def __init__(self, store: MemoryStore, before: Callable[[], object]) -> None:
        self._store = store
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def add_bulk_outcomes(self, *args: Any) -> None:
        self._before()
        self._store.add_bulk_outcomes(*args)


@pytest.mark.parametrize(
    "terms", [EACH, BulkTerms(BulkMode.ALL), BulkTerms(is_dry=True)], ids=["each", "all", "dry"]
)
def test_the_rows_of_a_run_that_has_ended_are_deleted(world: BulkWorld, terms: BulkTerms) -> None:
    rows = bulk_rows(CHUNK_ROWS + 1)
    world.register(rows[1:])
    run = world.take_in(rows, terms, key="k")
    assert run.rows_deleted is False
    world.process().bulk_runs.hold(run.bulk_id, "later", SHOP)
    world.work_off(run)
    assert len(world.store.get_bulk_rows(run.bulk_id, 0)) == CHUNK_ROWS
    world.process().bulk_runs.release(run.bulk_id, SHOP)
    done = world.work_off(run)
    if terms.is_dry:
        assert not done.rows_deleted  # it may be paid
        world.now += PAYABLE_FOR
        done = world.work_off(run)
    assert done.rows_deleted
    assert [world.store.get_bulk_rows(run.bulk_id, chunk) for chunk in range(2)] == [[], []]
    assert world.take_in(rows, terms, key="k").bulk_id == run.bulk_id  # it needs no rows
    assert len(outcomes(world, done)) == len(rows)


@pytest.mark.parametrize("count", range(1, 4))
def test_after_a_crash_the_rows_that_are_left_are_deleted(world: BulkWorld, count: int) -> None:
    rows = bulk_rows(CHUNK_ROWS * 2 + 1)
    world.register(rows)
    run = world.take_in(rows)
    crash_after(world.store, "delete_bulk_rows", count)
    with pytest.raises(StoreUnavailable):
        world.work_off(run)
    world.now += LEASE
    assert world.work_off(run).rows_deleted
    assert [world.store.get_bulk_rows(run.bulk_id, chunk) for chunk in range(3)] == [[], [], []]


# Counts by status


def counts(world: BulkWorld, run: BulkRun) -> dict[str, int] | None:
    """Return what the list of runs says of a run's payments: what was counted last."""
    runs = {each.bulk_id: each for each in world.process().bulk_runs.page(9).runs}
    tally = runs[run.bulk_id].tally
    return dict(tally.counts) if tally else None


def test_the_payments_of_a_run_are_counted_by_status_after_its_end(world: BulkWorld) -> None:
    rows = bulk_rows(CHUNK_ROWS * 3)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    assert counts(world, run) is None
    world.now += PAUSE
    world.work_off(run)
    assert counts(world, run) == {"pending": len(rows)}
    world.process().dispatcher.submit(world.payments()[:100])
    world.work_off(run)
    assert counts(world, run) == {"pending": len(rows)}  # as of then
    world.now += PAUSE
    shown = world.work_off(run).tally
    assert shown is not None
    assert (shown.counts, shown.as_of) == (
        {"pending": len(rows) - 100, "submitting": 100},
        world.now,
    )


def test_those_of_a_short_run_are_counted_whenever_it_is_shown(world: BulkWorld) -> None:
    rows = bulk_rows(CHUNK_ROWS + 2)
    world.register(rows[:-1])
    run = world.work_off(world.take_in(rows))
    assert run.tally == BulkTally({"pending": len(rows) - 1}, world.now)
    payment = world.payments()[0]
    world.process().payments.cancel(payment.key, SHOP)
    shown = world.process().bulk_runs.get(run.bulk_id).tally
    assert shown is not None
    assert shown.counts == {"pending": len(rows) - 2, "cancelled": 1}


def test_after_an_order_is_carried_out_payments_are_counted_at_once(world: BulkWorld) -> None:
    rows = bulk_rows(2)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    world.now += PAUSE
    world.work_off(run)
    world.now += timedelta(seconds=1)
    world.process().bulk_runs.cancel(run.bulk_id, SHOP)
    world.work_off(run)
    assert counts(world, run) == {"cancelled": 2}


@pytest.mark.parametrize("terms", [BulkTerms(BulkMode.ALL), BulkTerms(is_dry=True)])
def test_a_run_without_payments_is_never_counted(world: BulkWorld, terms: BulkTerms) -> None:
    rows = bulk_rows(2)
    world.register(rows[:1])
    run = world.work_off(world.take_in(rows, terms))
    world.now += PAYABLE_FOR  # until then a dry run keeps its rows
    run = world.work_off(run)
    assert (run.attention_at, run.tally) == (None, None)


def test_payments_are_counted_less_and_less_often_and_for_35_days(world: BulkWorld) -> None:
    rows = bulk_rows(1)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    times = []
    while run.attention_at is not None:
        world.now = run.attention_at
        times.append(world.now)
        run = world.work_off(run)
    assert timedelta(days=35) < times[-1] - NOW < timedelta(days=45)
    assert len(times) < 70


# Holds and cancellations


def test_a_held_run_waits_and_goes_on_where_it_was(world: BulkWorld) -> None:
    rows = bulk_rows(2)
    world.register(rows)
    run = world.take_in(rows)
    world.process().bulk_runs.hold(run.bulk_id, "is it right?", SHOP)
    held = world.work_off(run)
    assert (held.status, held.held_by, held.accepted) == (BulkStatus.ACCEPTING, "shop", 0)
    world.process().bulk_runs.release(run.bulk_id, ANN)
    done = world.work_off(run)
    assert (done.accepted, done.held_by) == (2, "")
    assert [hold.released_by for hold in world.process().holds.history()] == ["ann"]


def sent_by(world: BulkWorld) -> list[Payment]:
    """Sweep as a service does; return the payments that have left."""
    world.now += timedelta(seconds=40)
    world.process().sweeper.run()
    return [each for each in world.payments() if each.status is not Status.PENDING]


def test_what_a_run_has_paid_is_held_with_it_and_leaves_once_it_is_released(
    world: BulkWorld,
) -> None:
    rows = bulk_rows(3)
    world.register(rows)
    run, other = world.take_in(rows[:2]), world.take_in(rows[2:])
    world.work_off(run)
    held = world.process().bulk_runs.hold(run.bulk_id, "is it right?", ANN)
    assert (held.status, held.held_by) == (BulkStatus.COMPLETED, "ann")
    assert {each.bulk_id for each in sent_by(world)} == {other.bulk_id}
    (waiting, _) = [each for each in world.payments() if each.bulk_id == run.bulk_id]
    shown = world.process().waiting.of(waiting)
    assert shown is not None
    assert shown.reason is WaitingFor.HOLD
    world.process().bulk_runs.release(run.bulk_id, ANN)
    assert len(sent_by(world)) == 3


def test_a_batch_that_waits_is_not_sent_again_while_a_run_in_it_is_held(world: BulkWorld) -> None:
    rows = bulk_rows(2)
    world.register(rows)
    run = world.work_off(world.take_in(rows))

    def unknown(_: object) -> None:
        raise OutcomeUnknown("no answer")

    world.provider.before = unknown
    world.process().dispatcher.submit(world.payments())
    world.provider.before = lambda _: None
    world.process().bulk_runs.hold(run.bulk_id, "is it right?", ANN)
    for _ in range(3):
        world.now += timedelta(minutes=5)
        world.process().sweeper.run()
    assert world.provider.paid() == []
    world.process().bulk_runs.release(run.bulk_id, ANN)
    world.now += timedelta(minutes=5)
    world.process().sweeper.run()
    assert len(world.provider.paid()) == 2


def test_a_hold_of_a_run_is_one_of_the_holds_in_force(world: BulkWorld) -> None:
    run = world.take_in(bulk_rows(1))
    holds = world.process().holds
    placed = holds.place(HoldScope.BULK, run.bulk_id, "odd", ANN)
    assert not holds.place(HoldScope.BULK, run.bulk_id, "again", SHOP).new
    runs = world.process().bulk_runs
    assert runs.page(9).runs[0].reason == "odd"
    holds.release(placed.hold.hold_id, ANN)
    assert runs.get(run.bulk_id).held_by == ""
    assert runs.release(run.bulk_id, ANN).held_by == ""  # safe to repeat


def test_a_run_that_is_held_can_be_cancelled(world: BulkWorld) -> None:
    rows = bulk_rows(1)
    world.register(rows)
    run = world.take_in(rows)
    runs = world.process().bulk_runs
    runs.hold(run.bulk_id, "odd", ANN)
    world.work_off(run)
    runs.cancel(run.bulk_id, SHOP)
    world.now += LEASE
    assert world.work_off(run).status is BulkStatus.CANCELLED
    assert world.payments() == []


def test_of_a_cancelled_run_no_further_row_is_paid(world: BulkWorld) -> None:
    rows = bulk_rows(CHUNK_ROWS * 3)
    world.register(rows)
    run = world.take_in(rows)
    crash_after(world.store, "change_bulk_run", 2)
    with pytest.raises(StoreUnavailable):
        world.work_off(run)
    world.process().bulk_runs.cancel(run.bulk_id, SHOP)
    world.now += LEASE
    done = world.work_off(run)
    assert (done.status, done.cancelled_by) == (BulkStatus.CANCELLED, "shop")
    assert (done.accepted, done.rejected) == (CHUNK_ROWS, CHUNK_ROWS)
    assert [payment.status for payment in world.payments()] == [Status.CANCELLED] * CHUNK_ROWS


def test_another_clients_run_is_cancelled_by_who_may_hold(world: BulkWorld) -> None:
    run = world.take_in(bulk_rows(1))
    runs = world.process().bulk_runs
    with pytest.raises(NotAllowed):
        runs.cancel(run.bulk_id, Actor("else", frozenset({"else"}), frozenset()))
    runs.cancel(run.bulk_id, Actor("ops", frozenset({"ops"}), frozenset({HOLD})))
    assert world.work_off(run).status is BulkStatus.CANCELLED
    with pytest.raises(Conflict, match="it is cancelled"):
        runs.hold(run.bulk_id, "late", SHOP)


def test_a_run_is_approved_as_one_by_another_person() -> None:
    world = BulkWorld(settings={"approvals": "all: 1"})
    rows = bulk_rows(CHUNK_ROWS + 1)
    world.register(rows)
    run = world.take_in(rows)
    runs = world.process().bulk_runs
    with pytest.raises(NotAllowed, match="Whoever asked"):
        runs.approve(run.bulk_id, SHOP)
    runs.approve(run.bulk_id, ANN, "June")
    done = world.work_off(run)
    assert {payment.status for payment in world.payments()} == {Status.PENDING}
    assert {payment.approvals[0].by for payment in world.payments()} == {"ann"}
    assert (done.has_open_order, done.attention_at) == (False, done.tally_at)


def test_a_run_is_rejected_as_one() -> None:
    world = BulkWorld(settings={"approvals": "USD 100..: 1"})
    small, large = bulk_rows(2)
    rows = [small, large._replace(money=usd("100"))]
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    world.process().bulk_runs.reject(run.bulk_id, ANN, "not ours")
    world.work_off(run)
    statuses = {payment.customer_id: payment.status for payment in world.payments()}
    assert statuses == {"c2": Status.PENDING, "c3": Status.REJECTED}


@pytest.mark.parametrize("count", range(1, 5))
def test_an_order_goes_on_after_a_crash(count: int) -> None:
    world = BulkWorld(settings={"approvals": "all: 1"})
    rows = bulk_rows(CHUNK_ROWS + 1)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    world.process().bulk_runs.approve(run.bulk_id, ANN)
    crash_after(world.store, "change_bulk_run", count)
    with suppress(StoreUnavailable):
        world.work_off(run)
    world.now += LEASE
    assert not world.work_off(run).has_open_order
    assert {payment.status for payment in world.payments()} == {Status.PENDING}


def test_one_order_is_carried_out_after_the_other(world: BulkWorld) -> None:
    rows = bulk_rows(1)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    runs = world.process().bulk_runs
    approved = runs.approve(run.bulk_id, ANN)
    assert runs.approve(run.bulk_id, ANN) == approved
    with pytest.raises(Conflict, match="Another order is carried out first: approve"):
        runs.cancel(run.bulk_id, SHOP)
    world.work_off(run)
    runs.cancel(run.bulk_id, SHOP)
    world.work_off(run)
    assert [payment.status for payment in world.payments()] == [Status.CANCELLED]


def test_the_approval_of_a_second_person_is_not_taken_for_that_of_the_first() -> None:
    world = BulkWorld(settings={"approvals": "all: 2"})
    rows = bulk_rows(1)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    runs = world.process().bulk_runs
    runs.approve(run.bulk_id, ANN)
    with pytest.raises(Conflict, match="Another order is carried out first: approve"):
        runs.approve(run.bulk_id, operator("bea"))
    world.work_off(run)
    assert [payment.status for payment in world.payments()] == [Status.AWAITING_APPROVAL]
    runs.approve(run.bulk_id, operator("bea"))
    world.work_off(run)
    assert [payment.status for payment in world.payments()] == [Status.PENDING]


def test_a_run_without_payments_is_not_approved(world: BulkWorld) -> None:
    run = world.work_off(world.take_in(bulk_rows(1), BulkTerms(BulkMode.ALL)))
    with pytest.raises(Conflict, match="it is refused"):
        world.process().bulk_runs.approve(run.bulk_id, ANN)


def test_a_run_that_takes_too_long_ends(world: BulkWorld) -> None:
    rows = bulk_rows(1)
    world.register(rows)
    run = world.take_in(rows)
    world.now = replace(run).ends_at
    done = world.work_off(run)
    assert (done.status, done.rejected) == (BulkStatus.CANCELLED, 1)
    assert world.payments() == []


def test_outcomes_are_read_page_by_page_from_any_line(world: BulkWorld) -> None:
    rows = bulk_rows(CHUNK_ROWS * 3)
    world.register(rows)
    run = world.work_off(world.take_in(rows))
    runs, lines, after = world.process().bulk_runs, [], 0
    while True:
        page = runs.outcomes(run, 100, after=after)
        lines += [each.line for each in page.outcomes]
        if page.last_read is None:
            break
        after = page.last_read
    assert lines == [row.line for row in rows]
