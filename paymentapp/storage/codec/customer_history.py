"""Lines of customers' histories as records of the Operations table."""

from __future__ import annotations

from paymentapp.clock import from_text, to_text
from paymentapp.models.customer_history import CustomerAction, CustomerHistoryEntry
from paymentapp.models.payments import Cause
from paymentapp.storage.codec.records import Record, reads, without_none

FIRST_SORT_KEY = "history#"
LAST_SORT_KEY = "history#~"


def history_key(customer_id: str) -> str:
    """Return the partition key of a customer's history."""
    return f"customer#{customer_id}"


def history_sort_key(entry: CustomerHistoryEntry) -> str:
    """Return the sort key of a line: by version, and never that of another line.

    Two lines have one version only where one table was restored without the other; none is lost
    then.
    """
    return f"{sort_key_before(entry.version)}#{entry.entry_id}"


def sort_key_before(version: int | None) -> str:
    """Return a key after all lines of lower versions, and before all others."""
    return LAST_SORT_KEY if version is None else f"{FIRST_SORT_KEY}{version:08}"


def history_record(entry: CustomerHistoryEntry) -> Record:
    """Return a line of a customer's history as a record."""
    return without_none(
        {
            "customer_id": entry.customer_id,
            "version": entry.version,
            "entry_id": entry.entry_id,
            "at": to_text(entry.at),
            "action": entry.action.value,
            "cause": entry.cause.value,
            "by": entry.by or None,
            "method": entry.method,
            "destination": entry.destination,
            "email": entry.email,
            "note": entry.note,
            "resealed": entry.resealed,
            "revision": entry.revision,
        }
    )


@reads
def read_history_entry(record: Record) -> CustomerHistoryEntry:
    """Return the line of a customer's history of a record."""
    return CustomerHistoryEntry(
        customer_id=record["customer_id"],
        version=int(record["version"]),
        entry_id=record["entry_id"],
        at=from_text(record["at"]),
        action=CustomerAction(record["action"]),
        cause=Cause(record["cause"]),
        by=record.get("by", ""),
        method=record.get("method"),
        destination=record.get("destination"),
        email=record.get("email"),
        note=record.get("note"),
        resealed=record.get("resealed"),
        revision=record["revision"],
    )
