"""Erasing customers in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.erasures import Erasure
from paymentapp.models.holds import Hold
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.changes import PaymentErasure
from paymentapp.storage.codec.batches import batch_key, erased_chunk
from paymentapp.storage.codec.erasures import ERASURES, erasure_record, erasures_of, read_erasure
from paymentapp.storage.codec.records import Record
from paymentapp.storage.contention import MAX_TRIES, tries
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.customers import PostgreSQLCustomers
from paymentapp.storage.postgresql.disbursements import PostgreSQLDisbursements
from paymentapp.storage.postgresql.documents import to_column
from paymentapp.storage.postgresql.rows import operation_of


class PostgreSQLErasures(PostgreSQLCustomers, PostgreSQLDisbursements):
    """Erasing customers, and what other records hold of them."""

    def erase_customer(
        self,
        old: Customer,
        tombstone: Customer,
        history: Sequence[CustomerHistoryEntry],
        erasure: Erasure,
    ) -> bool:
        """Implement `ErasingStore.erase_customer`: by one statement."""
        record = ERASURES, erasure.customer_id, erasure_record(erasure)
        return self._change_customer(old, tombstone, history, [record])

    def list_erasures(self) -> list[Erasure]:
        """Implement `ErasingStore.list_erasures`."""
        return erasures_of(self._group(ERASURES))

    def get_erasure(self, customer_id: str) -> Erasure | None:
        """Implement `ErasingStore.get_erasure`."""
        found = self._get(ERASURES, customer_id)
        return read_erasure(found) if found else None

    def change_erasure(self, old: Erasure, new: Erasure) -> bool:
        """Implement `ErasingStore.change_erasure`."""
        return self._change(ERASURES, new.customer_id, erasure_record(old), erasure_record(new))

    def end_erasure(self, erasure: Erasure) -> None:
        """Implement `ErasingStore.end_erasure`."""
        values = ERASURES, to_column(erasure.customer_id), erasure.revision
        self._execute(sql.DELETE_RECORD, values)

    def erase_payments(self, erasures: Sequence[PaymentErasure]) -> list[bool]:
        """Implement `ErasingStore.erase_payments`: the indexes change with the rows."""
        return self.change_payments(erasures)

    def erase_members(self, batch: Batch, keys: Collection[PaymentKey]) -> bool:
        """Implement `ErasingStore.erase_members`: one statement for each record of members."""
        changed = False
        pk = batch_key(batch.batch_id)
        for _ in tries():
            won = [self._change(pk, *chunk) for chunk in self._chunks(batch, frozenset(keys))]
            changed = changed or any(won)
            if all(won):
                return changed
        raise StoreUnavailable(
            f"members of batch {batch.batch_id} were changed {MAX_TRIES} times meanwhile"
        )

    def _chunks(
        self, batch: Batch, keys: Collection[PaymentKey]
    ) -> list[tuple[str, Record, Record]]:
        """Return the records that hold something of some payments, each with what replaces it."""
        rows = self._rows(sql.GET_CHUNKS, batch_key(batch.batch_id))
        found = [(sk, operation_of(others)) for sk, *others in rows]
        both = [(sk, record, erased_chunk(batch, record, keys)) for sk, record in found]
        return [(sk, record, new) for sk, record, new in both if new is not None]

    def erase_hold(self, hold: Hold) -> None:
        """Implement `ErasingStore.erase_hold`: by one statement."""
        values = {"target": to_column(hold.target), "hold_id": to_column(hold.hold_id)}
        self._execute(sql.ERASE_HOLD, values)

    def purge(self, *, everything: bool = False) -> bool:  # noqa: ARG002  # of the interface
        """Implement `ErasingStore.purge`: nothing that the database shows holds a copy.

        Its files hold some until other rows take their place, and so do the archive of its log and
        its backups; only the server's operator can reach it (docs/operating.md, "PostgreSQL").
        """
        return True
