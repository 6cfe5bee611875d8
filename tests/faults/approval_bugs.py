"""Bugs of approvals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paymentapp.clock import Clock
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import Approval
from paymentapp.models.payments import Payment
from paymentapp.storage.base import Store


def nobody_is_the_maker(_by: Actor, _payment: Payment) -> bool:
    """Let whoever requested a payment approve it."""
    return False


def each_counts(approvals: Iterable[Approval]) -> list[Approval]:
    """Count the approvals of one person several times."""
    return [each for each in approvals if not each.void]


def nobody_approved(_approvals: Iterable[Approval]) -> list[Approval]:
    """Know of no approval when a second one by the same person comes."""
    return []


def never_expired(_payment: Payment, _now: object) -> bool:
    """Leave a payment that nobody answers as it is."""
    return False


def all_approved(_store: Store, _clock: Clock, payments: Sequence[Payment]) -> list[Payment]:
    """Send what has been approved, whatever has become of the payee's details."""
    return list(payments)
