"""Thin events of outbound payments: an id, a type, and the id of what they are about.

https://docs.stripe.com/event-destinations#thin-payload
"""

from __future__ import annotations

from simulators.common.webhook_queue import StatusChange
from simulators.stripe.core import StripeSimulator
from simulators.stripe.events import add_event
from simulators.stripe.v2.bodies import PAYMENT_KIND
from simulators.stripe.v2.books import SentPayment, V2Books


def announce_payment(stripe: StripeSimulator, books: V2Books, payment_id: str, what: str) -> None:
    """Queue the event of a change made just now."""
    _add(stripe, books, payment_id, what, books.now)


def schedule_payment(stripe: StripeSimulator, books: V2Books, payment: SentPayment) -> None:
    """Queue the events of all changes that need no call."""
    for what in ("posted", "failed", "returned"):
        at = getattr(payment, f"{what}_at")
        if at is not None:
            _add(stripe, books, payment.id, what, at)


def unschedule_payment(stripe: StripeSimulator, books: V2Books, payment_id: str) -> None:
    """Delete the queued events of changes that will not happen."""
    values = (payment_id, books.now)
    books.db.execute("DELETE FROM stripe_events WHERE subject = ? AND created_at > ?", values)
    stripe.queue.take_back_in(books.db, payment_id, books.now)


def _add(stripe: StripeSimulator, books: V2Books, payment_id: str, what: str, at: int) -> None:
    event_id = add_event(books.db, f"{PAYMENT_KIND}.{what}", payment_id, at)
    stripe.queue.add_in(books.db, stripe.plan(StatusChange("event", payment_id, at), event_id))
