"""Pay the rows that a dry run has checked: the same ones, without sending the file again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from paymentapp.errors import Conflict, NotAllowed, NotFound
from paymentapp.models.actors import Actor
from paymentapp.models.bulk import BulkMode, BulkRow, BulkRun, BulkStatus, bulk_key_hash
from paymentapp.services.bulk.intake import BulkIntake, BulkTerms, TakenIn
from paymentapp.storage.base import Store

EXPIRED = "The rows of this dry run are not kept any longer: send the file again."


@dataclass(frozen=True, slots=True)
class CheckedRuns:
    """Makes runs of what dry runs have checked."""

    store: Store
    intake: BulkIntake

    def paid_by(self, run: BulkRun) -> BulkRun | None:
        """Return the run that pays the rows of a dry run; None where there is none."""
        key = self.store.get_bulk_key(bulk_key_hash(_key(run), run.created_by))
        return self.store.get_bulk_run(key.bulk_id) if key else None

    def pay(self, bulk_id: str, mode: BulkMode, by: Actor) -> TakenIn:
        """Request the payments of the rows of a dry run: once, whoever repeats it.

        The dry run binds the key, so that a second call gets the run of the first. Rows are checked
        again, since customers and limits may have changed. Whoever had them checked is the maker of
        their payments, and nobody else may request them: what one person has put together, another
        one could not approve otherwise. Raises NotFound, NotAllowed, Conflict (it is no dry run, it
        is not complete, its rows are not kept any longer), KeyReused (it is being paid in another
        mode), Unprocessable, StoreUnavailable.
        """
        run = self.store.get_bulk_run(bulk_id)
        if run is None:
            raise NotFound("There is no such bulk run.")
        if not run.is_dry:
            raise Conflict("This is no dry run: its rows are paid by it.")
        if run.status is not BulkStatus.CHECKED:
            raise Conflict(f"The rows of this dry run are not all checked: it is {run.status}.")
        if run.created_by not in by.identities:
            raise NotAllowed("Only who had the rows checked may have them paid.")
        earlier = self.paid_by(run)
        if earlier is not None:
            return TakenIn(earlier, replayed=True)
        terms = BulkTerms(mode, is_dry=False, registers=run.registers)
        maker = replace(by, name=run.created_by)  # so that the key is the same by each of the names
        return self.intake.take_in(self._rows(run), terms, maker, _key(run))

    def _rows(self, run: BulkRun) -> Iterator[BulkRow]:
        for chunk in range(run.chunks):
            rows = self.store.get_bulk_rows(run.bulk_id, chunk)
            if not rows:
                raise Conflict(EXPIRED)
            yield from rows


def _key(run: BulkRun) -> str:
    """Return the idempotency key of a dry run's payment: with a line break, as no client's has."""
    return f"pay\n{run.bulk_id}"
