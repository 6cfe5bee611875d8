"""Outbound payments, the financial account that they draw from, and its transactions.

https://docs.stripe.com/api/v2/money-management/outbound-payments
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, request

from simulators.common.times import micros, span
from simulators.stripe.api import answer_json
from simulators.stripe.core import StripeSimulator, running_stripe
from simulators.stripe.currencies import DECIMALS, LARGEST, minor_units
from simulators.stripe.forms import decode
from simulators.stripe.records import new_id
from simulators.stripe.v2.api import (
    V2Call,
    answer_page,
    check_fields,
    invalid,
    make,
    not_found,
    v2_blueprint,
    v2_books,
    v2_error,
)
from simulators.stripe.v2.bodies import (
    account_body,
    page_body,
    payment_body,
    transaction_bodies,
)
from simulators.stripe.v2.books import SentPayment, V2Books
from simulators.stripe.v2.events import announce_payment, schedule_payment, unschedule_payment
from simulators.stripe.v2.outcomes import method_outcome

blueprint = v2_blueprint("payments")

_PAYMENT = {
    *("amount", "description", "from", "metadata", "recipient_notification"),
    *("recipient_verification", "statement_descriptor", "to"),
}
_TO = {"currency", "payout_method", "payout_method_options", "recipient"}
_RATE = 8  # tenths: what one unit of another currency costs of the one that is drawn


@blueprint.post("/money_management/outbound_payments")
def create_payment() -> Response:
    """Create an outbound payment; 400 ``insufficient_funds``, ``invalid_payout_method``."""
    return make(_create, shown_payment)


@blueprint.get("/money_management/outbound_payments")
def list_payments() -> Response:
    """List outbound payments, newest first."""
    return answer_page(_read_payments, 2**62)


@blueprint.get("/money_management/outbound_payments/<payment_id>")
def show_payment(payment_id: str) -> Response:
    """Return an outbound payment; 404 where there is none."""
    with v2_books() as books:
        return answer_json(shown_payment(books, payment_id))


@blueprint.post("/money_management/outbound_payments/<payment_id>/cancel")
def cancel_payment(payment_id: str) -> Response:
    """Cancel a payment that is ``processing``; 400 for any other."""

    def act(call: V2Call, books: V2Books) -> str:
        check_fields(call.params, set(), set())
        payment = books.payment(payment_id)
        if payment is None:
            raise not_found("outbound payment", payment_id)
        if payment.status == "canceled":
            raise v2_error(400, "already_canceled", "The outbound payment is canceled already.")
        if payment.status != "processing" or method_outcome(payment.method).review:
            raise v2_error(400, "not_cancelable", "The outbound payment cannot be canceled.")
        books.cancel_payment(payment_id)
        stripe = running_stripe()
        unschedule_payment(stripe, books, payment_id)
        announce_payment(stripe, books, payment_id, "canceled")
        return payment_id

    return make(act, shown_payment)


@blueprint.get("/money_management/financial_accounts/<account_id>")
def show_account(account_id: str) -> Response:
    """Return the financial account of the settings; 404 for any other."""
    settings = running_stripe().settings
    if account_id != settings.financial_account:
        raise not_found("financial account", account_id)
    with v2_books() as books:
        drawn = books.drawn()
        start = {code.lower(): minor_units(code, v) for code, v in _start().items()}
        available = {code: amount - drawn.get(code, 0) for code, amount in start.items()}
        return answer_json(account_body(account_id, available, {}, 0))


@blueprint.get("/money_management/transactions")
def list_transactions() -> Response:
    """List the transactions of one payment."""
    flow = str(decode(request.query_string).get("flow", ""))
    with v2_books() as books:
        payment = books.payment(flow)
        account = running_stripe().settings.financial_account
        bodies = transaction_bodies(payment, account) if payment else []
    return answer_json(page_body(bodies, None))


def shown_payment(books: V2Books, payment_id: str) -> dict[str, Any]:
    """Return an outbound payment as it is now; 404 where there is none."""
    payment = books.payment(payment_id)
    if payment is None:
        raise not_found("outbound payment", payment_id)
    return payment_body(payment, running_stripe().settings.financial_account, books.now)


def _create(call: V2Call, books: V2Books) -> str:
    wanted = _read_wanted(call)
    stored = books.recipient(wanted["recipient"])
    if stored is not None and stored[2]:
        raise v2_error(400, "capability_not_enabled", "The recipient is closed.")
    outcome = method_outcome(wanted["method"])
    method = books.method(wanted["method"])
    if not outcome.known or (method is not None and method[0] != wanted["recipient"]):
        raise v2_error(400, "invalid_payout_method", "No such payout method.")
    if outcome.archived or outcome.restricted or outcome.usage != "eligible":
        raise v2_error(400, "invalid_payout_method", "The payout method cannot be used.")
    stripe = running_stripe()
    _require_funds(books, wanted["from_currency"], wanted["debited"])
    times = _times(stripe, books.now, wanted["method"])
    payment = books.add_payment(wanted | times | {"id": new_id("obp_", 24)})
    announce_payment(stripe, books, payment.id, "created")
    schedule_payment(stripe, books, payment)
    return payment.id


def _read_wanted(call: V2Call) -> dict[str, Any]:
    params = call.params
    check_fields(params, _PAYMENT, {"amount", "from", "to"})
    known = {"currency", "financial_account"}
    check_fields(params["from"], known, known, "from.")
    check_fields(params["to"], _TO, {"recipient"}, "to.")
    check_fields(params["amount"], {"currency", "value"}, {"currency", "value"}, "amount.")
    if params["from"]["financial_account"] != running_stripe().settings.financial_account:
        raise not_found("financial account", params["from"]["financial_account"])
    value, code = params["amount"]["value"], params["amount"]["currency"]
    if not isinstance(value, int) or not 0 < value <= LARGEST:
        raise invalid("amount.value is not a whole number of the smallest unit.", "amount.value")
    if code.upper() not in DECIMALS or params["to"].get("currency", code) != code:
        raise invalid("amount.currency is not one that is paid.", "amount.currency")
    source = params["from"]["currency"]
    return {
        "recipient": params["to"]["recipient"],
        "method": params["to"].get("payout_method", ""),
        "amount": value,
        "currency": code,
        "debited": value if source == code else _converted(value, code, source),
        "from_currency": source,
        "description": params.get("description"),
        "metadata": params.get("metadata", {}),
        "idempotency_key": call.key,
    }


def _converted(value: int, code: str, source: str) -> int:
    """Return what an amount costs in another currency, in that one's smallest unit."""
    shift = DECIMALS[source.upper()] - DECIMALS[code.upper()]
    return max(1, int(value * 10**shift * _RATE / 10))


