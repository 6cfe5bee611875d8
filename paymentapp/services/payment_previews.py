"""Previews of payments: what a request would make now, for a page that asks before it is sent."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from paymentapp.models.actors import Actor
from paymentapp.models.payments import Payment
from paymentapp.services.approvals import awaiting, awaiting_for_limit
from paymentapp.services.new_payments import new_payment
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments


class PaymentPreview(NamedTuple):
    """The payment that an order would be, as far as can be told before: it is stored nowhere.

    `leaves_at` is when it would leave, once it is approved; None for as soon as it can. `held` is
    why it would wait; empty where it would not.
    """

    payment: Payment
    leaves_at: datetime | None
    held: str


def preview(payments: Payments, order: PaymentOrder, by: Actor) -> PaymentPreview:
    """Return what a request for a payment would make now, and write nothing.

    Whether there is an earlier one like it is not looked at. Raises NotFound, NotPayable,
    LimitExceeded, ReferenceUsed, as the request would; StoreUnavailable.
    """
    customer = payments.store.get_customer(order.customer_id)
    route = payments.check(order, customer, by)
    now = payments.clock()
    earliest = order.scheduled_at or now
    due_at = payments.routes.departure(route, earliest)
    payment = new_payment(order, route, None, by.name, now, due_at, payments.due_shards)
    payments.admission.check(payment)
    asking = payments.admission.asking(payment)
    if route.approval is not None:
        payment = awaiting(payment, route.approval, now)
    elif asking is not None:
        payment = awaiting_for_limit(payment, asking, by, payments.clock)
    return PaymentPreview(payment, due_at if due_at > now else None, route.hold_reason(earliest))
