"""Scheduled payments: when a payment may leave."""

from __future__ import annotations

from datetime import datetime, timedelta

from paymentapp.errors import NotPayable
from paymentapp.models.payments import Payment, Status

SCHEDULE_MAX = timedelta(days=366)  # ahead: the same date of the next year is always allowed


def check_schedule(scheduled_at: datetime, now: datetime) -> None:
    """Raise NotPayable unless a scheduled time is ahead, and not too far."""
    if scheduled_at <= now:
        raise NotPayable("scheduled_at", "Must be in the future.")
    if scheduled_at - now > SCHEDULE_MAX:
        raise NotPayable("scheduled_at", "Must be at most a year (366 days) ahead.")


def is_later(payment: Payment, moment: datetime) -> bool:
    """Return whether a payment is pending because it is scheduled for after a moment."""
    scheduled = payment.scheduled_at
    return payment.status is Status.PENDING and scheduled is not None and scheduled > moment
