"""The bodies of events that are made of a bank's files: no account number is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paymentapp.masking import printable
from paymentapp.providers.ach.entry_updates import REVERSED
from paymentapp.providers.ach.trace_numbers import SentEntry


def event_record(
    kind: str, trace: str, original: str, code: str, settled: str, whose: str = ""
) -> dict[str, Any]:
    """Return the fields of every event; the id is the same whenever the bank repeats the entry.

    `whose` tells apart the entries of a bank that gives all of them the same trace numbers.
    """
    parts = "/".join([kind, trace, original, code, settled, whose])
    event_id = hashlib.sha256(parts.encode()).hexdigest()[:32]
    shown = printable(code)
    return {"id": f"{kind}-{event_id}", "kind": kind, "code": shown, "trace": printable(original)}


def entry_fields(entry: SentEntry) -> dict[str, Any]:
    """Return the fields of an event about an entry of ours."""
    return {
        "item": entry.item_id,
        "batch": entry.batch_id,
        "amount": str(entry.money.amount),
        "receiver": entry.destination,
    }


def entry_details(
    individual_id: str, amount: Decimal | None = None, transaction_code: str = ""
) -> dict[str, str]:
    """Return what the bank's entry says, for an operator; never the account."""
    found = {
        "individual id": printable(individual_id.strip()),
        "amount": "" if amount is None else str(amount),
        "transaction code": printable(transaction_code),
    }
    return {name: text for name, text in found.items() if text}


def unmatched(
    why: str, details: Mapping[str, str], entry: SentEntry | None = None
) -> dict[str, Any]:
    """Return the fields of an event that the inbox sets aside for an operator, and why."""
    about = {"entry of": entry.item_id} if entry else {}
    return {"unmatched": why, "details": {**details, **about}}


def taken_back_record(reversal_id: str, entry: SentEntry) -> dict[str, Any]:
    """Return the event of an entry that a reversal has taken back for good."""
    event_id = f"{REVERSED.lower()}-{reversal_id}-{entry.position}"
    record = {"id": event_id, "kind": "return", "code": REVERSED, "trace": entry.trace}
    return record | entry_fields(entry)
