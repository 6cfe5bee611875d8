"""Answers to PayPal's test values in a path: payouts that were never made.

https://developer.paypal.com/api/payouts/test-values ("use the test values as path parameters"). The
amounts and the receiver are those of the page's example. A batch whose item failed is DENIED, as in
the sandbox, where the page's example says SUCCESS.
"""

from __future__ import annotations

from simulators.common.times import span
from simulators.paypal import outcomes
from simulators.paypal.errors import PayPalError
from simulators.paypal.records import PayPalBatch, PayPalItem

_PROCESSING = span(30)


def sample_batch(value: str, now: int) -> tuple[PayPalBatch, PayPalItem] | None:
    """Return the batch that a test value names and its one item; None for any other id."""
    error = outcomes.BATCH_VALUES.get(value)
    status = outcomes.BATCH_STATUS_VALUES.get(value)
    if error is None and status is None:
        return None
    _raise_if_refusal(error)
    if status == "DENIED":
        error = "NON_HOLDING_CURRENCY"
    item_status = outcomes.status_of_error(error) if error else "SUCCESS"
    # The sample's age, which makes it pending, processing or completed.
    age = {"PENDING": 0, "PROCESSING": _PROCESSING // 2}.get(status or "", _PROCESSING)
    item = _item(value, item_status, error, now - age)
    batch = PayPalBatch(
        payout_batch_id=value,
        sender_batch_id=None,
        header={"email_subject": "user test case"},
        currency=item.currency,
        total_minor=19000,
        fees_minor=item.fee_minor,
        item_count=1,
        denied=item_status == "FAILED",
        created_at=item.created_at,
        processing_at=item.created_at + _PROCESSING // 2,
        settle_at=item.settle_at,
    )
    return batch, item


def sample_item(value: str, now: int) -> PayPalItem | None:
    """Return the item that a test value names; None for any other id."""
    error = outcomes.ITEM_VALUES.get(value)
    if error is None and value != outcomes.ITEM_SUCCESS:
        return None
    _raise_if_refusal(error)
    status = outcomes.status_of_error(error) if error else "SUCCESS"
    return _item(value, status, error, now - _PROCESSING)


def sample_cancel(value: str, now: int) -> PayPalItem | None:
    """Return the cancelled item that a test value names, or raise its error; else None."""
    if value in outcomes.CANCEL_VALUES:
        raise PayPalError(outcomes.CANCEL_VALUES[value])
    if value != outcomes.CANCEL_SUCCESS:
        return None
    return _item(value, "RETURNED", "RECEIVER_UNREGISTERED", now - _PROCESSING)


def _raise_if_refusal(error: str | None) -> None:
    if error in ("INVALID_RESOURCE_ID", "INTERNAL_ERROR"):
        raise PayPalError(error)


def _item(value: str, status: str, error: str | None, created_at: int) -> PayPalItem:
    return PayPalItem(
        seq=0,
        payout_item_id=value,
        payout_batch_id=value,
        sender_batch_id=None,
        sender_item_id="MSI-2727",
        recipient_type="EMAIL",
        receiver="receiver@example.com",
        currency="USD",
        value="190.00",
        fee_minor=0,
        note="payout to receiver",
        wallet="PAYPAL",
        purpose=None,
        language=None,
        error=error,
        transaction_id="SIMULATED00000000",
        activity_id="SIMULATED00000000",
        created_at=created_at,
        settle_at=created_at + _PROCESSING,
        later_at=None,
        cancelled_at=None,
        status=status,
    )
