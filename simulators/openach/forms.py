"""Fields of OpenACH's records: which are saved, which are required, and how they are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ASKED = [f"security_{kind}_{n}" for n in (1, 2, 3) for kind in ("question", "answer")]
_BILLING = [
    f"billing_{each}" for each in ("address", "city", "state_province", "postal_code", "country")
]
PROFILE = [
    f"payment_profile_{each}"
    for each in ("external_id", "email_address", "first_name", "last_name", "password", *_ASKED)
]
ACCOUNT = [
    f"external_account_{each}"
    for each in (
        *("type", "name", "bank", "holder", "country_code", "dfi_id", "number"),
        *(*_BILLING, "business"),
    )
]
SCHEDULE = [
    f"payment_schedule_{each}"
    for each in (
        *("external_account_id", "payment_type_id", "amount", "currency_code", "next_date"),
        *("frequency", "end_date", "remaining_occurrences"),
    )
]
_REQUIRED = {
    *("payment_profile_external_id", "payment_profile_email_address"),
    *("external_account_type", "external_account_holder", "external_account_dfi_id"),
    *("external_account_number", "payment_schedule_payment_type_id"),
    *("payment_schedule_next_date", "payment_schedule_frequency", "payment_schedule_end_date"),
}
_LONGEST = {
    "payment_profile_external_id": 125,
    "payment_profile_email_address": 255,
    "payment_profile_first_name": 50,
    "payment_profile_last_name": 50,
    "external_account_number": 125,
    "external_account_holder": 125,
    "external_account_country_code": 2,
    "payment_schedule_currency_code": 3,
}
FREQUENCIES = {
    *("once", "daily", "weekly", "biweekly", "monthly", "bimonthly", "biannually", "annually"),
    "biennially",
}

Errors = dict[str, list[str]]


def fields_of(form: Mapping[str, str], names: list[str]) -> dict[str, Any]:
    """Return all fields of a record: one that is left out is emptied."""
    return {name: form.get(name, "") for name in names}


def errors_in(record: Mapping[str, Any]) -> Errors:
    """Return what the server refuses, by field. It checks no digits, dates or currencies."""
    errors: Errors = {}
    for name, value in record.items():
        words = name.replace("_", " ").capitalize()
        if name in _REQUIRED and not value:
            errors[name] = [f"{words} cannot be blank."]
        elif len(str(value)) > _LONGEST.get(name, 255):
            errors[name] = [f"{words} is too long (maximum is {_LONGEST.get(name, 255)})."]
    if str(record.get("external_account_holder", "")).startswith("Refused"):
        errors["external_account_holder"] = ["External account holder is invalid."]
    if record.get("external_account_type", "checking") not in {"checking", "savings", ""}:
        errors["external_account_type"] = ["External account type is invalid."]
    return errors
