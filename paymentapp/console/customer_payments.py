"""A payment to a customer: the form, what it would do, and the request itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Response, request

from paymentapp.api.blueprint import actor, services
from paymentapp.clock import to_text
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import (
    Sent,
    filled,
    form_page,
    is_checked,
    loaded,
    new_key,
    require_also,
)
from paymentapp.console.layout import moment
from paymentapp.console.limits import limit_words
from paymentapp.console.payment_options import (
    field_of,
    offered,
    option_fields,
    option_names,
    options_of,
)
from paymentapp.errors import KeyReused, NotPayable
from paymentapp.models.actors import CUSTOMERS_READ, PAYMENTS_READ, PAYMENTS_WRITE
from paymentapp.models.caller_texts import DESCRIPTION_MAX
from paymentapp.models.currencies import money_text
from paymentapp.models.customers import Customer
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.references import ReferenceUsed
from paymentapp.payment_files.amounts import UnclearAmount, read_amount
from paymentapp.schemas.payment_orders import PaymentOrderSchema
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payment_previews import preview

_PATH = "/customers/<customer_id:customer_id>/pay"
_TEXTS = ("currency", "payment_method", "reference", "description")
_EXACT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")  # an amount as the confirmation has it
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_FIELDS = {"scheduled_at": "scheduled_date", "email": ""}  # of the form, by those of the order
_EMAIL_CHANGED = "The customer's e-mail address has changed meanwhile: nothing was requested."
_KEY_USED = (
    "This form has requested another payment already, so nothing was requested. Look at the "
    "customer's payments first."
)


@blp.get(_PATH)
@requires(PAYMENTS_WRITE)
def customers_pay(customer_id: str) -> Response:
    """Show the form of a payment."""
    require_also(CUSTOMERS_READ)
    return _form(services().customers.get(customer_id), {}, {})


@blp.post(f"{_PATH}/confirm")
@requires(PAYMENTS_WRITE)
def customers_pay_confirm(customer_id: str) -> Response:
    """Ask whether to pay: who gets how much, how, and when; nothing is stored."""
    require_also(CUSTOMERS_READ)
    customer = services().customers.get(customer_id)
    sent = _entered(customer)
    if sent.problems:
        return _form(customer, request.form, sent.problems)
    try:
        return _confirmation(customer, sent.value)
    except (NotPayable, LimitExceeded, ReferenceUsed) as error:
        return _form(customer, request.form, problems_of_refusal(error))


@blp.post(_PATH)
@requires(PAYMENTS_WRITE)
def customers_pay_now(customer_id: str) -> Response:
    """Request the payment that was confirmed; the same form sent twice requests one."""
    require_also(CUSTOMERS_READ)
    here = services()
    customer = here.customers.get(customer_id)
    key = request.form.get("idempotency_key", "")
    sent = _confirmed(customer)
    if sent.problems or not _KEY.fullmatch(key):
        return _form(customer, request.form, sent.problems or {"": "The form was not complete."})
    try:
        requested = here.payments.request(sent.value, key, actor())
    except PossibleDuplicate as error:
        return _duplicate(customer, sent.value, error)
    except (NotPayable, LimitExceeded, ReferenceUsed, KeyReused) as error:
        return _form(customer, request.form, problems_of_refusal(error))
    payment_id = requested.payment.payment_id
    return go_to("customers_show", customer_id=customer_id, done="paid", payment=payment_id)


def problems_of_refusal(error: Exception) -> dict[str, str]:
    """Return why a payment is refused, by the field of the form that it concerns."""
    if isinstance(error, NotPayable):
        if error.field == "email":
            return {"": _EMAIL_CHANGED}
        name = field_of(error.field)
        return {_FIELDS.get(name, name): str(error)}
    if isinstance(error, LimitExceeded):
        return {"amount": _limit_words(error)}
    if isinstance(error, ReferenceUsed):
        other = f"the payment to {error.key.customer_id} of {error.key.payment_id}"
        return {"reference": f"You have used this reference for {other}: give another one."}
    return {"": _KEY_USED}


def _limit_words(error: LimitExceeded) -> str:
    """Return which limit is in the way, what is left of it, and when the amount would fit."""
    left = f"{limit_words(error.rule)}. Left: {money_text(error.remaining)}."
    if error.resets_at is None:
        return f"Above a limit. {left}"
    return f"Above a limit. {left} The same amount fits from {moment(error.resets_at)} UTC."


def _entered(customer: Customer) -> Sent:
    """Return the order that a person has entered."""
    given = filled("amount", "scheduled_date", "scheduled_time", *_TEXTS, *option_names())
    order: dict[str, Any] = {name: given[name] for name in _TEXTS if name in given}
    if options := options_of(given):
        order["options"] = options
    problems = {}
    try:
        if "amount" in given:
            order["amount"] = read_amount(given["amount"])
    except UnclearAmount as error:
        problems["amount"] = f"The amount {error}"
    if "scheduled_date" in given:
        time = given.get("scheduled_time", "00:00")
        order["scheduled_at"] = f"{given['scheduled_date']}T{time}:00Z"
    elif "scheduled_time" in given:
        problems["scheduled_date"] = "Give the day too."
    return _order(customer, customer.email, order, problems)


def _confirmed(customer: Customer) -> Sent:
    """Return the order of a confirmation, which has it exactly."""
    given = filled("amount", "scheduled_at", "email", *_TEXTS, *option_names())
    amount = given.pop("amount", "")
    email = given.pop("email", "")
    options = options_of(given)
    order: dict[str, Any] = {
        name: text for name, text in given.items() if name not in option_fields(options)
    }
    if options:
        order["options"] = options
    if _EXACT.fullmatch(amount):
        order["amount"] = Decimal(amount)
    if is_checked("allow_duplicate"):
        order["allow_duplicate"] = True
    return _order(customer, email, order, {})


def _order(
    customer: Customer, email: str, order: Mapping[str, Any], problems: Mapping[str, str]
) -> Sent:
    body = {"customer_id": customer.customer_id, "email": email, **order}
    sent = loaded(PaymentOrderSchema(), body)
    found = {_FIELDS.get(name, name): text for name, text in sent.problems.items()}
    return Sent(sent.value, {**found, **problems})


def _confirmation(customer: Customer, order: PaymentOrder) -> Response:
    here = services()
    would_be = preview(here.payments, order, actor())
    return form_page(
        "customers_pay_confirm",
        {},
        customer=customer,
        order=order,
        fields=_fields(order),
        would_be=would_be,
        payee=here.payees.shown(would_be.payment).payee,
        key=new_key(),
    )


def _duplicate(customer: Customer, order: PaymentOrder, error: PossibleDuplicate) -> Response:
    """Return the page that asks whether to pay although there is such a payment already."""
    here = services()
    earlier = (
        here.payees.shown(here.payments.get(error.key)) if actor().may(PAYMENTS_READ) else None
    )
    return form_page(
        "customers_pay_again",
        {},
        customer=customer,
        order=order,
        fields=_fields(order),
        earlier=earlier,
        earlier_key=error.key,
        hours=here.settings.duplicate_hours,
        key=request.form["idempotency_key"],
    )


def _fields(order: PaymentOrder) -> dict[str, str]:
    """Return the order as the hidden fields of a confirmation."""
    fields = {
        "email": order.email,
        "amount": f"{order.money.amount:f}",
        "currency": order.money.currency,
        "payment_method": order.payment_method,
        "reference": order.texts.reference,
        "description": order.texts.description,
        "scheduled_at": to_text(order.scheduled_at) if order.scheduled_at else None,
        **option_fields(order.texts.shown_options),
    }
    return {name: value for name, value in fields.items() if value}


def _form(customer: Customer, given: Mapping[str, str], problems: Mapping[str, str]) -> Response:
    providers = services().providers
    return form_page(
        "customers_pay",
        problems,
        customer=customer,
        given=_with_schedule(given),
        methods=sorted(providers),
        offered=offered(),
        currencies=sorted({code for each in providers.values() for code in each.currencies}),
        description_max=DESCRIPTION_MAX,
    )


def _with_schedule(given: Mapping[str, str]) -> dict[str, str]:
    """Return what was sent, with the time of a confirmation as the form has it."""
    fields = dict(given)
    day, _, time = fields.pop("scheduled_at", "").partition("T")
    return {"scheduled_date": day, "scheduled_time": time[:5], **fields}
