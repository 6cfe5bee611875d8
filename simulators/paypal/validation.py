"""Validation of the body of a create call, by the rules of PayPal's API description.

Limits from the ``create_payout_request`` schema; wording of the issues from answers of PayPal's
sandbox where known ("Receiver is invalid or does not match with type", "Multiple currencies within
a batch is not allowed"). As at PayPal, one invalid item refuses the whole request, and ``details``
names every invalid field: ``items[1].receiver``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulators.paypal.currencies import DECIMALS, FEE_MINOR, minor_units
from simulators.paypal.errors import PayPalError, detail
from simulators.paypal.outcomes import outcome_for
from simulators.paypal.records import PayPalBatchRequest, PayPalItemRequest

MAX_ITEMS = 15_000
MAX_NON_ASCII_NOTE = 1000
PURPOSES = frozenset(
    {
        "AWARDS",
        "PRIZES",
        "DONATIONS",
        "GOODS",
        "SERVICES",
        "REBATES",
        "CASHBACK",
        "DISCOUNTS",
        "NON_GOODS_OR_SERVICES",
    }
)
WALLETS = frozenset({"PAYPAL", "VENMO", "RECIPIENT_SELECTED"})
HEADER_LIMITS = {
    "sender_batch_id": 256,
    "recipient_type": 13,
    "email_subject": 255,
    "email_message": 1000,
    "note": 1000,
}
ITEM_LIMITS = {
    "recipient_type": 13,
    "note": 4000,
    "receiver": 127,
    "sender_item_id": 63,
    "recipient_wallet": 36,
    "purpose": 40,
    "notification_language": 10,
}
RECEIVERS = {
    "EMAIL": re.compile(r"[^\s@\x00-\x1f]+@[^\s@.]+(\.[^\s@.]+)+"),
    "PHONE": re.compile(r"\+?[0-9][0-9 ().-]{4,30}", re.ASCII),
    "PAYPAL_ID": re.compile(r"[A-Z0-9]{5,30}", re.ASCII),
    "USER_HANDLE": re.compile(r"\S+"),
}
# ``language`` of the description.
LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-[A-Z]{2})?", re.ASCII)
# "Payouts to Venmo recipients require a 'note' string and a US mobile phone number"; also handles
# and e-mail addresses, https://developer.paypal.com/payouts/venmo: "available in the US only".
VENMO = "VENMO"
US_PHONE = re.compile(r"(\+?1)?[2-9][0-9]{9}", re.ASCII)
MISSING = "Required field is missing"


class _Problems(list[dict[str, Any]]):
    def add(self, field: str, issue: str) -> None:
        self.append(detail(field, issue))


def read_batch(body: Any) -> PayPalBatchRequest:
    """Parse the body of a request; raises PayPalError VALIDATION_ERROR."""
    problems = _Problems()
    if not isinstance(body, Mapping):
        problems.add("body", "JSON request is malformed")
        raise PayPalError("VALIDATION_ERROR", list(problems))
    header = _read_header(body.get("sender_batch_header"), problems)
    raw_items = body.get("items")
    if not isinstance(raw_items, list) or not 1 <= len(raw_items) <= MAX_ITEMS:
        problems.add("items", f"Must be an array of 1 to {MAX_ITEMS} items")
        raise PayPalError("VALIDATION_ERROR", list(problems))
    default_type = header.get("recipient_type")
    items = [
        _read_item(raw, f"items[{index}]", default_type, problems)
        for index, raw in enumerate(raw_items)
    ]
    currency = _one_currency(raw_items, problems)
    if problems:
        raise PayPalError("VALIDATION_ERROR", list(problems))
    sender_batch_id = header.pop("sender_batch_id", None) or None
    return PayPalBatchRequest(
        sender_batch_id, header, currency, tuple(item for item in items if item)
    )


def _read_header(raw: Any, problems: _Problems) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        problems.add("sender_batch_header", MISSING if raw is None else "Must be an object")
        return {}
    return _read_texts(raw, HEADER_LIMITS, "sender_batch_header.", problems)


def _read_texts(
    raw: Mapping[str, Any], limits: Mapping[str, int], prefix: str, problems: _Problems
) -> dict[str, Any]:
    """Return the text fields that are given.

    A newline does not match the description's ``^.*$``.
    """
    texts: dict[str, Any] = {}
    for name, limit in limits.items():
        value = raw.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            problems.add(prefix + name, "Must be a string")
        elif len(value) > limit:
            problems.add(prefix + name, f"Length must be at most {limit} characters")
        else:
            texts[name] = value
    return texts


def _read_item(
    raw: Any, path: str, default_type: str | None, problems: _Problems
) -> PayPalItemRequest | None:
    if not isinstance(raw, Mapping):
        problems.add(path, "Must be an object")
        return None
    before = len(problems)
    texts = _read_texts(raw, ITEM_LIMITS, f"{path}.", problems)
    recipient_type = texts.get("recipient_type") or default_type
    _check_receiver(raw, texts, recipient_type, path, problems)
    _check_texts(texts, path, problems)
    _check_venmo(raw, texts, recipient_type, path, problems)
    value, minor = _read_amount(raw.get("amount"), f"{path}.amount", problems)
    if len(problems) > before or recipient_type is None:
        return None
    outcome = outcome_for(recipient_type, texts["receiver"])
    return PayPalItemRequest(
        sender_item_id=texts.get("sender_item_id"),
        recipient_type=recipient_type,
        receiver=texts["receiver"],
        value=value,
        minor=minor,
        fee_minor=0 if outcome.status in ("FAILED", "BLOCKED") else FEE_MINOR,
        note=texts.get("note"),
        wallet=texts.get("recipient_wallet", "PAYPAL"),
        purpose=texts.get("purpose"),
        language=texts.get("notification_language"),
        outcome=outcome,
    )


def _check_receiver(
    raw: Mapping[str, Any],
    texts: Mapping[str, str],
    recipient_type: str | None,
    path: str,
    problems: _Problems,
) -> None:
    if not recipient_type:
        problems.add(f"{path}.recipient_type", MISSING)
    if raw.get("receiver") is None:
        problems.add(f"{path}.receiver", MISSING)
    if not recipient_type or "receiver" not in texts:
        return
    pattern = RECEIVERS.get(recipient_type)
    if pattern is None or not pattern.fullmatch(texts["receiver"]):
        problems.add(f"{path}.receiver", "Receiver is invalid or does not match with type")


def _check_venmo(
    raw: Mapping[str, Any],
    texts: Mapping[str, str],
    recipient_type: str | None,
    path: str,
    problems: _Problems,
) -> None:
    """Check what a Venmo recipient needs; a handle is of Venmo alone."""
    if texts.get("recipient_wallet", "PAYPAL") != VENMO:
        if recipient_type == "USER_HANDLE":
            problems.add(f"{path}.recipient_wallet", "Must be VENMO for a user handle")
        return
    if not texts.get("note"):
        problems.add(f"{path}.note", "Note is required for a payout to Venmo")
    if recipient_type == "PAYPAL_ID":
        problems.add(f"{path}.recipient_type", "Recipient type is not supported by the wallet")
    phone = re.sub("[ ().-]", "", texts.get("receiver", ""))
    if recipient_type == "PHONE" and not US_PHONE.fullmatch(phone):
        problems.add(f"{path}.receiver", "Must be a US mobile phone number for a Venmo recipient")
    amount = raw.get("amount")
    if isinstance(amount, Mapping) and amount.get("currency") != "USD":
        problems.add(f"{path}.amount.currency", "Must be USD for a Venmo recipient")


def _check_texts(texts: Mapping[str, str], path: str, problems: _Problems) -> None:
    note = texts.get("note", "")
    if len(note) > MAX_NON_ASCII_NOTE and not note.isascii():
        issue = f"Length must be at most {MAX_NON_ASCII_NOTE} characters where not all are ASCII"
        problems.add(f"{path}.note", issue)
    if not LANGUAGE.fullmatch(texts.get("notification_language", "en")):
        problems.add(f"{path}.notification_language", "Must be a language tag")
    for name, choices in (("purpose", PURPOSES), ("recipient_wallet", WALLETS)):
        if name in texts and texts[name] not in choices:
            problems.add(f"{path}.{name}", f"Must be one of {', '.join(sorted(choices))}")


def _read_amount(raw: Any, path: str, problems: _Problems) -> tuple[str, int]:
    if not isinstance(raw, Mapping):
        problems.add(path, MISSING if raw is None else "Must be an object")
        return "", 0
    currency, value = raw.get("currency"), raw.get("value")
    if not isinstance(currency, str) or currency not in DECIMALS:
        problems.add(f"{path}.currency", "Currency is missing or not supported")
    elif not isinstance(value, str):
        problems.add(f"{path}.value", MISSING if value is None else "Must be a string")
    else:
        try:
            return value, minor_units(currency, value)
        except ValueError as problem:
            problems.add(f"{path}.value", str(problem))
    return "", 0


def _one_currency(raw_items: list[Any], problems: _Problems) -> str:
    """Return the batch's currency; PayPal requires "separate payouts per currency"."""
    first = ""
    for index, raw in enumerate(raw_items):
        amount = raw.get("amount") if isinstance(raw, Mapping) else None
        currency = amount.get("currency") if isinstance(amount, Mapping) else None
        if not isinstance(currency, str) or currency not in DECIMALS:
            continue
        first = first or currency
        if currency != first:
            field = f"items[{index}].amount.currency"
            problems.add(field, "Multiple currencies within a batch is not allowed")
    return first
