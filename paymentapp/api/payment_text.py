"""The JSON text of a payment's body, written by hand for the answer to a request."""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from paymentapp.api.json import encode
from paymentapp.clock import to_text
from paymentapp.models.payments import Transition
from paymentapp.models.settled import NOT_SETTLED
from paymentapp.schemas.common import made
from paymentapp.schemas.payments import PaymentSchema
from paymentapp.services.payees import ShownPayment


def payment_text(shown: ShownPayment) -> str:
    """Return the JSON text that `PaymentSchema` and the JSON provider make of a payment.

    Most members of a payment that was just requested are null: written at once they take a third
    of the time. A test compares the two. A payment that has more is left to them.
    """
    payment, payee, wait = shown
    texts = payment.texts
    if payment.settled != NOT_SETTLED or payment.approvals or payment.is_erased:
        return encode(made(PaymentSchema).dump(shown))
    return (
        f'{{"customer_id":{quoted(payment.customer_id)}'
        f',"payment_id":{quoted(payment.payment_id)}'
        f',"email":{_text(payment.email or None)}'
        f',"amount":{payment.money.amount!s}'
        f',"currency":{quoted(payment.money.currency)}'
        f',"payment_method":{quoted(payment.payment_method)}'
        f',"payee":{{"method":{quoted(payee.method)},"display":{_text(payee.display)}}}'
        f',"status":{quoted(payment.status.value)}'
        f',"created_at":{quoted(payment.payment_id)}'
        f',"created_by":{_text(payment.created_by)}'
        f',"updated_at":"{to_text(payment.updated_at)}"'
        f',"scheduled_at":{_time(payment.scheduled_at)}'
        f',"reference":{_text(texts.reference)}'
        f',"description":{_text(texts.description)}'
        f',"metadata":{encode(dict(texts.metadata)) if texts.metadata else "{}"}'
        f',"options":{encode(texts.shown_options) if texts.options else "{}"}'
        f',"retry_of":{_text(payment.retry_of)}'
        f',"retried_by":{_text(payment.retried_by)}'
        f',"bulk_id":{_text(payment.bulk_id)}'
        f',"reason":{_text(payment.reason)}'
        f',"provider_status":{_text(payment.provider_status)}'
        f',"cancel_requested":{"true" if payment.cancel_requested else "false"}'
        f',"route":{_text(payment.route)}'
        f',"batch_id":{_text(payment.batch_id)}'
        f',"provider_item_id":{_text(payment.provider_item_id)}'
        f',"transaction_id":{_text(payment.transaction_id)}'
        ',"settled_at":null,"fee":null,"exchange":null'
        f',"waiting_for":{_text(wait.reason.value if wait else None)}'
        f',"waiting_since":{_time(wait.since if wait else None)}'
        f',"approval_rule":{_text(payment.approval_rule)}'
        f',"approvals_needed":{payment.approvals_needed}'
        ',"approvals":[],"erased_at":null'
        f',"history":[{",".join(map(_line, payment.history))}]}}'
    )


def _text(value: str | None) -> str:
    return "null" if value is None else quoted(value)


def _time(value: Any) -> str:
    return "null" if value is None else f'"{to_text(value)}"'


def _line(line: Transition) -> str:
    return (
        f'{{"at":"{to_text(line.at)}","status":{quoted(line.status.value)}'
        f',"cause":{quoted(line.cause.value)},"reference":{quoted(line.reference)}'
        f',"by":{_text(line.by or None)}}}'
    )
