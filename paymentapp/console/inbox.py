"""Bank news: what providers have reported and could not be applied, and recording what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import Response, make_response, render_template, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.backoffice import backoffice
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import note_error, one_line, position
from paymentapp.errors import Conflict, NotFound, ProviderError
from paymentapp.models.actors import ADMIN, PAYMENTS_READ
from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.models.payments import Payment, PaymentKey, Status, can_transition
from paymentapp.models.provider_events import EventResolution
from paymentapp.schemas.common import PAYMENT_ID_PATTERN
from paymentapp.services.backoffice.open_cases import CaseResolution, OpenCase, status_of
from paymentapp.services.open_items import MOST

_LISTED = 50  # on a page
_ID_MAX, _CODE_MAX = 300, 20  # characters
_NO_PAYMENT = "Choose the payment that it is about, or write its two ids."


@dataclass(frozen=True, slots=True)
class RecordForm:
    """What somebody says of a case, and what is wrong with it, by field."""

    resolution: str
    customer_id: str
    payment_id: str
    code: str
    note: str

    @property
    def key(self) -> PaymentKey | None:
        """Return the key of the payment; None where it is none."""
        is_key = re.fullmatch(CUSTOMER_ID_PATTERN, self.customer_id) and re.fullmatch(
            PAYMENT_ID_PATTERN, self.payment_id
        )
        return PaymentKey(self.customer_id, self.payment_id) if is_key else None

    @property
    def is_ignored(self) -> bool:
        """Return whether the case is said to be about no payment of ours."""
        return self.resolution == EventResolution.IGNORED

    def errors(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        errors = {"note": note_error(self.note)}
        if self.resolution not in {each.value for each in EventResolution}:
            errors["resolution"] = "Choose what became of the payment."
        elif not self.is_ignored and self.key is None:
            errors["payment"] = _NO_PAYMENT
        if len(self.code) > _CODE_MAX or not self.code.isprintable():
            errors["code"] = f"A reason code has at most {_CODE_MAX} characters."
        return {name: text for name, text in errors.items() if text}


@blp.get("/inbox")
@requires(PAYMENTS_READ)
def inbox() -> str:
    """List what waits for a person: unread files, then events, the longest waiting first."""
    cases, first = backoffice().open_cases.cases(), position()
    after = first + _LISTED if len(cases) > first + _LISTED else None
    return render_template(
        "console/inbox.html",
        cases=cases[first : first + _LISTED],
        count=len(cases),
        complete=len(cases) < MOST,
        after=after,
        done=request.args.get("done"),
    )


@blp.get("/inbox/item")
@requires(PAYMENTS_READ)
def inbox_show() -> str:
    """Show what was reported, and the payments that it may be about."""
    return _item_page(_case(request.args.get("id", "")))


def _item_page(
    case: OpenCase, form: RecordForm | None = None, errors: dict[str, str] | None = None
) -> str:
    candidates = backoffice().case_payments.candidates(case)
    shown = [services().payees.shown(payment) for payment in candidates]
    return render_template(
        "console/inbox_show.html",
        case=case,
        details=[(name.capitalize(), text) for name, text in case.details.items()],
        shown=shown,
        form=form or RecordForm("", "", "", "", ""),
        errors=errors or {},
    )


@blp.post("/inbox/item")
@requires(ADMIN)
def inbox_record() -> Response | str:
    """Say what recording something will do, then, once that is confirmed, record it."""
    case, form = _case(request.form.get("id", "")), _sent_form()
    errors = form.errors()
    payment = services().store.get_payment(form.key) if form.key and not form.is_ignored else None
    if not errors and payment is None and not form.is_ignored:
        errors = {"payment": "There is no such payment."}
    if errors:
        return make_response(_item_page(case, form, errors), 422)
    if request.form.get("confirmed") != "yes":
        return _confirm_page(case, form, payment)
    resolution = EventResolution(form.resolution)
    key = None if form.is_ignored else form.key
    said = CaseResolution(resolution, actor().name, form.note, key, form.code or None)
    try:
        backoffice().open_cases.record(case.case_id, said)
    except Conflict as error:
        return make_response(
            _item_page(case, form, {"all": f"{error}: nothing was recorded."}), 409
        )
    except ProviderError as error:
        text = f"Its provider cannot be asked now ({error.code}). Try again later."
        return make_response(_item_page(case, form, {"all": text}), 502)
    return go_to("inbox", done="ignored" if form.is_ignored else "recorded")


def _sent_form() -> RecordForm:
    """Return the form; a payment that was chosen from the list goes before ids that are written."""
    chosen = request.form.get("payment", "").split(" ")
    written = [one_line("customer_id"), one_line("payment_id")]
    customer_id, payment_id = chosen if len(chosen) == 2 else written
    resolution = request.form.get("resolution", "")
    return RecordForm(resolution, customer_id, payment_id, one_line("code"), one_line("note"))


def _confirm_page(case: OpenCase, form: RecordForm, payment: Payment | None) -> str:
    becomes = status_of(EventResolution(form.resolution))
    return render_template(
        "console/inbox_confirm.html",
        case=case,
        form=form,
        shown=services().payees.shown(payment) if payment else None,
        becomes=becomes,
        may_move=payment is None or may_become(payment, becomes),
    )


def may_become(payment: Payment, becomes: Status | None) -> bool:
    """Return whether recording leaves a payment as it is, or moves it on."""
    if becomes in {None, payment.status}:
        return True
    return becomes is not None and can_transition(payment.status, becomes)


def _case(case_id: str) -> OpenCase:
    """Return a case. Raises NotFound."""
    if not 0 < len(case_id) <= _ID_MAX or not case_id.isprintable():
        raise NotFound("There is no such report.")
    return backoffice().open_cases.find(case_id)
