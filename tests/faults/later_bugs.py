"""Bugs of payments that leave later, and of retries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paymentapp.models.actors import Actor
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import Payment
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments, Requested
from paymentapp.services.retry_links import link_retry
from paymentapp.services.routing import Route


class LinkAfterRetry(Payments):
    """Writes the link from a payment to its retry after the retry."""

    def _linked(
        self, payment: Payment, record: IdempotencyRecord | None
    ) -> tuple[Payment, IdempotencyRecord | None]:
        original = self.get(payment.key._replace(payment_id=payment.retry_of or ""))
        if original.retried_by is not None:
            link_retry(self.store, payment)  # which says that it has been retried
        return payment, record

    def _accept(
        self,
        order: PaymentOrder,
        route: Route,
        key_hash: str | None,
        found: IdempotencyRecord | None,
        by: Actor,
    ) -> Requested:
        requested = super()._accept(order, route, key_hash, found, by)
        if order.retry_of is not None:
            link_retry(self.store, requested.payment)
        return requested


class DueAtOnce(Payments):
    """Has a scheduled payment due as soon as it is accepted."""

    def _new_payment(
        self, order: PaymentOrder, route: Route, record: IdempotencyRecord | None, by: Actor
    ) -> Payment:
        payment = super()._new_payment(order, route, record, by)
        return replace(payment, due_at=self.clock())


class SendsEarly(Dispatcher):
    """Sends what is due, whatever time it was scheduled at."""

    def group(self, payments: Iterable[Payment]) -> list[list[Payment]]:
        shown = {payment.key: payment for payment in payments}
        groups = super().group(replace(each, scheduled_at=None) for each in shown.values())
        return [[shown[payment.key] for payment in group] for group in groups]


def nothing_refused(_payment: object) -> None:
    """Retry a payment whatever its status is."""
