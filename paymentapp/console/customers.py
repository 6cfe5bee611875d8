"""Customers: find them, and see one with its methods, payments and history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Response, request
from flask.typing import ResponseReturnValue

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import asked, cursor_text, form_page, loaded
from paymentapp.errors import NotFound, StoreUnavailable
from paymentapp.models.actors import CUSTOMERS_READ, PAYMENTS_READ
from paymentapp.models.customers import CUSTOMER_ID_PATTERN, Customer, CustomerQuery
from paymentapp.models.payments import PaymentKey
from paymentapp.schemas.common import PAYMENT_ID_PATTERN, Cursor, CustomerCursor, HistoryCursor
from paymentapp.schemas.customer_history import HistoryQuerySchema
from paymentapp.schemas.customers import CustomerQuerySchema
from paymentapp.schemas.payments import PageQuerySchema
from paymentapp.services.customer_history import ShownEntry
from paymentapp.services.payees import ShownPayment
from paymentapp.services.payment_methods import PaymentMethodView

PAGE = 50
PART = 25  # payments, and lines of history, on the page of a customer


class PaymentsPart(NamedTuple):
    """Payments of a customer, newest first; `next_cursor` is None at the end."""

    shown: Sequence[ShownPayment]
    next_cursor: str | None


@blp.get("/customers")
@requires(CUSTOMERS_READ)
def customers() -> ResponseReturnValue:
    """List customers; find those with an e-mail address, or the one with an id."""
    given = asked("q", "cursor")
    wanted = given.get("q", "")
    if wanted and "@" not in wanted:
        return _find(wanted)
    email = {"email": wanted} if wanted else {}
    cursor = {"cursor": given["cursor"]} if "cursor" in given else {}
    sent = loaded(CustomerQuerySchema(), {**email, **cursor, "limit": str(PAGE)})
    problems = {"q": " ".join(sent.problems.values())} if sent.problems else {}
    return _list(sent.value, problems)


@blp.get("/customers/<customer_id:customer_id>")
@requires(CUSTOMERS_READ)
def customers_show(customer_id: str) -> Response:
    """Show a customer: the record, payment methods, payments, history."""
    here, by = services(), actor()
    customer = here.customers.known(customer_id)
    return form_page(
        "customers_show",
        {},
        customer=customer,
        methods=_methods(customer),
        providers=_with_details(),
        payments=_payments(customer_id) if by.may(PAYMENTS_READ) else None,
        made=_made(customer_id) if by.may(PAYMENTS_READ) else None,
        done=request.args.get("done", ""),
        **_history(customer),
    )


def _find(customer_id: str) -> ResponseReturnValue:
    """Go to the customer with an id; where there is none, the list is empty and says so."""
    if re.fullmatch(CUSTOMER_ID_PATTERN, customer_id):
        try:
            services().customers.known(customer_id)
        except NotFound:
            pass
        else:
            return go_to("customers_show", customer_id=customer_id)
    return _list(None, {})


def _list(query: CustomerQuery | None, problems: dict[str, str]) -> Response:
    found, last_read = services().customers.list(query) if query else ([], None)
    return form_page(
        "customers",
        problems,
        customers=found,
        next_cursor=cursor_text(CustomerCursor(), last_read),
        first=query is None or query.after is None,
        wanted=request.args.get("q", "").strip(),
    )


def _methods(customer: Customer) -> list[PaymentMethodView] | None:
    """Return a customer's payment methods; None where their details cannot be opened now."""
    if customer.is_erased:
        return []
    try:
        return services().methods.list(customer.customer_id)
    except StoreUnavailable:
        return None


def _with_details() -> list[str]:
    """Return the payment methods that take details of a customer."""
    providers = services().providers
    return sorted(name for name, each in providers.items() if each.payees is not None)


def _payments(customer_id: str) -> PaymentsPart:
    here = services()
    sent = loaded(PageQuerySchema(), {**_cursor("payments"), "limit": str(PART)})
    query = sent.value or PageQuerySchema().load({"limit": str(PART)})
    payments, last_read = here.payments.list(customer_id, query)
    waits = here.waiting.of_all(payments)
    shown = list(map(here.payees.shown, payments, waits))
    return PaymentsPart(shown, cursor_text(Cursor(), last_read))


def _made(customer_id: str) -> ShownPayment | None:
    """Return the payment that has just been requested, which the address names."""
    payment_id = request.args.get("payment", "")
    if not re.fullmatch(PAYMENT_ID_PATTERN, payment_id):
        return None
    here = services()
    try:
        payment = here.payments.get(PaymentKey(customer_id, payment_id))
    except NotFound:
        return None
    return here.payees.shown(payment, here.waiting.of(payment))


def _history(customer: Customer) -> dict[str, Any]:
    """Return a page of a customer's history.

    Of one who was erased nothing personal is shown, though it may still be there for minutes.
    """
    sent = loaded(HistoryQuerySchema(), {**_cursor("history"), "limit": str(PART)})
    before = sent.value["before"] if sent.value else None
    entries, last_read = services().history.page(customer.customer_id, PART, before)
    if customer.is_erased:
        entries = [ShownEntry(each.entry.without_texts(), None, None) for each in entries]
    return {"history": entries, "next_history": cursor_text(HistoryCursor(), last_read)}


def _cursor(name: str) -> dict[str, str]:
    """Return the cursor of one of the page's lists, as the schema of that list has it."""
    given = asked(name)
    return {"cursor": given[name]} if given else {}
