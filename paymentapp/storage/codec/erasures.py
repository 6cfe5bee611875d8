"""Erasures that are not complete, as records of the Operations table."""

from __future__ import annotations

from collections.abc import Iterable

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.erasures import Erasure
from paymentapp.storage.codec.records import Record, reads, without_none

ERASURES = "erasure"  # the partition of all erasures, by the ids of the customers


def erasure_record(erasure: Erasure) -> Record:
    """Return an erasure as a record."""
    return without_none(
        {
            "customer_id": erasure.customer_id,
            "requested_at": to_text(erasure.requested_at),
            "next_at": to_text(erasure.next_at),
            "began_at": maybe_text(erasure.began_at),
            "position": erasure.position,
            "waits_for": erasure.waits_for or None,
            "waiting": erasure.waiting or None,
            "has_changed": erasure.has_changed or None,
            "revision": erasure.revision,
        }
    )


@reads
def read_erasure(record: Record) -> Erasure:
    """Return the erasure of a record."""
    return Erasure(
        customer_id=record["customer_id"],
        requested_at=from_text(record["requested_at"]),
        next_at=from_text(record["next_at"]),
        began_at=maybe_time(record.get("began_at")),
        position=record.get("position"),
        waits_for=record.get("waits_for", ""),
        waiting=int(record.get("waiting", 0)),
        has_changed=record.get("has_changed", False),
        revision=record["revision"],
    )


def erasures_of(records: Iterable[Record]) -> list[Erasure]:
    """Return the erasures of records, in the order in which their next steps are due."""
    return sorted(map(read_erasure, records), key=lambda each: (each.next_at, each.customer_id))
