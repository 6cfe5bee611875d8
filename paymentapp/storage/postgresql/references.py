"""Unique references in the PostgreSQL store; the acceptance of a payment takes them."""

from __future__ import annotations

from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.codec.references import HOLDER, read_holder, reference_key
from paymentapp.storage.postgresql.records import PostgreSQLRecords


class PostgreSQLReferences(PostgreSQLRecords):
    """The payments that have unique references."""

    def reference_holder(self, claim: ReferenceClaim) -> PaymentKey | None:
        """Implement `Store.reference_holder`."""
        found = self._get(reference_key(claim), HOLDER)
        return read_holder(found) if found else None
