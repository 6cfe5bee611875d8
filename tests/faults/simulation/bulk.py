"""Bulk runs: people who ask for them, stop them, and the checks of what became of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from paymentapp.errors import Conflict, KeyReused, NotFound, StoreUnavailable
from paymentapp.models.actors import HOLD, Actor
from paymentapp.models.bulk import (
    BulkKey,
    BulkMode,
    BulkRow,
    BulkRun,
    BulkStatus,
    RowOutcome,
    RowProblem,
    row_key,
)
from paymentapp.models.customers import Customer
from paymentapp.models.idempotency import key_hash
from paymentapp.models.payments import Payment
from paymentapp.services.bulk.intake import BulkTerms
from paymentapp.services.payment_orders import PaymentOrder
from tests.faults.simulation.clients import ACTORS, AMOUNTS, Intent
from tests.faults.simulation.clock import START
from tests.faults.simulation.fault_plan import MIDST, FaultPlan
from tests.faults.simulation.index import Index
from tests.faults.simulation.later_steps import LaterSteps
from tests.faults.simulation.scheduler import MINUTE, SECOND
from tests.faults.simulation.tables import lag_of

if TYPE_CHECKING:
    from datetime import datetime

    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

SCENE = "bulk"
CHUNK = 5  # rows of a chunk, of which a process accepts three at once
AT_ONCE = 3
UNFIT = (RowProblem("amount", "is not one"),)
GUARD = Actor("guard", frozenset({"guard"}), frozenset({HOLD}))


class BulkFaultPlan(FaultPlan):
    """A fault plan with stops amid the rows of a run."""

    midst: Sequence[str] = (
        *MIDST,
        *("add_payments", "add_payments", "claim_keys", "add_payment", "claim_key") * 2,
        *("bind_key", "bind_key", "add_outcomes", "add_outcomes", "change_run", "change_run"),
        *(
            "get_rows",
            "get_outcomes",
            "delete_rows",
            "due_runs",
            "add_rows",
            "add_bulk_key",
            "add_run",
        ),
    )


@dataclass(slots=True, eq=False)
class RunIntent:
    """A run that somebody wants, and which one they were told of."""

    name: str
    rows: list[BulkRow]
    terms: BulkTerms
    by: Actor
    tries: int = 0
    told: list[str] = field(default_factory=list)


class WorldBulk(LaterSteps):
    """The runs of one world as they are stored, and the people who ask for them."""

    def __init__(self, world: World, seed: str, scene: str) -> None:
        super().__init__(world)
        self.on = scene == SCENE
        self.rng = Random(f"bulk {seed}")
        self.rows: dict[tuple[str, int], list[BulkRow]] = {}
        self.deleted: set[tuple[str, int]] = set()  # of the rows, which the checks still need
        self.outcomes: dict[tuple[str, int, str], list[RowOutcome]] = {}
        self.keys: dict[str, BulkKey] = {}
        self.runs: dict[str, BulkRun] = {}
        self.wanted: list[RunIntent] = []
        self.intents: dict[str, Intent] = {}  # of rows, by the request id of their payments
        lag = lag_of(world.rng) if world.engine == "dynamodb" else lambda: 0
        self.due: Index[str, str] = Index(world.scheduler, lag)

    # What is stored

    def add_run(self, run: BulkRun) -> BulkRun:
        if run.bulk_id not in self.runs:
            self._put(run)
        return self.runs[run.bulk_id]

    def change_run(self, old: BulkRun, new: BulkRun) -> bool:
        stored = self.runs[old.bulk_id]
        if stored.revision == old.revision:
            self._put(new)
        return stored.revision in {old.revision, new.revision}

    def _put(self, run: BulkRun) -> None:
        self.runs[run.bulk_id] = run
        # Counting by status goes on for weeks; a dry run's rows are kept for one.
        at = run.attention_at if _has_work(run) else None
        self.due.put(run.bulk_id, 0, at, run.bulk_id)

    def soonest(self) -> datetime | None:
        """Return when a run is due; None where none is."""
        return self.due.soonest()

    def look(self, process: Process) -> None:
        """Have a process work off a run that seems due."""
        soonest = self.soonest()
        if self.on and soonest is not None and soonest <= process.clock():
            process.work_off_later()

    def intent_of(self, payment: Payment) -> Intent:
        """Return the intent of the row whose payment this is."""
        return self.intents.get(payment.request_id) or self._intents(payment)

    def _intents(self, payment: Payment) -> Intent:
        """Make the intents of a run's rows; that of an unknown one for what none asks for."""
        bulk_id, by = payment.bulk_id or "", payment.created_by or ""
        for row in self._rows_of(bulk_id):
            money, meant = row.money or payment.money, row.allow_duplicate
            order = PaymentOrder(row.customer_id, row.email, money, None, allow_duplicate=meant)
            request_id = key_hash(row_key(bulk_id, row.line), by)[:32]
            actor = Actor(by, frozenset({by}), frozenset())
            intent = Intent(f"{bulk_id} line {row.line}", order, None, actor, 0, 0)
            self.intents.setdefault(request_id, intent)
        found = self.intents.get(payment.request_id)
        if found is None:
            self.world.findings.fail("row unknown", f"no row of {bulk_id} asks for it", payment.key)
            return next(iter(self.intents.values()))
        return found

    def _rows_of(self, bulk_id: str) -> Iterator[BulkRow]:
        chunk = 0
        while (bulk_id, chunk) in self.rows:
            yield from self.rows[bulk_id, chunk]
            chunk += 1

    # What people do

    def schedule(self, span: int) -> None:
        """Plan when runs are asked for, and stopped, and when customers change their address."""
        if not self.on:
            return
        customers = [self._customer(number) for number in range(6)]
        for number in range(3 + self.rng.randrange(5)):
            wanted = self._wanted(number, customers)
            self.wanted.append(wanted)
            self._later(self.rng.randrange(span), partial(self._ask, wanted))
        for _ in range(40):
            customer = self.rng.choice(customers)
            self._later(self.rng.randrange(span + 3 * MINUTE), partial(self._move, customer))

    def _customer(self, number: int) -> Customer:
        customer = Customer(f"row{number}", f"row{number}@example.com", START)
        self.world.tables.put_customer(customer)
        return customer

    def _move(self, customer: Customer) -> None:
        """Give a customer another address, or the first one again."""
        known = self.world.tables.customers[customer.customer_id]
        moved = known.email == customer.email
        email = f"new-{customer.email}" if moved else customer.email
        self.world.tables.put_customer(replace(known, email=email))

    def _wanted(self, number: int, customers: Sequence[Customer]) -> RunIntent:
        rows = [self._row(line, customers) for line in range(1, 2 + self.rng.randrange(30))]
        mode = BulkMode.ALL if self.rng.random() < 0.2 else BulkMode.EACH
        terms = BulkTerms(mode, is_dry=self.rng.random() < 0.1)
        return RunIntent(f"run-{number}", rows, terms, self.rng.choice(ACTORS))

    def _row(self, line: int, customers: Sequence[Customer]) -> BulkRow:
        if self.rng.random() < 0.05:
            return BulkRow(line, problems=UNFIT)
        customer = self.rng.choice(customers)
        money = self.rng.choice(AMOUNTS)
        meant = self.rng.random() < 0.7
        return BulkRow(line, customer.customer_id, customer.email, money, allow_duplicate=meant)

    def _ask(self, wanted: RunIntent) -> None:
        """Ask for a run under its key, until an answer comes, and now and then once more."""

        def ask(process: Process) -> None:
            intake = process.services.bulk_intake
            try:
                taken = intake.take_in(iter(wanted.rows), wanted.terms, wanted.by, wanted.name)
            except KeyReused as error:
                self.world.findings.fail("told no", str(error), None, wanted.name)
            except StoreUnavailable:
                self._again(wanted)
            else:
                if self.rng.random() < 0.1:  # the answer is lost
                    self._again(wanted)
                wanted.told.append(taken.run.bulk_id)
                self._stop_later(taken.run.bulk_id, wanted.by)

        self._by_any_process(ask, partial(self._ask, wanted))

    def _again(self, wanted: RunIntent) -> None:
        wanted.tries += 1
        if wanted.tries < 25:
            self._later(self.rng.randrange(5 * SECOND), partial(self._ask, wanted))

    def _stop_later(self, bulk_id: str, by: Actor) -> None:
        """Have somebody hold a run for a while, or cancel it."""

        def hold(process: Process) -> None:
            try:
                process.services.bulk_runs.hold(bulk_id, "a doubt", GUARD)
            finally:  # however it ended: a process that stalls may place it hours later
                self.world.holders.release_later()

        def cancel(process: Process) -> object:
            return process.services.bulk_runs.cancel(bulk_id, by)

        if self.rng.random() < 0.3:
            self._later(self.rng.randrange(MINUTE), partial(self._try, hold))
        if self.rng.random() < 0.15:
            self._later(self.rng.randrange(MINUTE), partial(self._try, cancel, 25))

    def _try(self, step: Callable[[Process], object], tries: int = 1) -> None:
        def attempt(process: Process) -> None:
            try:
                step(process)
            except (Conflict, NotFound):
                return
            except StoreUnavailable:
                if tries > 1:
                    again = partial(self._try, step, tries - 1)
                    self._later(self.rng.randrange(5 * SECOND), again)

        self._by_any_process(attempt, partial(self._try, step, tries))

    # Checks

    def judge(self) -> None:
        """Report each run whose outcomes are not those of its rows' payments."""
        for wanted in self.wanted:
            if len(set(wanted.told)) > 1:
                self._fail("one key, two runs", f"{wanted.name} is {set(wanted.told)}")
            for bulk_id in wanted.told:
                if bulk_id not in self.runs:
                    self._fail("lost", f"{bulk_id} was accepted, and is not on record")
        for request_id, intent in self.intents.items():
            if len(intent.made) > 1:
                self._fail("one row, two payments", f"{intent.name}: {intent.made} {request_id}")
        for run in self.runs.values():
            self._judge(run)

    def _judge(self, run: BulkRun) -> None:
        if _has_work(run):
            self._fail("stuck", f"{run.bulk_id} is {run.status}")
            return
        rows, outcomes = list(self._rows_of(run.bulk_id)), list(self._outcomes(run))
        made = {row.line: self._made(run, row) for row in rows}
        lines = [row.line for row in rows[: len(outcomes)]]
        if [each.line for each in outcomes] != lines or len(rows) != run.total:
            self._fail("outcomes lost", f"{run.bulk_id}: {len(outcomes)} of {len(rows)}")
        if run.status is BulkStatus.COMPLETED and len(outcomes) != run.total:
            self._fail("outcomes lost", f"{run.bulk_id}: {len(outcomes)} of {run.total}")
        for outcome in outcomes:
            self._judge_row(run, outcome, made.pop(outcome.line, None))
        for line, payment in made.items():
            if payment is not None:
                self._fail("paid and not told", f"{run.bulk_id} line {line}: {payment.key}")
        rejected = sum(bool(each.problems) for each in outcomes)
        if (run.accepted, run.rejected) != (len(outcomes) - rejected, rejected):
            self._fail("miscounted", f"{run.bulk_id}: {run.accepted} and {run.rejected}")

    def _judge_row(self, run: BulkRun, outcome: RowOutcome, made: Payment | None) -> None:
        where = f"{run.bulk_id} line {outcome.line}"
        told = outcome.payment_id
        if outcome.problems and made is not None:
            self._fail("refused and paid", f"{where}: {outcome.problems[0].column} {made.key}")
        elif told is None and not outcome.problems and run.status is BulkStatus.COMPLETED:
            self._fail("outcomes lost", f"{where}: neither a payment nor a problem")
        elif told is not None and (made is None or made.payment_id != told):
            self._fail("wrong outcome", f"{where}: told {told}, made {made and made.key}")

    def _outcomes(self, run: BulkRun) -> Iterator[RowOutcome]:
        for chunk in range(run.next_chunk):
            yield from self.outcomes.get((run.bulk_id, chunk, run.token_of(chunk)), ())

    def _made(self, run: BulkRun, row: BulkRow) -> Payment | None:
        intent = self.intents.get(key_hash(row_key(run.bulk_id, row.line), run.created_by)[:32])
        return self.world.tables.payments[intent.made[0]] if intent and intent.made else None

    def _fail(self, check: str, words: str) -> None:
        self.world.findings.fail(check, words, None)


def _has_work(run: BulkRun) -> bool:
    """Return whether something is to be done about a run, besides counting its payments."""
    has_rows = not run.rows_deleted and run.rows_kept_until is None
    return run.is_open or run.has_open_order or has_rows
