"""The trace: every call that a process made, and what became of it, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from paymentapp.models import PaymentKey
from tests.faults.simulation.clock import moment

Subject = tuple[PaymentKey, ...] | str | None  # payments, a batch id or an intent's name


class Event(NamedTuple):
    """One line: at which true time, by whom, what, about what, and how it ended."""

    micros: int
    process: str
    call: str
    subject: Subject
    outcome: object
    task: str | None  # the intent that it was done for


class Trace:
    """All events of one world."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: dict[PaymentKey, list[str]] = {}  # which batches a payment was ever in

    def digest(self) -> str:
        """The same for two runs exactly where they did the same."""
        return hashlib.sha256(repr(self.events).encode()).hexdigest()

    def of(self, key: PaymentKey | None, intent: str | None) -> Iterator[str]:
        """What touched a payment, line by line."""
        batches = self.batches.get(key, []) if key else []
        for event in self.events:
            subject = event.subject
            if (
                (intent is not None and intent in (event.task, subject))
                or (isinstance(subject, str) and subject in batches)
                or (isinstance(subject, tuple) and key in subject)
            ):
                about = subject if isinstance(subject, str) else _shortly(subject, key)
                when = moment(event.micros).isoformat(" ", "microseconds")[:26]
                yield f"{when} {event.process:8} {event.call:16} {about}: {event.outcome}"


def _shortly(subject: Subject, key: PaymentKey | None) -> str:
    if not isinstance(subject, tuple):
        return ""
    return "it" if subject == (key,) else f"{len(subject)} payments"
