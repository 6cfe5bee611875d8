"""What an event says of a batch that was parked: as operators see it, without its payees."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.models.events import Event
from paymentapp.services.dispatch.batching import members_of
from paymentapp.services.dispatch.funds import total_of
from paymentapp.storage.base import Store


class BatchNotice(NamedTuple):
    """A parked batch: its payments and their sum, since when it waits for an operator, and why.

    `by` is the operator who parked it; empty where the service has.
    """

    batch_id: str
    payment_method: str
    currency: str
    payments: int
    total: Decimal
    since: datetime
    reason: str
    by: str


def batch_notice(store: Store, event: Event) -> BatchNotice | None:
    """Return what an event says of its batch; None where there is no such batch any more.

    Raises StoreUnavailable.
    """
    batch_id, reason = event.subject
    batch = store.get_batch(batch_id)
    if batch is None:
        return None
    members, order = members_of(store, batch), batch.stop_order
    return BatchNotice(
        batch_id,
        batch.provider,
        batch.currency,
        len(members),
        total_of(members).amount,
        event.at,
        order.note if order else reason,
        order.person if order else "",
    )
