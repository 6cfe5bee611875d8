"""New payments, and the records of their idempotency keys, as a request asks for them."""

from __future__ import annotations

import secrets
import zlib
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.correlation import traceparent
from paymentapp.models.idempotency import KEY_RETENTION, IdempotencyRecord
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.revisions import new_revision
from paymentapp.services.payment_orders import PaymentOrder, fingerprint
from paymentapp.services.routing import Route


def new_record(order: PaymentOrder, key_hash: str, now: datetime) -> IdempotencyRecord:
    """Return the record that binds a key to a payment that is requested now."""
    return IdempotencyRecord(
        key_hash=key_hash,
        fingerprint=fingerprint(order),
        customer_id=order.customer_id,
        payment_id=to_text(now),
        expires_at=now + KEY_RETENTION,
        revision=new_revision(),
        names_method=order.payment_method is not None,
    )


def new_payment(
    order: PaymentOrder,
    route: Route,
    record: IdempotencyRecord | None,
    by: str,
    now: datetime,
    due_at: datetime,
    due_shards: int,
) -> Payment:
    """Return the payment of an order that goes by a route; `record` names its ids, if it has a key.

    `by` is the client, and `due_at` is when the payment leaves.
    """
    payment_id = record.payment_id if record else to_text(now)
    reference = route.hold_reason(order.scheduled_at or now)
    return Payment(
        customer_id=order.customer_id,
        payment_id=payment_id,
        money=order.money,
        payment_method=route.method,
        email=order.email,
        destination=route.destination,
        route=route.explanation,
        status=Status.PENDING,
        history=(Transition(now, Status.PENDING, Cause.REQUEST, reference, by=by),),
        request_id=record.request_id if record else secrets.token_hex(16),
        revision=new_revision(),
        due_at=due_at,
        due_shard=due_shard(order.customer_id, payment_id, due_shards),
        scheduled_at=order.scheduled_at,
        retry_of=order.retry_of,
        bulk_id=order.bulk_id,
        texts=order.texts,
        traceparent=traceparent(),
    )


def due_shard(customer_id: str, payment_id: str, shards: int) -> int:
    """Return the shard of the due index that a payment belongs to."""
    return zlib.crc32(f"{customer_id}/{payment_id}".encode()) % shards
