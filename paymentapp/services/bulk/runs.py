"""Bulk runs for whoever asked for them: shown, listed, held, released and cancelled as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import Conflict, NotAllowed, NotFound, StoreUnavailable
from paymentapp.models.actors import HOLD, Actor
from paymentapp.models.bulk import (
    HELD_PAUSE,
    PAID_STATUSES,
    BulkAction,
    BulkOrder,
    BulkPage,
    BulkRun,
    RowOutcome,
    RowProblem,
)
from paymentapp.models.holds import Hold, HoldScope, target_of
from paymentapp.models.payments import PaymentKey, Status
from paymentapp.services.bulk.tallies import BulkTallies
from paymentapp.services.holds import Holds
from paymentapp.storage.base import Store
from paymentapp.storage.contention import MAX_TRIES, tries


class OutcomePage(NamedTuple):
    """Outcomes in the order of the rows; `last_read` is the line to continue after, if any."""

    outcomes: list[RowOutcome]
    last_read: int | None


class ShownOutcome(NamedTuple):
    """What became of a row, with the status that its payment has now."""

    line: int
    customer_id: str
    payment_id: str | None
    problems: tuple[RowProblem, ...]
    payment_status: Status | None


@dataclass(frozen=True, slots=True)
class BulkRuns:
    """Shows bulk runs and their rows, and stops them."""

    store: Store
    holds: Holds
    tallies: BulkTallies
    clock: Clock

    def get(self, bulk_id: str) -> BulkRun:
        """Return a run with its hold and its counts. Raises NotFound."""
        run = self.tallies.shown(self._stored(bulk_id))
        return _with_holds([run], self.store.list_holds())[0]

    def page(self, limit: int, before: str | None = None) -> BulkPage:
        """Return a page of runs with their holds, newest first."""
        page = self.store.list_bulk_runs(limit, before)
        return page._replace(runs=_with_holds(page.runs, self.store.list_holds()))

    def _stored(self, bulk_id: str) -> BulkRun:
        run = self.store.get_bulk_run(bulk_id)
        if run is None:
            raise NotFound("There is no such bulk run.")
        return run

    def outcomes(
        self,
        run: BulkRun,
        limit: int,
        *,
        rejected: bool | None = None,
        after: int = 0,
    ) -> OutcomePage:
        """Return outcomes of rows after a line, as far as the run has got.

        `rejected` picks those that have problems, or that have none.
        """
        found: list[RowOutcome] = []
        for each in self._after(run, after):
            if rejected is None or bool(each.problems) is rejected:
                found.append(each)
            if len(found) == limit:
                return OutcomePage(found, each.line)
        return OutcomePage(found, None)

    def shown(self, outcomes: Sequence[RowOutcome]) -> list[ShownOutcome]:
        """Return outcomes with the statuses of their payments, by one read."""
        keys = [PaymentKey(o.customer_id, o.payment_id) for o in outcomes if o.payment_id]
        payments = self.store.get_payments(keys)
        found = [payments.get(PaymentKey(o.customer_id, o.payment_id or "")) for o in outcomes]
        return [
            ShownOutcome(*outcome, payment.status if payment else None)
            for outcome, payment in zip(outcomes, found, strict=True)
        ]

    def _after(self, run: BulkRun, line: int) -> Iterator[RowOutcome]:
        """Yield the outcomes of rows after a line; the chunk of the line is found by halving."""
        low, high = 0, run.next_chunk
        while low < high - 1:
            middle = (low + high) // 2
            first = self._chunk(run, middle)
            if first and first[0].line > line:
                high = middle
            else:
                low = middle
        for chunk in range(low, run.next_chunk):
            yield from (each for each in self._chunk(run, chunk) if each.line > line)

    def _chunk(self, run: BulkRun, chunk: int) -> list[RowOutcome]:
        return self.store.get_bulk_outcomes(run.bulk_id, chunk, run.token_of(chunk))

    def hold(self, bulk_id: str, reason: str, by: Actor) -> BulkRun:
        """Hold a run until it is released: its payments are not sent, and no row becomes one.

        Raises NotFound, Conflict (it has ended, and has no payments).
        """
        run = self._stored(bulk_id)
        if not run.is_open and (run.status not in PAID_STATUSES or not run.accepted):
            raise Conflict(f"The run has ended: it is {run.status}.")
        self.holds.place(HoldScope.BULK, bulk_id, reason, by)
        return self.get(bulk_id)

    def release(self, bulk_id: str, by: Actor) -> BulkRun:
        """Go on with a run that is held; one that is not stays as it is. Raises NotFound."""
        self._stored(bulk_id)
        for hold in self.store.list_holds():
            if hold.target == target_of(HoldScope.BULK, bulk_id):
                self.holds.release(hold.hold_id, by)
        now = self.clock()
        self._changed(
            bulk_id, lambda run: run.changed(attention_at=now) if _rests(run, now) else run
        )
        return self.get(bulk_id)

    def cancel(self, bulk_id: str, by: Actor) -> BulkRun:
        """Cancel a run: rows that have no payment yet get none, and its payments are cancelled.

        Those that are too late to be cancelled stay as they are. Raises NotFound, NotAllowed
        (another client's, without the right to hold), Conflict (another order is carried out).
        """
        run = self._stored(bulk_id)
        if run.created_by not in by.identities and not by.may(HOLD):
            raise NotAllowed("Only runs of the same client may be cancelled.", HOLD)
        return self._ordered(bulk_id, BulkAction.CANCEL, by, "")

    def approve(self, bulk_id: str, by: Actor, note: str = "") -> BulkRun:
        """Approve every payment of a run that awaits approval. Raises as `reject`."""
        return self._decided(bulk_id, BulkAction.APPROVE, by, note)

    def reject(self, bulk_id: str, by: Actor, reason: str) -> BulkRun:
        """Reject every payment of a run that awaits approval.

        Raises NotFound, NotAllowed (the maker), Conflict (another order is carried out, or there
        are no payments).
        """
        return self._decided(bulk_id, BulkAction.REJECT, by, reason)

    def _decided(self, bulk_id: str, action: BulkAction, by: Actor, note: str) -> BulkRun:
        run = self._stored(bulk_id)
        if run.created_by in by.identities:
            raise NotAllowed("Whoever asked for a run can neither approve nor reject it.")
        if run.status not in PAID_STATUSES:
            raise Conflict(f"The run has no payments: it is {run.status}.")
        return self._ordered(bulk_id, action, by, note)

    def _ordered(self, bulk_id: str, action: BulkAction, by: Actor, note: str) -> BulkRun:
        """Order what is to be done with the payments, unless the same is ordered already."""
        order = BulkOrder(action, by.name, by.identities, self.clock(), note)

        def change(run: BulkRun) -> BulkRun:
            if run.order is not None and run.has_open_order:
                if _is_ordered(order, run.order):
                    return run
                raise Conflict(f"Another order is carried out first: {run.order.action}.")
            wanted = run.ordered(order)
            if action is BulkAction.CANCEL and run.is_open:
                due = run.attention_at or order.at
                return wanted.changed(cancelled_by=by.name or "-", attention_at=due)
            return wanted

        self._changed(bulk_id, change)
        return self.get(bulk_id)

    def _changed(self, bulk_id: str, change: Callable[[BulkRun], BulkRun]) -> None:
        for _ in tries():
            run = self._stored(bulk_id)
            wanted = change(run)
            if wanted is run or self.store.change_bulk_run(run, wanted):
                return
        raise StoreUnavailable(f"the run was changed {MAX_TRIES} times meanwhile")


def _is_ordered(wanted: BulkOrder, stands: BulkOrder) -> bool:
    """Return whether an order that stands is the wanted one; each approver's is their own."""
    by_the_same = wanted.action is not BulkAction.APPROVE or wanted.by == stands.by
    return wanted.action is stands.action and by_the_same


def _with_holds(runs: Sequence[BulkRun], in_force: Iterable[Hold]) -> list[BulkRun]:
    """Return runs with the holds of theirs that are in force."""
    by_run = {hold.value: hold for hold in in_force if hold.scope is HoldScope.BULK}
    return [replace(run, hold=by_run.get(run.bulk_id)) for run in runs]


def _rests(run: BulkRun, now: datetime) -> bool:
    """Return whether a run that no process has waits for the next look at its hold."""
    at = run.attention_at
    return run.is_open and at is not None and now < at <= now + HELD_PAUSE
