"""The bodies of events that are made of a bank's files: no account number is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paymentapp.masking import printable


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


def unmatched(why: str, details: Mapping[str, str], item_id: str | None = None) -> dict[str, Any]:
    """Return the fields of an event that the inbox sets aside for an operator, and why."""
    about = {"entry of": item_id} if item_id else {}
    return {"unmatched": why, "details": {**details, **about}}
