"""Customers' records: register and change them, and erase them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Response, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.attribute_rows import (
    KINDS,
    AttributeRow,
    rows_of,
    sent_rows,
    values_of,
    with_blanks,
)
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import filled, form_page, loaded, require_also
from paymentapp.errors import ChangedSince, Conflict, Unprocessable
from paymentapp.models.actors import CUSTOMERS_READ, CUSTOMERS_WRITE, PAYMENTS_READ
from paymentapp.models.customers import Customer
from paymentapp.models.payments import FINAL, Payment
from paymentapp.schemas.customers import CustomerPatchSchema, NewCustomerSchema
from paymentapp.services.customers import CustomerPatch
from paymentapp.storage.base import PageQuery

CHANGED = (
    "The record has changed since you opened this form, so nothing was stored. Below it is as it "
    "is now: enter your changes again."
)
_NEWEST = 100  # payments that are looked at before it is asked whether to erase a customer


@blp.get("/new-customer")
@requires(CUSTOMERS_WRITE)
def customers_new() -> Response:
    """Show the form of a new customer."""
    return _new_form(rows_of({}), {})


@blp.post("/new-customer")
@requires(CUSTOMERS_WRITE)
def customers_register() -> Response:
    """Register a customer."""
    rows = sent_rows({})
    values, problems = values_of(rows, {})
    sent = loaded(NewCustomerSchema(), {**filled("customer_id", "email"), **values})
    if problems or sent.problems:
        return _new_form(rows, {**sent.problems, **problems})
    try:
        customer, new = services().customers.register(**sent.value, by=actor())
    except Conflict as error:
        return _new_form(rows, {"customer_id": str(error)})
    done = "registered" if new else "registered-before"
    if not actor().may(CUSTOMERS_READ):
        return go_to("customers_new", done=done)
    return go_to("customers_show", customer_id=customer.customer_id, done=done)


@blp.get("/customers/<customer_id:customer_id>/change")
@requires(CUSTOMERS_WRITE)
def customers_change(customer_id: str) -> Response:
    """Show the form of a customer's record."""
    require_also(CUSTOMERS_READ)
    return _change_form(services().customers.get(customer_id), {})


@blp.post("/customers/<customer_id:customer_id>/change")
@requires(CUSTOMERS_WRITE)
def customers_change_now(customer_id: str) -> Response:
    """Change a customer's record, unless it is another version than the form shows."""
    require_also(CUSTOMERS_READ)
    here = services()
    old = here.customers.get(customer_id)
    rows = sent_rows(old.attributes)
    if request.form.get("version") != old.version_tag:
        return _change_form(old, {"": CHANGED})
    values, problems = values_of(rows, old.attributes)
    email = request.form.get("email", "").strip()
    new_email = {} if email == old.email else {"email": email}
    sent = loaded(CustomerPatchSchema(), {**new_email, **values})
    if problems or sent.problems:
        return _change_form(old, {**sent.problems, **problems}, email, rows)
    try:
        patch = CustomerPatch(**sent.value)
        here.customers.change(customer_id, patch, old.version_tag, actor())
    except ChangedSince:
        return _change_form(here.customers.get(customer_id), {"": CHANGED})
    except Unprocessable as error:
        return _change_form(old, {error.field: str(error)}, email, rows)
    return go_to("customers_show", customer_id=customer_id, done="changed")


@blp.get("/customers/<customer_id:customer_id>/erase")
@requires(CUSTOMERS_WRITE)
def customers_erase(customer_id: str) -> Response:
    """Ask whether to erase a customer: what goes, and what stays."""
    return _erase_form(services().customers.get(customer_id), {})


@blp.post("/customers/<customer_id:customer_id>/erase")
@requires(CUSTOMERS_WRITE)
def customers_erase_now(customer_id: str) -> Response:
    """Erase a customer, unless the record has changed or a payment is open."""
    here = services()
    customer = here.customers.get(customer_id)
    if request.form.get("confirmed", "").strip() != customer_id:
        problem = f"Write {customer_id} here to confirm: nothing was erased."
        return _erase_form(customer, {"confirmed": problem})
    try:
        here.erasures.erase(customer_id, request.form.get("version", ""), actor())
    except (ChangedSince, Conflict) as error:
        return _erase_form(here.customers.get(customer_id), {"": f"Nothing was erased. {error}"})
    if not actor().may(CUSTOMERS_READ):
        return go_to("customers_new", done="erased")
    return go_to("customers_show", customer_id=customer_id, done="erased")


def _new_form(rows: Sequence[AttributeRow], problems: Mapping[str, str]) -> Response:
    return form_page(
        "customers_new",
        problems,
        rows=with_blanks(rows),
        kinds=KINDS,
        given=request.form,
        done=request.args.get("done", ""),
    )


def _change_form(
    customer: Customer,
    problems: Mapping[str, str],
    email: str | None = None,
    rows: Sequence[AttributeRow] | None = None,
) -> Response:
    """Return the form of a record, with what was sent where that is given."""
    return form_page(
        "customers_change",
        problems,
        customer=customer,
        email=customer.email if email is None else email,
        rows=rows_of(customer.attributes) if rows is None else with_blanks(rows),
        kinds=KINDS,
    )


def _erase_form(customer: Customer, problems: Mapping[str, str]) -> Response:
    shown = _open_payments(customer.customer_id) if actor().may(PAYMENTS_READ) else []
    return form_page("customers_erase", problems, customer=customer, open_payments=shown)


def _open_payments(customer_id: str) -> list[Payment]:
    newest = services().payments.list(customer_id, PageQuery(_NEWEST)).payments
    return [each for each in newest if each.status not in FINAL]
