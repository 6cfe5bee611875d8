"""Bugs of bulk runs."""

from __future__ import annotations

from paymentapp.models.actors import Actor
from paymentapp.models.bulk import BulkRow, BulkRun, RowOutcome, RowProblem
from paymentapp.services.bulk.rows import BulkRows
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import Acceptance
from tests.faults.simulation.store import SimulatedStore


class RefusesWithoutKey(BulkRows):
    """Refuses a row, and leaves its key to whoever comes later."""

    def _refuse(
        self,
        row: BulkRow,
        order: PaymentOrder,  # noqa: ARG002
        key: str,  # noqa: ARG002
        problem: RowProblem,
        by: Actor,  # noqa: ARG002
    ) -> RowOutcome:
        return RowOutcome(row.line, row.customer_id, None, (problem,))


class PaysUnderAnyKey(SimulatedStore):
    """Adds many payments, also those whose keys others have bound."""

    def _binds(self, acceptance: Acceptance) -> bool:
        super()._binds(acceptance)
        return True


class CountsWhatOthersCounted(SimulatedStore):
    """Changes a run without a look whether it is still the version that was read."""

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        current = self.world.bulk.runs[old.bulk_id]
        return super().change_bulk_run(current, new)
