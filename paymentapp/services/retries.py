"""Retries: a new payment in place of one that failed, was returned or was rejected."""

from __future__ import annotations

from dataclasses import dataclass

from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.payments import PaymentKey
from paymentapp.services.makers import check_is_own
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments, Requested
from paymentapp.services.retry_links import check_retryable


@dataclass(frozen=True, slots=True)
class PaymentRetries:
    """Retries payments: as requests for new ones, each linked with the payment that it retries."""

    payments: Payments

    def retry(
        self,
        key: PaymentKey,
        payment_method: str | None = None,
        idempotency_key: str | None = None,
        by: Actor = SYSTEM,
    ) -> Requested:
        """Accept a new payment of the same amount to the same customer, at their current details.

        Without a method, the one that the original's request named is used again; where it named
        none, one is chosen anew. It has the original's reference, description and metadata. Raises
        NotFound, NotAllowed (another client's payment, without the right to hold payments),
        Conflict (not failed, returned or rejected; retried already), and what `Payments.request`
        raises.
        """
        original = self.payments.get(key)
        check_is_own(by, original, "retried")
        check_retryable(original)
        named = original.payment_method if original.route is None else None
        order = PaymentOrder(
            customer_id=key.customer_id,
            email=self.payments.customers.get(key.customer_id).email,
            money=original.money,
            payment_method=payment_method or named,
            retry_of=key.payment_id,
            texts=original.texts,
        )
        return self.payments.request(order, idempotency_key, by)
