"""Customers' payment methods: set the details that each provider declares, and remove them."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import filled, form_page, is_checked, loaded, require_also
from paymentapp.errors import NotFound, NotPayable, StoreUnavailable
from paymentapp.models.actors import CUSTOMERS_READ, PAYEES
from paymentapp.models.customers import Customer
from paymentapp.providers.base import Payees
from paymentapp.schemas.payment_methods import NewMethodSchema
from paymentapp.services.payment_methods import PaymentMethodView

_METHOD = "/customers/<customer_id:customer_id>/methods/<method:method>"


@blp.get(_METHOD)
@requires(PAYEES)
def customers_method(customer_id: str, method: str) -> Response:
    """Show the form of a customer's details for a method."""
    require_also(CUSTOMERS_READ)
    return _form(services().customers.get(customer_id), method, {})


@blp.post(_METHOD)
@requires(PAYEES)
def customers_method_put(customer_id: str, method: str) -> Response:
    """Set a customer's details for a method: all of them are replaced."""
    require_also(CUSTOMERS_READ)
    here = services()
    customer = here.customers.get(customer_id)
    names = [detail.name for detail in _payees(method).details]
    fields = filled(*(f"detail_{name}" for name in names))
    details = {name.removeprefix("detail_"): value for name, value in fields.items()}
    sent = loaded(NewMethodSchema(), {"details": details})
    if sent.problems:
        return _form(customer, method, sent.problems)
    try:
        here.methods.put(customer_id, method, details, _default(customer, method), actor())
    except NotPayable as error:
        name = error.field.removeprefix("details/")
        return _form(customer, method, {f"detail_{name}": str(error)})
    return go_to("customers_show", customer_id=customer_id, done="method-set")


@blp.get(f"{_METHOD}/remove")
@requires(PAYEES)
def customers_method_remove(customer_id: str, method: str) -> Response:
    """Ask whether to remove a customer's details for a method."""
    require_also(CUSTOMERS_READ)
    view = services().methods.get(customer_id, method)
    return form_page("customers_method_remove", {}, view=view)


@blp.post(f"{_METHOD}/remove")
@requires(PAYEES)
def customers_method_remove_now(customer_id: str, method: str) -> Response:
    """Remove a customer's details for a method."""
    services().methods.delete(customer_id, method, actor())
    if not actor().may(CUSTOMERS_READ):
        return go_to("today")
    return go_to("customers_show", customer_id=customer_id, done="method-removed")


def _payees(method: str) -> Payees:
    provider = services().providers.get(method)
    if provider is None or provider.payees is None:
        raise NotFound("No payment method of this name takes details of a customer.")
    return provider.payees


def _default(customer: Customer, method: str) -> bool | None:
    """Return whether the form makes the method the default, or no longer so; None for neither."""
    if is_checked("default"):
        return True
    return False if customer.default_method == method else None


def _form(customer: Customer, method: str, problems: Mapping[str, str]) -> Response:
    """Return the form; no value is shown again, since any of them may be secret."""
    payees = _payees(method)
    is_default = customer.default_method == method
    return form_page(
        "customers_method",
        problems,
        customer=customer,
        method=method,
        details=payees.details,
        email_is_enough=payees.email_is_enough,
        current=_current(customer, method),
        is_default=is_checked("default") if request.method == "POST" else is_default,
    )


def _current(customer: Customer, method: str) -> PaymentMethodView | None:
    """Return what is stored, masked; None where nothing is, or where it cannot be opened now."""
    try:
        return services().methods.get(customer.customer_id, method)
    except (NotFound, StoreUnavailable):
        return None
