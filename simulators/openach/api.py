"""OpenACH's actions. Every answer is HTTP 200 and ``text/html``, whatever has happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from simulators.openach.books import OpenAchBooks, Record
from simulators.openach.core import OpenAchSimulator, running_openach
from simulators.openach.forms import (
    ACCOUNT,
    FREQUENCIES,
    PROFILE,
    SCHEDULE,
    Errors,
    errors_in,
    fields_of,
)

PREFIX = "/openach/api"
COOKIE = "PHPSESSID"
NO_PROFILE = "Unable to find the specified payment profile."
_TWICE = "An account with that routing and account number already exists for this payment profile."
_KNOWN = "A payment profile with that external id already exists."
_LOCKED = (
    "CDbCommand failed to execute the SQL statement: SQLSTATE[HY000]: General error: 5 database is "
    "locked. The statement's values were:"
)
_AMOUNT = re.compile(r'("payment_schedule_amount":)"([0-9]+\.[0-9]{2})"')

blueprint = Blueprint("openach", __name__, url_prefix=PREFIX)
Form = Mapping[str, str]


class OpenAchActionError(Exception):
    """An error; ``more`` is a second answer right after it, as some actions give."""

    def __init__(self, error: str | Errors, more: Record | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.more = more


class _HtmlAnswer(Exception):
    """PHP has given up: its page is the answer."""


@blueprint.route("/<action>", methods=["GET", "POST"])
def act(action: str) -> Response:
    """Answer one action."""
    openach = running_openach()
    form = request.values.to_dict()
    session = request.cookies.get(COOKIE, "")
    try:
        with openach.in_session(session or "none"):
            return _answer(openach, _acted(openach, action, form, session))
    except OpenAchActionError as error:
        bodies = [{"success": False, "error": error.error}]
        return _answer(openach, *bodies, *([error.more] if error.more else []))
    except _HtmlAnswer:
        return html_page()


def html_page() -> Response:
    """Return what PHP answers once its time limit is over."""
    text = "<html><body><b>Fatal error</b>: Maximum execution time of 30 seconds exceeded</body>"
    return Response(text, 200, content_type="text/html")


def sql_error(values: str = "") -> Response:
    """Return an exception of the database as the server shows it, with its values."""
    return _text([{"success": False, "error": f"{_LOCKED} {values}"}])


def _answer(openach: OpenAchSimulator, *bodies: Record) -> Response:
    answer = _text(list(bodies))
    if openach.settings.amounts == "number":
        answer.set_data(_AMOUNT.sub(r"\1\2", answer.get_data(as_text=True)))
    if "session_id" in bodies[0]:
        answer.set_cookie(COOKIE, bodies[0]["session_id"], path="/")
    return answer


def _text(bodies: list[Record]) -> Response:
    text = "".join(json.dumps(body, separators=(",", ":")) for body in bodies)
    return Response(text, 200, content_type="text/html")


def _acted(openach: OpenAchSimulator, action: str, form: Form, session: str) -> Record:
    if action == "connect":
        return _connect(openach, form)
    if not openach.touch(session):
        raise OpenAchActionError("Not authenticated with token/key. Please connect first.")
    if action == "disconnect":
        openach.end_sessions(session)
        return {"success": True}
    missing = action == "savePaymentProfileComplete" and openach.settings.complete == "no"
    if missing or action not in _ACTIONS:
        raise OpenAchActionError(f'The system is unable to find the requested action "{action}".')
    needed, acting = _ACTIONS[action]
    if needed and needed not in form:
        raise OpenAchActionError("Your request is invalid.")
    with openach.books() as books:
        return {"success": True, "data": _exported(acting(books, form, openach))}


def _connect(openach: OpenAchSimulator, form: Form) -> Record:
    settings = openach.settings
    given = form.get("user_api_token"), form.get("user_api_key")
    if given != (settings.token, settings.key):
        raise OpenAchActionError("Unable to connect with the specified api token/key.")
    return {"success": True, "session_id": openach.new_session()}


def _exported(data: Any) -> Any:
    """Return data as the server exports it: what is false, zero or null is an empty text."""
    if isinstance(data, list):
        return [_exported(each) for each in data]
    if isinstance(data, dict):
        return {name: _exported(each) for name, each in data.items()}
    return "" if data in (None, False, 0, "0", "0.00") else data


def _save_profile(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    record = fields_of(form, PROFILE)
    profile_id = form.get("payment_profile_id", "")
    errors = errors_in(record)
    if not profile_id and books.profile_of(record["payment_profile_external_id"]):
        raise OpenAchActionError(
            _KNOWN, {"success": False, "error": {"payment_profile_external_id": [_KNOWN]}}
        )
    if errors:
        raise OpenAchActionError(errors)
    return books.save_profile(_kept(books.profile(profile_id), record, "payment_profile_status"))


def _save_account(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    owner = form.get("external_account_payment_profile_id", "")
    record = fields_of(form, ACCOUNT)
    if books.profile(owner) is None:
        raise OpenAchActionError(
            NO_PROFILE, {"success": False, "error": "Unable to save the account."}
        )
    old = books.account(form.get("external_account_id", ""))
    if old is not None:  # these two are silently kept
        kept = ("external_account_dfi_id", "external_account_number")
        record |= {name: old[name] for name in kept}
    errors = errors_in(record)
    if errors:
        raise OpenAchActionError(errors)
    if old is None and _is_known(books, owner, record):
        raise OpenAchActionError(_TWICE)
    return books.save_account(_new_account(owner, record, old))


def _new_account(owner: str, record: Record, old: Record | None = None) -> Record:
    own = {
        "external_account_payment_profile_id": owner,
        "external_account_verification_status": "pending",
    }
    return _kept(old, record | own, "external_account_status")


def _save_schedule(books: OpenAchBooks, form: Form, openach: OpenAchSimulator) -> Record:
    record = fields_of(form, SCHEDULE)
    old = books.schedule(form.get("payment_schedule_id", ""))
    errors = errors_in(record)
    if books.account(record["payment_schedule_external_account_id"]) is None:
        errors["payment_schedule_external_account_id"] = ["The account does not exist."]
    if openach.settings.inert == "no" and not _remaining(form) and old is None:
        errors["payment_schedule_remaining_occurrences"] = ["Must be greater than zero."]
    if errors:
        raise OpenAchActionError(json.dumps(errors))  # encoded once more
    return books.save_schedule(_new_schedule(record, old))


def _new_schedule(record: Record, old: Record | None = None) -> Record:
    """Return a schedule as it is stored. An update arms it again, whatever was run."""
    if record["payment_schedule_frequency"] not in FREQUENCIES:
        raise _HtmlAnswer
    remaining = 1 if old is not None else _remaining(record)
    record = record | {"payment_schedule_remaining_occurrences": remaining}
    stored = _kept(old, record, "payment_schedule_status")
    return stored | ({"payment_schedule_id": old["payment_schedule_id"]} if old else {})


def _remaining(form: Mapping[str, Any]) -> int:
    text = str(form.get("payment_schedule_remaining_occurrences", "") or "1")
    return int(text) if text.isdigit() else 1


def _complete(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    """Save all three, or nothing; a profile that is there is used, and overwritten."""
    profile, account = fields_of(form, PROFILE), fields_of(form, ACCOUNT)
    account["external_account_country_code"] = account["external_account_country_code"] or "US"
    schedule = fields_of(form, SCHEDULE)
    old = books.profile_of(profile["payment_profile_external_id"])
    if old is not None and _is_known(books, old["payment_profile_id"], account):
        raise OpenAchActionError({"external_account_number": [_TWICE]})
    amount = {} if schedule["payment_schedule_amount"] else {"payment_schedule_amount": ["Blank."]}
    errors = errors_in(profile) | errors_in(account) | errors_in(schedule) | amount
    if errors:
        raise OpenAchActionError(errors)
    made = books.save_profile(_kept(old, profile, "payment_profile_status"))
    paid_to = books.save_account(_new_account(made["payment_profile_id"], account))
    own = {"payment_schedule_external_account_id": paid_to["external_account_id"]}
    armed = books.save_schedule(_new_schedule(schedule | own))
    return {"payment_profile": made, "external_account": paid_to, "payment_schedule": armed}


def _is_known(books: OpenAchBooks, owner: str, record: Record) -> bool:
    """Return whether a profile has an account; numbers are compared as numbers."""

    def identity(each: Record) -> tuple[str, str]:
        number = each["external_account_number"]
        return each["external_account_dfi_id"], number.lstrip("0") if number.isdigit() else number

    return identity(record) in map(identity, books.accounts(owner))


def _kept(old: Record | None, record: Record, status: str) -> Record:
    """Return a record with the id and status that it has: neither can be sent."""
    if old is None:
        return record | {status: "enabled"}
    ids = ("payment_profile_id", "external_account_id", "payment_schedule_id")
    return record | {name: old[name] for name in (*ids, status) if name in old}


def _profile_by_id(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    profile_id = form["payment_profile_id"]
    return _found(books.profile(profile_id) if profile_id else fields_of({}, PROFILE), NO_PROFILE)


def _profile_by_ext_id(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    external_id = form["payment_profile_external_id"]
    blank = fields_of({}, PROFILE)
    return _found(books.profile_of(external_id) if external_id else blank, NO_PROFILE)


def _delete(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> str:
    _found(books.profile(form["payment_profile_id"]), NO_PROFILE)
    books.delete_profile(form["payment_profile_id"])
    return "The payment profile was deleted."


def _account(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    found = books.account(form["external_account_id"])
    return _found(found, "Unable to find the specified external account.")


def _accounts(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> list[Record]:
    """List accounts that are not closed, their numbers masked to the last four."""
    return [
        each | {"external_account_number": f"****{each['external_account_number'][-4:]}"}
        for each in books.accounts(form["payment_profile_id"])
        if each["external_account_status"] != "closed"
    ]


def _accounts_summary(books: OpenAchBooks, form: Form, openach: OpenAchSimulator) -> list[Record]:
    names = ("id", "type", "name", "bank", "holder", "dfi_id", "number")
    return [_some(each, "external_account", names) for each in _accounts(books, form, openach)]


def _schedule(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    found = books.schedule(form["payment_schedule_id"])
    return _found(found, "Unable to find the specified payment schedule.")


def _schedules(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> list[Record]:
    return books.schedules(form["payment_profile_id"])


def _schedules_summary(books: OpenAchBooks, form: Form, openach: OpenAchSimulator) -> list[Record]:
    names = ("id", "external_account_id", "payment_type_id", "amount", "next_date", "frequency")
    return [
        _some(each, "payment_schedule", (*names, "end_date"))
        for each in _schedules(books, form, openach)
        if each["payment_schedule_status"] == "enabled"
    ]


def _types(books: OpenAchBooks, _: Form, __: OpenAchSimulator) -> list[Record]:
    return books.payment_types()


def _type(books: OpenAchBooks, form: Form, _: OpenAchSimulator) -> Record:
    found = {each["payment_type_id"]: each for each in books.payment_types()}
    return _found(found.get(form["payment_type_id"]), "Unable to find the specified payment type.")


def _some(record: Record, prefix: str, names: tuple[str, ...]) -> Record:
    return {f"{prefix}_{name}": record[f"{prefix}_{name}"] for name in names}


def _found(record: Record | None, otherwise: str) -> Record:
    if record is None:
        raise OpenAchActionError(otherwise)
    return record


_Acting = Callable[[OpenAchBooks, Form, OpenAchSimulator], Any]
# Each action: the parameter without which the request is invalid, and what it does.
_ACTIONS: Mapping[str, tuple[str, _Acting]] = {
    "getPaymentTypes": ("", _types),
    "getPaymentType": ("payment_type_id", _type),
    "savePaymentProfile": ("", _save_profile),
    "savePaymentProfileComplete": ("", _complete),
    "deletePaymentProfile": ("payment_profile_id", _delete),
    "getPaymentProfile": ("payment_profile_id", _profile_by_id),
    "getPaymentProfileByExtId": ("payment_profile_external_id", _profile_by_ext_id),
    "saveExternalAccount": ("", _save_account),
    "getExternalAccount": ("external_account_id", _account),
    "getExternalAccounts": ("payment_profile_id", _accounts),
    "getExternalAccountsSummary": ("payment_profile_id", _accounts_summary),
    "savePaymentSchedule": ("", _save_schedule),
    "getPaymentSchedule": ("payment_schedule_id", _schedule),
    "getPaymentSchedules": ("payment_profile_id", _schedules),
    "getPaymentSchedulesSummary": ("payment_profile_id", _schedules_summary),
}
