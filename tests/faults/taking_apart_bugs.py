"""Bugs of taking batches apart that may have left."""

from __future__ import annotations

from datetime import datetime

from paymentapp.errors import OutcomeUnknown, ProviderError
from paymentapp.models.batches import Batch, BatchState
from paymentapp.services.dispatch.dispatcher import Dispatcher
from tests.faults.simulation.scheduler import SECOND
from tests.faults.simulation.store import SimulatedStore


class UnknownIsCertain(Dispatcher):
    """An attempt whose outcome is unknown is put on record as one that had no effect."""

    def _wait(self, batch: Batch, error: ProviderError) -> Batch:
        if isinstance(error, OutcomeUnknown):
            error.had_no_effect = True
        return super()._wait(batch, error)


class CloseWithoutCondition(SimulatedStore):
    """Takes a batch apart, some seconds after it was read, even if it was claimed since."""

    def change_batch(self, old: Batch, new: Batch) -> bool:
        if old.state is BatchState.FROZEN and new.why_taken_apart:
            self.process.wait(3 * SECOND)
            old = self.tables.batches[old.batch_id]
        return super().change_batch(old, new)


def claimed_without_record(batch: Batch, until: datetime) -> Batch:
    """Begin another attempt, and write nothing of it."""
    return batch.changed(attention_at=until)


def anybody_ends_it(_batch: Batch, _attempt: str) -> str:
    """Take the certain end of one attempt for the end of all."""
    return ""
