"""The transaction search: payouts that moved money, as the account's books list them; balances.

https://developer.paypal.com/docs/api/transaction-search/v1/. Each payout is a transaction, event
code T0001, with the sender's item id as custom field; one that failed moved nothing.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulators.common.times import DAY, micros, rfc3339, span
from simulators.paypal.core import running_paypal
from simulators.paypal.currencies import DECIMALS, amount
from simulators.paypal.errors import PayPalError, detail
from simulators.paypal.oauth import require_token
from simulators.paypal.payouts import link_base
from simulators.paypal.records import PayPalItem, TransactionQuery

blueprint = Blueprint("reporting", __name__, url_prefix="/v1/reporting")
blueprint.before_request(require_token)

EVENT_CODE = "T0001"
LONGEST = 31 * DAY
ACCOUNT = "SIMULATOR00"

# transaction_status: "P" pending, "S" completed, "V" reversed.
STATUS_CODES: dict[str, str] = {
    "SUCCESS": "S",
    "UNCLAIMED": "P",
    "ONHOLD": "P",
    "BLOCKED": "P",
    "RETURNED": "V",
    "REFUNDED": "V",
    "REVERSED": "V",
}

# The description's patterns of the parameters and of custom_field.
_TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[1-2][0-9]|3[0-1])[Tt]([0-1][0-9]|2[0-3]):[0-5][0-9]:"
    r"[0-5][0-9]([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_CUSTOM_FIELD = re.compile(r"[a-zA-Z0-9_'\-., \":;!?]{1,127}")


@blueprint.get("/transactions")
def search() -> Response:
    """Return a page of what moved in at most 31 days; 400 INVALID_REQUEST, 403 where not permitted.

    https://developer.paypal.com/docs/api/transaction-search/v1/#search_get
    """
    running = running_paypal()
    if running.settings.search == "off":
        raise PayPalError("NOT_AUTHORIZED")
    now = running.now()
    wanted = _wanted(now - span(running.settings.search_lag))
    page, size = _integer("page", 1, 2**31 - 1), _integer("page_size", 100, 500)
    total, items = 0, list[PayPalItem]()
    if request.args.get("transaction_type", EVENT_CODE) == EVENT_CODE:
        total, items = running.state.search(wanted, now, offset=(page - 1) * size, limit=size)
    if total > running.settings.search_limit:
        sizes = {"total_items": total, "maximum_items": running.settings.search_limit}
        raise PayPalError("RESULTSET_TOO_LARGE", extra=sizes)
    return jsonify(_answer(wanted, items, total, page, size, now))


@blueprint.get("/balances")
def show_balances() -> Response:
    """Return the balances that the settings limit, as late as the search is; 403 as there.

    https://developer.paypal.com/docs/api/transaction-search/v1/#balances_get
    """
    running = running_paypal()
    if running.settings.search == "off":
        raise PayPalError("NOT_AUTHORIZED")
    shown = running.now() - span(running.settings.search_lag)
    found = {
        code: _minor(code, funds) - running.state.spent(code, shown)
        for code, funds in running.settings.balance.items()
    }
    time = rfc3339(shown)
    rows = [_balance(code, minor) for code, minor in found.items()]
    return jsonify({"balances": rows, "as_of_time": time, "last_refresh_time": time})


def _minor(code: str, funds: str) -> int:
    return int(Decimal(funds).scaleb(DECIMALS[code]))


def _balance(code: str, minor: int) -> dict[str, Any]:
    money = _money(code, amount(code, minor)["value"])
    return {
        "currency": code,
        "primary": code == "USD",
        "total_balance": money,
        "available_balance": money,
        "withheld_balance": _money(code, amount(code, 0)["value"]),
    }


def _wanted(shown: int) -> TransactionQuery:
    start, end = _time("start_date"), _time("end_date")
    if end < start:
        raise _invalid("end_date", "End date is before the start date.")
    if end - start > LONGEST:
        raise _invalid("end_date", "Date range is greater than 31 days")
    status = request.args.get("transaction_status")
    names = [name for name, code in STATUS_CODES.items() if code == status]
    return TransactionQuery(
        start=start,
        end=end,
        shown=shown,
        currency=request.args.get("transaction_currency"),
        transaction_id=request.args.get("transaction_id"),
        statuses=f" {' '.join(names)} " if status else None,
    )


def _answer(
    wanted: TransactionQuery, items: list[PayPalItem], total: int, page: int, size: int, now: int
) -> dict[str, Any]:
    pages = -(-total // size)
    body: dict[str, Any] = {
        "account_number": ACCOUNT,
        "start_date": rfc3339(wanted.start),
        "end_date": rfc3339(wanted.end),
        "last_refreshed_datetime": rfc3339(wanted.shown),
        "page": page,
        "total_items": total,
        "total_pages": pages,
        "links": [_link(page, "self")],
    }
    if page < pages:
        body["links"] += [_link(page + 1, "next"), _link(pages, "last")]
    if items:  # the description requires at least one
        body["transaction_details"] = [_detail(item, now) for item in items]
    return body


def _detail(item: PayPalItem, now: int) -> dict[str, Any]:
    info: dict[str, Any] = {
        "transaction_id": item.transaction_id,
        "transaction_event_code": EVENT_CODE,
        "transaction_initiation_date": rfc3339(item.settle_at),
        "transaction_updated_date": rfc3339(item.processed_at(now)),
        "transaction_amount": _money(item.currency, f"-{item.value}"),
        "transaction_status": STATUS_CODES[item.status],
        "protection_eligibility": "02",
    }
    if item.fee_minor:
        info["fee_amount"] = _money(
            item.currency, "-" + amount(item.currency, item.fee_minor)["value"]
        )
    if _CUSTOM_FIELD.fullmatch(item.sender_item_id or ""):
        info["custom_field"] = item.sender_item_id
    return {"transaction_info": info}


def _money(currency: str, value: str) -> dict[str, str]:
    return {"currency_code": currency, "value": value}


def _link(page: int, rel: str) -> dict[str, str]:
    query = "&".join(f"{k}={v}" for k, v in (request.args.to_dict() | {"page": page}).items())
    return {"href": f"{link_base()}{request.path}?{query}", "rel": rel, "method": "GET"}


def _time(name: str) -> int:
    text = request.args.get(name, "")
    try:
        if _TIME.fullmatch(text):
            return micros(datetime.fromisoformat(text.upper()))
    except ValueError:
        pass
    raise _invalid(name, "Invalid date passed." if text else "Required field is missing.")


def _integer(name: str, default: int, high: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= high):
        raise _invalid(name, f"Must be a whole number from 1 to {high}")
    return int(text)


def _invalid(name: str, issue: str) -> PayPalError:
    return PayPalError("INVALID_REQUEST", [detail(name, issue, "query")])
