"""Audit: check that every history is legal and every batch's list of members is consistent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.backoffice import comparison
from paymentapp.services.backoffice.batch_membership import MembershipCheck
from paymentapp.services.backoffice.discrepancies import DiscrepancyKind
from paymentapp.services.backoffice.payment_history import AuditCheck, faults
from paymentapp.services.backoffice.period import Period
from paymentapp.services.dispatch.batching import chunks, members_of
from paymentapp.storage.base import Store
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.item_size import item_size

_CHUNK = 500
_KILOBYTE = 1024  # DynamoDB charges a write unit for each


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """An inconsistency; a warning is only informative."""

    check: AuditCheck
    text: str
    payment: PaymentKey
    batch_id: str | None = None

    @property
    def warning(self) -> bool:
        """Whether it is only informative."""
        return self.check is AuditCheck.SIZE


@dataclass
class Audit:
    """One run over the records; no provider is called. `progress` is told what has been read."""

    store: Store
    progress: Callable[[str], None]
    payments: int = field(default=0, init=False)
    batches: int = field(default=0, init=False)

    def verify(self, period: Period) -> Iterator[AuditFinding]:
        """Check what was requested in the period, and yield each finding at once."""
        membership = MembershipCheck(self.store, period)
        for batch in self.store.scan_batches(*period):
            self.batches += 1
            yield from self._batch(batch, membership)
            self.progress(f"{self.batches} batches read")
        for payment in self.store.scan_payments(*period):
            self.payments += 1
            membership.named(payment)
            yield from self._payment(payment)
            self.progress(f"{self.payments} payments read")
        for payment, found in membership.orphans():
            text = "its batch does not list it" if found else "its batch is not on record"
            yield AuditFinding(AuditCheck.BATCH, text, payment.key, payment.batch_id)

    def _payment(self, payment: Payment) -> Iterator[AuditFinding]:
        for check, text in faults(payment):
            yield AuditFinding(check, text, payment.key, payment.batch_id)
        size = item_size(payment_record(payment))
        if size > _KILOBYTE:
            text = f"{size} bytes: each write of it costs double"
            yield AuditFinding(AuditCheck.SIZE, text, payment.key, payment.batch_id)

    def _batch(self, batch: Batch, membership: MembershipCheck) -> Iterator[AuditFinding]:
        """Check a batch's list: no member twice, and none in another batch that was sent."""
        batch = self.store.get_batch(batch.batch_id) or batch
        members = members_of(self.store, batch)
        for key, count in Counter(member.key for member in members).items():
            if count > 1:
                yield AuditFinding(AuditCheck.BATCH, f"listed {count} times", key, batch.batch_id)
        for chunk in chunks(members, _CHUNK):
            payments = self.store.get_payments([member.key for member in chunk])
            membership.listed(batch, payments.values())
            for found in comparison.of_records(self.store, batch, chunk, payments):
                check = (
                    AuditCheck.TWICE
                    if found.kind is DiscrepancyKind.ELSEWHERE
                    else AuditCheck.BATCH
                )
                yield AuditFinding(check, found.ours, found.payment or chunk[0].key, batch.batch_id)
