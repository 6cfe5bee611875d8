"""The payments: the list with its filters, the search by one text, and one payment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, make_response, render_template, request, url_for

from paymentapp.api.blueprint import actor, services
from paymentapp.api.payments import shown_all
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import asked, loaded
from paymentapp.models.actors import PAYMENTS_READ, REPORTS
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.schemas.account_payments import AccountCursor, AccountQuerySchema

FILTERS = tuple(
    field.data_key or name
    for name, field in AccountQuerySchema().fields.items()
    if name not in {"limit", "before"}
)
FOUND_MAX = 25  # payments that a search shows
PATH = "/payments/<customer_id:customer_id>/<payment_id:payment_id>"
_CURSOR = AccountCursor()
_NOT_OF_REPORTS = {"provider_id", "bulk_id"}  # filters of which there is no report
_REPORTED = timedelta(days=30)


@blp.get("/payments")
@requires(PAYMENTS_READ)
def payments() -> Response:
    """List the payments that pass the filters, newest first."""
    query, errors = loaded(AccountQuerySchema(), _filters() | asked("cursor"))
    if errors:
        return _list([], None, errors)
    page = services().payments.list_account(query)
    cursor = _CURSOR.serialize("", None, lambda *_: page.last_read)
    return _list(page.payments, cursor, {})


@blp.get("/payments/search")
@requires(PAYMENTS_READ)
def payments_search() -> Response:
    """Find payments by one text; go to the payment where there is exactly one."""
    text = request.args.get("q", "").strip()
    found = services().payment_search.find(text, FOUND_MAX + 1) if text else []
    if len(found) == 1:
        return go_to("payments_show", **found[0].key._asdict())
    page = render_template(
        "console/payments_search.html",
        text=text,
        shown=shown_all(found[:FOUND_MAX]),
        more=len(found) > FOUND_MAX,
    )
    return make_response(page)


@blp.get(PATH)
@requires(PAYMENTS_READ)
def payments_show(customer_id: str, payment_id: str) -> str:
    """Show a payment: its story, why it waits or failed, and what can be done about it."""
    case = services().payment_cases.of(PaymentKey(customer_id, payment_id))
    return render_template(
        "console/payments_show.html",
        case=case,
        payment=case.payment,
        actions=case.actions(actor()),
        can_be_taken_back=_can_be_taken_back(case.payment),
        can_be_recorded=can_be_recorded(case.payment),
        done=request.args.get("done", ""),
    )


def can_be_recorded(payment: Payment) -> bool:
    """Return whether a person may record what became of a payment that was sent.

    Only where operators complete a provider's reports; what others report is theirs to correct.
    """
    provider = services().providers.get(payment.payment_method)
    if provider is None or provider.mailbox is None:
        return False
    return payment.status in {Status.SUBMITTED, Status.SUCCEEDED, Status.RETURNED}


def _can_be_taken_back(payment: Payment) -> bool:
    """Return whether the payment's provider has reversals, and may have paid it."""
    provider = services().providers.get(payment.payment_method)
    if provider is None or provider.reversals is None:
        return False
    return payment.status in {Status.SUBMITTED, Status.SUCCEEDED, Status.RETURNED}


def _list(found: list[Payment], cursor: Any, errors: Any) -> Response:
    here = services()
    page = render_template(
        "console/payments.html",
        shown=shown_all(found),
        next_cursor=cursor,
        errors=errors,
        filters=_filters(),
        report=_report(_filters()),
        statuses=[*Status],
        methods=sorted(here.providers),
    )
    return make_response(page, 400 if errors else 200)


def _report(filters: Mapping[str, str]) -> str:
    """Return the URL of the report with the same filters; empty where there is none.

    Where no time is set it is of the last days, so that a click does not read the whole account.
    """
    if not actor().may(REPORTS) or filters.keys() & _NOT_OF_REPORTS:
        return ""
    since = (services().clock().date() - _REPORTED).isoformat()
    period = {} if filters.keys() & {"from", "to"} else {"from": since}
    query: dict[str, Any] = {"see": "1", **period, **filters}
    return url_for("console.reports", **query)


def _filters() -> dict[str, str]:
    """Return the filters of the URL that are set; a currency in capitals, as codes are."""
    wanted = asked(*FILTERS)
    if "currency" in wanted:
        wanted["currency"] = wanted["currency"].upper()
    return wanted
