"""Many payments by few calls of the store."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context
from typing import NamedTuple

from paymentapp.models.actors import Actor
from paymentapp.models.idempotency import key_hash
from paymentapp.models.payments import Payment
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments
from paymentapp.storage.accepting import AcceptRequest, PaymentContext
from paymentapp.storage.changes import Acceptance


class KeyedOrder(NamedTuple):
    """A payment to request, and its key: one that versions before bulk runs cannot have used."""

    order: PaymentOrder
    idempotency_key: str


def request_many(
    payments: Payments, wanted: Sequence[KeyedOrder], by: Actor
) -> list[Payment | None]:
    """Request several payments, each with all checks of a single one and by itself.

    Returns, in their order, those that were accepted by it. None stands for one that is refused or
    takes more than a look at its customer and its key: request it by itself, under the same key.
    Raises StoreUnavailable.
    """
    if payments.approval_rules.reads_payments:
        return [None] * len(wanted)

    def request_of(order: PaymentOrder, idempotency_key: str) -> AcceptRequest:
        hashes = (key_hash(idempotency_key, by.name),)
        context = copy_context()  # for logs and traces: the store may decide in other threads

        def decide(known: PaymentContext) -> Acceptance | None:
            return context.run(payments.decide, order, hashes, by, known)

        return AcceptRequest(order.customer_id, hashes, decide)

    stored = payments.store.accept_many([request_of(*each) for each in wanted])
    for payment in filter(None, stored):
        payments.wake(payment)
    return stored
