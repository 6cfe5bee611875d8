"""Recording what became of a payment, as from a bank's statement, where no report has said it."""

from __future__ import annotations

from flask import Response, make_response, render_template, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.backoffice import backoffice
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import one_line
from paymentapp.console.inbox import RecordForm, may_become
from paymentapp.console.payments import PATH, can_be_recorded
from paymentapp.errors import Conflict, ProviderError
from paymentapp.models.actors import ADMIN, PAYMENTS_READ
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.models.provider_events import EventResolution
from paymentapp.services.backoffice.open_cases import CaseResolution, status_of


@blp.get(f"{PATH}/record")
@requires(PAYMENTS_READ)
def payments_record_form(customer_id: str, payment_id: str) -> Response:
    """Show the form."""
    payment = _payment(customer_id, payment_id)
    return _page(payment, RecordForm("", *payment.key, "", ""), {})


@blp.post(f"{PATH}/record")
@requires(ADMIN)
def payments_record(customer_id: str, payment_id: str) -> Response:
    """Say what recording it will do, then, once that is confirmed, record it."""
    payment = _payment(customer_id, payment_id)
    resolution = request.form.get("resolution", "")
    form = RecordForm(resolution, *payment.key, one_line("code"), one_line("note"))
    errors = form.errors()
    if form.is_ignored:
        errors["resolution"] = "Choose what became of the payment."
    if errors:
        return _page(payment, form, errors, 422)
    said = CaseResolution(
        EventResolution(form.resolution), actor().name, form.note, payment.key, form.code or None
    )
    if request.form.get("confirmed") != "yes":
        return _confirmation(payment, form)
    try:
        backoffice().open_cases.record_payment(said)
    except Conflict as error:
        return _page(payment, form, {"all": f"{error}: nothing was recorded."}, 409)
    except ProviderError as error:
        text = f"Its provider cannot be asked now ({error.code}). Try again later."
        return _page(payment, form, {"all": text}, 502)
    return go_to("payments_show", **payment.key._asdict(), done="recorded")


def _payment(customer_id: str, payment_id: str) -> Payment:
    """Return a payment. Raises NotFound, and Conflict where there is nothing to record."""
    payment = services().payments.get(PaymentKey(customer_id, payment_id))
    if not can_be_recorded(payment):
        raise Conflict("What becomes of this payment is not recorded by hand.")
    return payment


def _page(
    payment: Payment, form: RecordForm, errors: dict[str, str], status: int = 200
) -> Response:
    page = render_template(
        "console/payments_record.html",
        shown=services().payees.shown(payment),
        payment=payment,
        form=form,
        errors=errors,
    )
    return make_response(page, status)


def _confirmation(payment: Payment, form: RecordForm) -> Response:
    becomes = status_of(EventResolution(form.resolution))
    page = render_template(
        "console/payments_record_confirm.html",
        shown=services().payees.shown(payment),
        payment=payment,
        form=form,
        becomes=becomes,
        may_move=may_become(payment, becomes),
    )
    return make_response(page)
