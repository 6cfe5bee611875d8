"""Records of OpenACH as its answers have them, and how they compare with an order.

Any field may be missing, and numbers come as text or as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from paymentapp.errors import NotSent
from paymentapp.providers.json_answers import as_text, dig, elements, matching
from paymentapp.providers.openach.answers import read_amount
from paymentapp.providers.openach.api import OpenAchApi
from paymentapp.providers.openach.orders import OpenAchOrder

_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ENABLED = "enabled"
WAITING, MADE, INERT = 1, -1, 0


class PaymentType(NamedTuple):
    """A payment type of the originator."""

    kind: str
    status: str


class Schedule(NamedTuple):
    """A payment schedule."""

    schedule_id: str
    account_id: str
    payment_type: str
    amount: Decimal | None
    next_date: date | None
    end_date: date | None
    remaining: int | None
    status: str


class ExternalAccount(NamedTuple):
    """A payee's bank account; its number stays out of `repr`."""

    account_type: str
    country: str
    routing: str
    number: str
    status: str

    def __repr__(self) -> str:
        return f"ExternalAccount({self.status})"


class Found(NamedTuple):
    """What OpenACH has under an external id."""

    profile_id: str
    profile_status: str
    schedules: Sequence[Schedule]
    account: ExternalAccount | None = None  # that of the schedule, where there is one

    @property
    def all_enabled(self) -> bool:
        """Return whether a nightly run would take it."""
        statuses = {self.profile_status, *(each.status for each in self.schedules)}
        return statuses | {self.account.status if self.account else ENABLED} == {ENABLED}


class Records:
    """Reads records. Raises NotSent, Misconfigured; moves nothing."""

    def __init__(self, api: OpenAchApi) -> None:
        self._api = api

    def find(self, external_id: str) -> Found | None:
        """Return what is under an external id; None where there is no such profile."""
        data = self._api.read(
            "getPaymentProfileByExtId", {"payment_profile_external_id": external_id}
        )
        if data is None:
            return None
        profile_id, status = read_profile(data, external_id)
        schedules = self.schedules(profile_id)
        account = self.account(schedules[0].account_id) if len(schedules) == 1 else None
        return Found(profile_id, status, schedules, account)

    def schedules(self, profile_id: str) -> list[Schedule]:
        """Return the schedules of a profile, by id; the server promises no order."""
        data = self._api.read("getPaymentSchedules", {"payment_profile_id": profile_id})
        if not isinstance(data, list):
            raise NotSent("UNREADABLE_ANSWER", "no list of schedules")
        return sorted(map(read_schedule, data))

    def schedule(self, schedule_id: str) -> Schedule | None:
        """Return a schedule by its id."""
        data = self._api.read("getPaymentSchedule", {"payment_schedule_id": schedule_id})
        return None if data is None else read_schedule(data)

    def account(self, account_id: str) -> ExternalAccount | None:
        """Return an account, with its number in clear."""
        data = self._api.read("getExternalAccount", {"external_account_id": account_id})
        return None if data is None else read_account(data)

    def account_ids(self, profile_id: str) -> list[str]:
        """Return the ids of a profile's accounts that are not closed."""
        data = self._api.read("getExternalAccounts", {"payment_profile_id": profile_id})
        ids = [matching(_ID, dig(each, "external_account_id")) for each in elements(data)]
        if not isinstance(data, list) or not all(ids):
            raise NotSent("UNREADABLE_ANSWER", "no list of accounts")
        return sorted(ids)

    def payment_type(self, type_id: str) -> PaymentType | None:
        """Return a payment type; None where the originator has none of this id."""
        for each in elements(self._api.read("getPaymentTypes", {})):
            if dig(each, "payment_type_id") == type_id:
                return PaymentType(
                    as_text(dig(each, "payment_type_transaction_type")) or "",
                    as_text(dig(each, "payment_type_status")) or "",
                )
        return None


def read_profile(data: object, external_id: str) -> tuple[str, str]:
    """Return a profile's id and status. Raises NotSent where it is not the one of the id.

    An empty id is answered with a blank profile, and success.
    """
    profile_id = matching(_ID, dig(data, "payment_profile_id"))
    if not profile_id or dig(data, "payment_profile_external_id") != external_id:
        raise NotSent("UNREADABLE_ANSWER", "another profile")
    return profile_id, as_text(dig(data, "payment_profile_status")) or ""


def read_schedule(data: object) -> Schedule:
    """Return a schedule. Raises NotSent where it has no id."""
    schedule_id = matching(_ID, dig(data, "payment_schedule_id"))
    account_id = matching(_ID, dig(data, "payment_schedule_external_account_id"))
    if not schedule_id or not account_id:
        raise NotSent("UNREADABLE_ANSWER", "a schedule without its id")
    return Schedule(
        schedule_id,
        account_id,
        matching(_ID, dig(data, "payment_schedule_payment_type_id")),
        read_amount(dig(data, "payment_schedule_amount")),
        _date(dig(data, "payment_schedule_next_date")),
        _date(dig(data, "payment_schedule_end_date")),
        _remaining(dig(data, "payment_schedule_remaining_occurrences")),
        as_text(dig(data, "payment_schedule_status")) or "",
    )


def read_account(data: object) -> ExternalAccount:
    """Return an account; a field that is missing is empty."""
    names = ("type", "country_code", "dfi_id", "number", "status")
    return ExternalAccount(
        *(as_text(dig(data, f"external_account_{each}")) or "" for each in names)
    )


def read_complete(data: object, external_id: str) -> Found | None:
    """Return what `savePaymentProfileComplete` says it has made; None where that is not clear."""
    try:
        profile = read_profile(dig(data, "payment_profile"), external_id)
        schedule = read_schedule(dig(data, "payment_schedule"))
    except NotSent:
        return None
    return Found(*profile, [schedule], read_account(dig(data, "external_account")))


def differences(order: OpenAchOrder, found: Found) -> list[str]:
    """Return how what was found differs from an order, in words without a detail of the payee."""
    if len(found.schedules) != 1:
        return [f"{len(found.schedules)} schedules"]
    (schedule,) = found.schedules
    return [*_of_schedule(order, schedule), *_of_account(order, found.account)]


def _of_schedule(order: OpenAchOrder, schedule: Schedule) -> Iterator[str]:
    if schedule.amount != order.amount:
        yield "amount"
    if schedule.payment_type != order.form["payment_schedule_payment_type_id"]:
        yield "payment type"
    if schedule.next_date != order.next_date:
        yield "date"
    if schedule.remaining not in (WAITING, MADE):
        yield "remaining occurrences"


def _of_account(order: OpenAchOrder, account: ExternalAccount | None) -> Iterator[str]:
    if account is None:
        yield "account"
        return
    sent = order.part("external_account_")
    if account.routing != sent["external_account_dfi_id"]:
        yield "routing number"
    if account.number != sent["external_account_number"]:
        yield "account number"
    if account.account_type != sent["external_account_type"]:
        yield "account type"
    if account.country != sent["external_account_country_code"]:
        yield "country"


def _date(value: object) -> date | None:
    """Return the date of a text that begins with one: a server may add a time."""
    text = value[:10] if isinstance(value, str) else ""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _remaining(value: object) -> int | None:
    """Return the remaining occurrences; 0 for "", as which 0 and null are exported."""
    if value == "":
        return INERT
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
