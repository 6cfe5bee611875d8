"""The payment that has a unique reference, as a record."""

from __future__ import annotations

from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.codec.records import Record, reads

HOLDER = "payment"


def reference_key(claim: ReferenceClaim) -> str:
    """Return the partition key of the payment that has a reference."""
    return f"reference#{claim.digest}"


def holder_record(key: PaymentKey) -> Record:
    """Return the record of the payment that has a reference; it never expires."""
    return dict(key._asdict())


@reads
def read_holder(record: Record) -> PaymentKey:
    """Return the key of the payment that has a reference."""
    return PaymentKey(record["customer_id"], record["payment_id"])
