"""What an outbound payment's state means for the payment that it was made for."""

from __future__ import annotations

import logging

from paymentapp.errors import NotSent
from paymentapp.models.settled import Settled
from paymentapp.providers.stripe.global_answers import OutboundPayment
from paymentapp.providers.stripe.global_tables import (
    FAILED_REASONS,
    OUTBOUND_STATUS,
    RETURNED_REASONS,
    UNDER_REVIEW,
)
from paymentapp.providers.updates import ItemReport

log = logging.getLogger(__name__)


def outbound_report(payment: OutboundPayment, settled: Settled) -> ItemReport:
    """Report what Stripe says of a payment. Raises NotSent where it has no item id of ours."""
    if not payment.item_id:
        raise NotSent("UNREADABLE_ANSWER", "an outbound payment without our item id")
    status = OUTBOUND_STATUS.get(payment.status)
    if status is None:
        log.warning("Stripe reported a status that the table does not know: %s", payment.status)
    return ItemReport(
        item_id=payment.item_id,
        status=status,
        raw_status=_raw_status(payment),
        provider_item_id=payment.payment_id,
        transaction_id=payment.payment_id,
        reason=_reason(payment),
        money=payment.money,
        receiver=payment.receiver.text,
        settled=settled,
    )


def _raw_status(payment: OutboundPayment) -> str:
    in_review = payment.status == "processing" and payment.reason == UNDER_REVIEW
    return UNDER_REVIEW if in_review else payment.status


def _reason(payment: OutboundPayment) -> str | None:
    """Return "CODE: words" for a payment that failed or came back; None for any other."""
    tables = {"failed": FAILED_REASONS, "returned": RETURNED_REASONS}
    if payment.status not in tables:
        return None
    code = payment.reason or "unknown_failure"
    words = tables[payment.status].get(code)
    return f"{code}: {words}" if words else code
