"""The runner of bulk runs: takes one that is due, and works off its rows chunk by chunk.

A process takes a run by a conditional write, and has it to itself while it goes on: that saves
work. That no row is paid twice or lost depends on none of it, but on the key of each row (`rows`),
and on outcomes that count only once the run says so, under the revision that was read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.bulk import (
    HELD_PAUSE,
    BulkMode,
    BulkRow,
    BulkRun,
    BulkStatus,
    RowOutcome,
    RowProblem,
)
from paymentapp.models.revisions import new_revision
from paymentapp.services.bulk.orders import BulkOrders
from paymentapp.services.bulk.rows import BulkRows
from paymentapp.services.bulk.tallies import BulkTallies
from paymentapp.services.holds import Holds
from paymentapp.storage.base import Store
from paymentapp.storage.contention import MAX_TRIES, tries

log = logging.getLogger(__name__)

Pool = ThreadPoolExecutor | None  # None: one after the other, in the thread that there is
Item = TypeVar("Item")
Result = TypeVar("Result")

# Rows that are accepted together. On SQLite they are one transaction, which other writes wait for.
ROWS_AT_ONCE = 25
PAUSE_MAX = 0.5  # seconds between two steps: a chunk takes less than a LEASE
DUE_MAX = 10  # runs that are looked at for one that no other process takes first
CANCELLED = RowProblem("", "The run was cancelled before this row was paid.")
TOO_LATE = RowProblem("", "The run was not worked off within 30 days: ask for this row again.")


@dataclass(frozen=True, slots=True)
class BulkRunner:
    """Works off bulk runs.

    Rows that are not accepted together, and payments of an order, are worked on `at_once` at a
    time: each mostly waits for the store. `pause` is called between two steps with the seconds that
    the last one took: a process that also serves requests leaves as much time to these.
    """

    store: Store
    rows: BulkRows
    orders: BulkOrders
    holds: Holds
    tallies: BulkTallies
    clock: Clock
    at_once: int = 8
    pause: Callable[[float], object] = lambda _seconds: None

    def advance(self, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Take a run that is due and work it off; return whether one was due.

        Ends early where `may_go_on` says so, and another process goes on. Raises StoreUnavailable:
        the run then is due again once the lease is over.
        """
        now, token = self.clock(), new_revision()
        for due in self.store.due_bulk_runs(now, DUE_MAX):
            taken = due.taken(token, now)
            if self.store.change_bulk_run(due, taken):
                self._work(taken, token, may_go_on)
                return True
        return False

    def _work(self, run: BulkRun, token: str, may_go_on: Callable[[], bool]) -> None:
        """Work off a run until it has ended, is held, or belongs to another process."""
        current: BulkRun | None = run
        threads = ThreadPoolExecutor(self.at_once, "bulk") if self.at_once > 1 else nullcontext()
        with threads as pool:
            while current is not None and may_go_on():
                current = self._step(current, token, pool)
        if current is not None:
            self._change(current, token, lambda each: each.changed(attention_at=self.clock()))

    def _step(self, run: BulkRun, token: str, pool: Pool) -> BulkRun | None:
        """Take the next step of a run; return it as it stands then, None if nothing is left."""
        if run.has_open_order and not run.is_open:
            return self._ordered(run, token, pool)
        if not run.is_open:
            self._after_the_end(run, token, pool)
            return None
        if not run.cancelled_by and self.holds.in_force().on_run(run.bulk_id):
            later = self.clock() + HELD_PAUSE
            self._change(run, token, lambda each: each.changed(attention_at=later))
            return None
        if run.cancelled_by or self.clock() >= run.ends_at:
            return self._stopped(run, token, pool)
        if run.next_chunk < run.chunks:
            return self._chunk(run, token, pool, self._worked)
        return self._completed(run, token)

    def _ordered(self, run: BulkRun, token: str, pool: Pool) -> BulkRun | None:
        """Carry out the order for one more chunk of payments."""
        if run.order is None:
            return None
        chunk = run.order.next_chunk
        outcomes = self.store.get_bulk_outcomes(run.bulk_id, chunk, run.token_of(chunk))
        _each(pool, partial(self.orders.carry_out, run.order), outcomes)
        return self._change(run, token, lambda each: each.carried_out(self.clock()))

    def _after_the_end(self, run: BulkRun, token: str, pool: Pool) -> None:
        """Delete the rows of a run that has ended; count its payments, if that is due.

        Those of a dry run are kept for a while, since they may be paid: see `CheckedRuns`.
        """
        kept = run.rows_kept_until
        if kept is not None and self.clock() < kept:
            self._change(run, token, lambda each: each.changed(attention_at=kept))
            return
        if not run.rows_deleted:
            _each(pool, partial(self.store.delete_bulk_rows, run.bulk_id), range(run.chunks))
        due = run.tally_at
        is_due = due is not None and due <= self.clock()
        tally = self.tallies.of(run, partial(_each, pool)) if is_due else run.tally

        def rests(each: BulkRun) -> BulkRun:
            return replace(each, rows_deleted=True, tally=tally).at_rest()

        self._change(run, token, rests)

    def _stopped(self, run: BulkRun, token: str, pool: Pool) -> BulkRun | None:
        """End a run: refuse what another process may still be working on, and nothing else.

        No process has begun the chunks after the next one.
        """
        if run.status is BulkStatus.ACCEPTING and run.next_chunk < run.chunks:
            problem = CANCELLED if run.cancelled_by else TOO_LATE
            refuse = partial(self._refused, problem)
            found = self._chunk(run, token, pool, refuse)
            if found is None:
                return None
            run = found
        return self._end(run, token, BulkStatus.CANCELLED)

    def _chunk(
        self,
        run: BulkRun,
        token: str,
        pool: Pool,
        work: Callable[[BulkRun, Sequence[BulkRow], Pool], list[RowOutcome]],
    ) -> BulkRun | None:
        """Work off the next chunk: its outcomes are stored, then counted."""
        rows = self.store.get_bulk_rows(run.bulk_id, run.next_chunk)
        if not rows:
            raise StoreUnavailable(f"bulk run {run.bulk_id}: rows of a chunk are missing")
        outcomes = work(run, rows, pool)
        self.store.add_bulk_outcomes(run.bulk_id, run.next_chunk, token, outcomes)
        sums = sums_of(rows, outcomes)
        return self._change(run, token, lambda each: each.advanced(outcomes, sums, self.clock()))

    def _worked(self, run: BulkRun, rows: Sequence[BulkRow], pool: Pool) -> list[RowOutcome]:
        outcomes: list[RowOutcome] = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            begun, part = time.monotonic(), rows[start : start + ROWS_AT_ONCE]
            if run.status is BulkStatus.CHECKING:
                outcomes += self.rows.check_many(run, part)
            else:
                outcomes += self._accepted(run, part, pool)
            self.pause(min(time.monotonic() - begun, PAUSE_MAX))
        return outcomes

    def _accepted(self, run: BulkRun, rows: Sequence[BulkRow], pool: Pool) -> list[RowOutcome]:
        """Make rows payments: most by one call of the store, and each other one by itself."""
        outcomes = self.rows.accept_many(run, rows)
        rest = [row for row, found in zip(rows, outcomes, strict=True) if found is None]
        others = iter(_each(pool, partial(self.rows.accept, run), rest))
        return [found or next(others) for found in outcomes]

    def _refused(
        self, problem: RowProblem, run: BulkRun, rows: Sequence[BulkRow], pool: Pool
    ) -> list[RowOutcome]:
        return _each(pool, lambda row: self.rows.refuse(run, row, problem), rows)

    def _completed(self, run: BulkRun, token: str) -> BulkRun | None:
        """Go on with a run whose chunks are all worked off."""
        last = _last_status(run)
        if last is None:
            return self._change(run, token, lambda each: each.begun_to_accept(token, self.clock()))
        return self._end(run, token, last)

    def _end(self, run: BulkRun, token: str, status: BulkStatus) -> BulkRun | None:
        """End a run."""
        ended = self._change(run, token, lambda each: each.ended(status, self.clock()))
        if ended is not None:
            counts = ended.accepted, ended.rejected, ended.total
            log.info(
                "bulk run %s %s: %d rows fine, %d rejected, of %d", ended.bulk_id, status, *counts
            )
        return ended

    def _change(
        self, run: BulkRun, token: str, change: Callable[[BulkRun], BulkRun]
    ) -> BulkRun | None:
        """Change a run; return it, None where it belongs to another process now.

        Somebody who holds or cancels it meanwhile changes it too, and leaves it with this process.
        """
        for _ in tries():
            wanted = change(run)
            if self.store.change_bulk_run(run, wanted):
                return wanted
            found = self.store.get_bulk_run(run.bulk_id)
            if found is None or not found.is_with(token) or found.next_chunk != run.next_chunk:
                log.warning("bulk run %s: another process goes on with it", run.bulk_id)
                return None
            run = found
        raise StoreUnavailable(f"a bulk run was changed {MAX_TRIES} times meanwhile")


def _each(pool: Pool, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results of some work on each item, in their order."""
    return list(map(work, items) if pool is None else pool.map(work, items))


def _last_status(run: BulkRun) -> BulkStatus | None:
    """Return the status in which a run ends whose chunks are worked off; None if it goes on."""
    if run.status is BulkStatus.ACCEPTING:
        return BulkStatus.COMPLETED
    if run.is_dry:
        return BulkStatus.CHECKED
    return BulkStatus.REFUSED if run.rejected and run.mode is BulkMode.ALL else None


def sums_of(rows: Sequence[BulkRow], outcomes: Sequence[RowOutcome]) -> dict[str, Decimal]:
    """Return the amounts by currency of the rows that have no problems."""
    sums: dict[str, Decimal] = {}
    for row, outcome in zip(rows, outcomes, strict=True):
        if row.money is not None and not outcome.problems:
            known = sums.get(row.money.currency, Decimal(0))
            sums[row.money.currency] = known + row.money.amount
    return sums
