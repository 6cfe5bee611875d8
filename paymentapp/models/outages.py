"""Outages: since when the calls that send payments to a provider have been failing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import from_text, to_text
from paymentapp.models.events import Event, OtherEvent


class OutageNotice(NamedTuple):
    """What an event says of an outage: since when it was noticed, and its last known failure.

    `reason` is the kind of error with the provider's code, as in the log: without a secret.
    """

    payment_method: str
    since: datetime
    reason: str

    @classmethod
    def of(cls, subject: Sequence[str]) -> OutageNotice:
        """Return what the subject of an event says."""
        method, since, reason = subject
        return cls(method, from_text(since), reason)

    def event(self, kind: OtherEvent, at: datetime) -> Event:
        """Return the event that says so."""
        return Event(kind, at, (self.payment_method, to_text(self.since), self.reason))
