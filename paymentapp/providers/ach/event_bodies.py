"""Reads the bodies of events that were made of a bank's files."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paymentapp.banking import return_reason
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.ach.entry_updates import return_text
from paymentapp.providers.ach.reports import ACKNOWLEDGED
from paymentapp.providers.updates import (
    BlockedPayee,
    Correction,
    ItemReport,
    Unmatched,
    WebhookNews,
)


def read_update(record: Mapping[str, Any]) -> WebhookNews:
    """Read the record of a body, also one that an earlier version made.

    Raises KeyError, TypeError or ArithmeticError for any other.
    """
    event_id, code = str(record["id"]), str(record["code"])
    kind = f"{record['kind']} {code}".strip()
    returned = record["kind"] == "return"
    blocked = _blocked(record, code) if returned else None
    if "note" in record:
        correction = Correction(
            record["item"],
            record["note"],
            record.get("destination"),
            tuple(record.get("replaces", ())),
        )
        return WebhookNews(event_id, kind, correction=correction, blocked=blocked)
    if "receiver" not in record:
        nothing = record["kind"] == "acknowledgment" and "unmatched" not in record
        unmatched = None if nothing else _unmatched(record, code)
        return WebhookNews(event_id, kind, unmatched=unmatched)
    item = ItemReport(
        item_id=record["item"],
        status=Status.RETURNED if returned else Status.SUBMITTED,
        raw_status=code if returned else ACKNOWLEDGED,
        provider_item_id=record["trace"],
        reason=return_text(code) if returned else None,
        money=Money(Decimal(record["amount"]), "USD"),
        receiver=record["receiver"],
    )
    return WebhookNews(
        event_id,
        kind,
        item=item,
        batch_id=record["batch"],
        finding=record.get("finding"),
        blocked=blocked,
    )


def _blocked(record: Mapping[str, Any], code: str) -> BlockedPayee | None:
    """Return the account that must not be used again, as it was sealed then and since."""
    if "blocked" not in record:
        return None
    return BlockedPayee(f"{code} {return_reason(code).words}", tuple(record["blocked"]))


def _unmatched(record: Mapping[str, Any], code: str) -> Unmatched:
    details = {"trace number": str(record["trace"])} | dict(record.get("details", {}))
    if record["kind"] == "return":
        details["reason"] = return_text(code)
    return Unmatched(record.get("unmatched", "it names no entry of ours"), details)
