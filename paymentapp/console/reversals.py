"""Taking a payment back: every order about it, and the form of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, make_response, render_template, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.backoffice import backoffice
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import note_error, one_line
from paymentapp.console.payments import PATH
from paymentapp.errors import Conflict, ProviderError
from paymentapp.models.actors import ADMIN, PAYMENTS_READ
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.models.reversals import Reversal, ReversalOrder, ReversalReason

SEND, RETRY = "send", "retry"
REASONS = {
    ReversalReason.DUPLICATE: "the same was paid before",
    ReversalReason.WRONG_RECIPIENT: "it went to the wrong recipient",
    ReversalReason.WRONG_AMOUNT: "its amount was wrong",
    ReversalReason.WRONG_DATE: "it was paid later than it was to be",
    ReversalReason.PAID_OTHERWISE: "wages at the end of an employment, paid by check as well",
}


@dataclass(frozen=True, slots=True)
class ReversalForm:
    """What somebody wants taken back, and why."""

    action: str
    reason: str
    note: str

    def errors(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        errors = {"note": note_error(self.note)}
        if self.reason not in {each.value for each in ReversalReason}:
            errors["reason"] = "Choose why: for any other reason nothing may be taken back."
        if self.action not in {SEND, RETRY}:
            errors["all"] = "The form was not complete."
        return {name: text for name, text in errors.items() if text}


@blp.get(f"{PATH}/reversals")
@requires(PAYMENTS_READ)
def payments_reversals(customer_id: str, payment_id: str) -> Response:
    """Show every order to take a payment back, and the form of another one."""
    payment = services().payments.get(PaymentKey(customer_id, payment_id))
    return _page(payment, ReversalForm(SEND, "", ""), {})


@blp.post(f"{PATH}/reversals")
@requires(ADMIN)
def payments_reverse(customer_id: str, payment_id: str) -> Response:
    """Say what will happen, then, once that is confirmed, have the payment taken back."""
    payment = services().payments.get(PaymentKey(customer_id, payment_id))
    given = request.form
    form = ReversalForm(given.get("action", ""), given.get("reason", ""), one_line("note"))
    if errors := form.errors():
        return _page(payment, form, errors, 422)
    if given.get("confirmed") != "yes":
        return _confirmation(payment, form)
    try:
        _carry_out(payment.key, form)
    except Conflict as error:
        return _page(payment, form, {"all": f"{error}."}, 409)
    except ProviderError as error:
        text = f"It is not known whether it was done ({error.code}). Send the same order again."
        return _page(payment, form, {"all": text}, 502)
    return go_to("payments_reversals", **payment.key._asdict(), done="yes")


def _carry_out(key: PaymentKey, form: ReversalForm) -> Reversal:
    order = ReversalOrder(ReversalReason(form.reason), actor().name, form.note)
    reversals = backoffice().reversals
    return reversals.retry(key, order) if form.action == RETRY else reversals.send(key, order)


def _page(
    payment: Payment, form: ReversalForm, errors: dict[str, str], status: int = 200
) -> Response:
    page = render_template(
        "console/payments_reversals.html",
        shown=services().payees.shown(payment),
        payment=payment,
        reversals=_orders(payment),
        reasons=[(reason.value, text) for reason, text in REASONS.items()],
        words=REASONS,
        form=form,
        errors=errors,
        done=request.args.get("done"),
    )
    return make_response(page, status)


def _orders(payment: Payment) -> Sequence[Reversal]:
    """Return the orders about a payment. Raises Conflict where its provider takes nothing back."""
    return backoffice().reversals.of(payment.key)


def _confirmation(payment: Payment, form: ReversalForm) -> Response:
    page = render_template(
        "console/payments_reverse.html",
        shown=services().payees.shown(payment),
        payment=payment,
        form=form,
        why=REASONS[ReversalReason(form.reason)],
    )
    return make_response(page)
