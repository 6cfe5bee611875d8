"""Counts the payments of bulk runs by status, at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from paymentapp.clock import Clock
from paymentapp.models.bulk import PAID_STATUSES, BulkRun
from paymentapp.models.bulk_tallies import BulkTally, added_up
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.base import Store

# Chunks whose payments are counted whenever a run is shown; those of a longer run are counted by
# its runner, less and less often.
CHUNKS_COUNTED_NOW = 2
Counts = Callable[[int], dict[str, int]]
Each = Callable[[Counts, Sequence[int]], list[dict[str, int]]]


def _one_by_one(count: Counts, chunks: Sequence[int]) -> list[dict[str, int]]:
    return list(map(count, chunks))


@dataclass(frozen=True, slots=True)
class BulkTallies:
    """Counts payments: one read of outcomes and one of statuses for each chunk of a run."""

    store: Store
    clock: Clock

    def shown(self, run: BulkRun) -> BulkRun:
        """Return a run with the counts of its payments: of a short one, as they are now."""
        if run.status not in PAID_STATUSES or not run.next_chunk:
            return run
        return replace(run, tally=self.of(run)) if run.chunks <= CHUNKS_COUNTED_NOW else run

    def of(self, run: BulkRun, each: Each = _one_by_one) -> BulkTally:
        """Count the payments of a run's chunks that are worked off; `each` may do some at once."""
        as_of = self.clock()

        def count(chunk: int) -> dict[str, int]:
            outcomes = self.store.get_bulk_outcomes(run.bulk_id, chunk, run.token_of(chunk))
            keys = [PaymentKey(o.customer_id, o.payment_id) for o in outcomes if o.payment_id]
            return self.store.count_by_status(keys)

        return BulkTally(added_up(each(count, range(run.next_chunk))), as_of)
