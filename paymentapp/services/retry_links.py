"""The link from a payment to its retry: what keeps at most one retry open at a time."""

from __future__ import annotations

from paymentapp.errors import Conflict, StoreUnavailable
from paymentapp.models.payments import (
    RETRYABLE,
    Payment,
    PaymentKey,
    Status,
    next_payment_id,
)
from paymentapp.services.stored_payments import stored_payment
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.contention import MAX_TRIES, tries


def check_retryable(payment: Payment) -> None:
    """Raise Conflict unless the payment has certainly come to its end without being paid."""
    if payment.status not in RETRYABLE:
        raise Conflict(
            "Only a payment that failed, was returned or was rejected can be retried: "
            f"this one is {payment.status}."
        )


def link_retry(store: Store, retry: Payment) -> str:
    """Store in the original the id that its retry has to have, and return it.

    The link is written before the retry, conditionally on the original's revision. So of two
    requests one wins, and after a crash between the two writes the next request finds the id and
    completes that very retry: whoever still tries to write it finds it there. Raises Conflict
    where the original cannot be retried, or is retried already, and NotFound.
    """
    for _ in tries():
        original = stored_payment(store, PaymentKey(retry.customer_id, retry.retry_of or ""))
        check_retryable(original)
        payment_id = _id_of_retry(store, original, retry)
        if payment_id == original.retried_by:
            return payment_id
        linked = PaymentChange(original, original.changed(retried_by=payment_id))
        if store.change_payments([linked])[0]:
            return payment_id
    raise StoreUnavailable(f"the payment was changed {MAX_TRIES} times meanwhile")


def is_retried(payment: Payment, retry: Payment | None) -> bool:
    """Return whether a payment has a retry that counts; `retry` is the payment of its link."""
    if retry is None or retry.retry_of != payment.payment_id:
        return False
    return retry.status is not Status.CANCELLED


def _id_of_retry(store: Store, original: Payment, retry: Payment) -> str:
    """Return the id that a retry may have. Raises Conflict where another retry counts.

    A cancelled retry is replaced, since nothing can retry it. One that failed, was returned or was
    rejected is not: it is retried itself, so that the retries of a payment form one chain, of which
    only the last can be open.
    """
    linked = original.retried_by
    if linked is None:
        return retry.payment_id
    stored = store.get_payment(PaymentKey(original.customer_id, linked))
    if stored is None or stored.request_id == retry.request_id:
        return linked  # a crash, or a request in progress, has left the link without its payment
    if is_retried(original, stored):
        raise Conflict(_already_retried(stored))
    # The retry was cancelled, or a payment that has nothing to do with it took the id before it.
    return retry.payment_id if retry.payment_id != linked else next_payment_id(linked)


def _already_retried(retry: Payment) -> str:
    by = f"It has been retried by payment {retry.payment_id}, which is {retry.status}"
    return f"{by}: retry that one." if retry.status in RETRYABLE else f"{by}."
