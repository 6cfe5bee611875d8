"""Retries: a new payment in place of one that failed, was returned or was rejected."""

from __future__ import annotations

from dataclasses import dataclass

from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.makers import check_is_own
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments, Requested
from paymentapp.services.retry_links import check_retryable

_LONGEST = 10  # retries of retries that are looked at


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
        none, one is chosen anew. It has the original's reference, description, metadata and
        options. Raises NotFound, NotAllowed (another client's payment, without the right to hold
        payments), Conflict (not failed, returned or rejected; retried already, or as often as the
        provider's rules allow), and what `Payments.request` raises.
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
            texts=self._texts(original, payment_method),
        )
        return self.payments.request(order, idempotency_key, by)

    def _texts(self, original: Payment, payment_method: str | None) -> CallerTexts:
        """Return the original's texts, with what its provider has to be told of a retry.

        A retry by another method is none to that provider.
        """
        provider = self.payments.routes.providers.get(original.payment_method)
        rules = provider.retry_rules if provider else None
        if rules is None or payment_method not in (None, original.payment_method):
            return original.texts.with_options(())
        return original.texts.with_options(rules.options(self._tried(original)))

    def _tried(self, payment: Payment) -> list[Payment]:
        """Return a payment, the one that it retries, and so on."""
        tried = [payment]
        while tried[-1].retry_of is not None and len(tried) < _LONGEST:
            tried.append(self.payments.get(PaymentKey(payment.customer_id, tried[-1].retry_of)))
        return tried
