"""The fields of events about entries of ours."""

from __future__ import annotations

from typing import Any

from paymentapp.providers.ach.entry_updates import REVERSED
from paymentapp.providers.ach.trace_numbers import SentEntry


def entry_fields(entry: SentEntry) -> dict[str, Any]:
    """Return the fields of an event about an entry of ours."""
    return {
        "item": entry.item_id,
        "batch": entry.batch_id,
        "amount": str(entry.money.amount),
        "receiver": entry.destination,
    }


def taken_back_record(reversal_id: str, entry: SentEntry) -> dict[str, Any]:
    """Return the event of an entry that a reversal has taken back for good."""
    event_id = f"{REVERSED.lower()}-{reversal_id}-{entry.position}"
    record = {"id": event_id, "kind": "return", "code": REVERSED, "trace": entry.trace}
    return record | entry_fields(entry)