def _start() -> dict[str, str]:
    """Return the financial account's initial balance; a large one where the settings name none."""
    given = running_stripe().settings.financial_balance
    return given or dict.fromkeys(("USD", "EUR", "GBP"), "9000000.00")


def _require_funds(books: V2Books, currency: str, amount: int) -> None:
    limits = running_stripe().settings.financial_balance
    limit = limits.get(currency.upper())
    available = minor_units(currency.upper(), limit or "0") - books.drawn().get(currency, 0)
    if limits and available < amount:
        raise v2_error(400, "insufficient_funds", "The financial account has less.")


def _times(stripe: StripeSimulator, now: int, method: str) -> dict[str, Any]:
    """Return when a payment is posted, fails or is returned, and for which reason."""
    outcome = method_outcome(method)
    if outcome.stuck:
        return {}
    done = now + span(stripe.settings.payout_delay)
    if outcome.failed:
        return {"failed_at": done, "reason": outcome.failed}
    if outcome.returned:
        late = done + span(stripe.settings.failure_delay)
        return {"posted_at": done, "returned_at": late, "reason": outcome.returned}
    return {"posted_at": done}


def _read_payments(
    books: V2Books, params: dict[str, Any], after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    check_fields(params, {"created", "recipient", "status"}, set())
    created = params.get("created", {})
    where: dict[str, Any] = {
        name: micros(datetime.fromisoformat(text)) for name, text in created.items()
    }
    if "recipient" in params:
        where["recipient"] = params["recipient"]
    found: list[SentPayment] = books.payments(where, after, limit)
    return [(each.seq, shown_payment(books, each.id)) for each in found]
