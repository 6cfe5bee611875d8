"""The trace: every call of a process and its result, in order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from paymentapp.models.payments import PaymentKey
from tests.faults.simulation.clock import moment

Subject = tuple[PaymentKey, ...] | str | None  # payments, a batch id or an intent's name


# At which true time, which process, called what, about what, how it ended, for which intent.
Event = tuple[int, str, str, Subject, object, str | None]
_BATCH_ID = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{16}")


class Trace:
    """All events of one world."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: dict[PaymentKey, list[str]] = {}  # which batches a payment was ever in

    def digest(self) -> str:
        """Return a digest that is equal for two runs exactly if they did the same."""
        return hashlib.sha256(repr(self.events).encode()).hexdigest()

    def of(self, key: PaymentKey | None, intent: str | None) -> Iterator[str]:
        """Return everything that affected a payment, line by line."""
        batches = self.batches.get(key, []) if key else []
        for micros, process, call, subject, outcome, owner in self.events:
            if (
                (intent is not None and intent in (owner, subject))
                or (isinstance(subject, str) and subject in batches)
                or (isinstance(subject, tuple) and key in subject)
            ):
                about = subject if isinstance(subject, str) else _shortly(subject, key)
                when = moment(micros).isoformat(" ", "microseconds")[:26]
                yield f"{when} {process:4} {call:16} {about}: {outcome}"


def batch_in(name: str) -> str | None:
    """Return the batch id in the name of a file, a state entry or a key."""
    found = _BATCH_ID.search(name)
    return found[0] if found else None


def _shortly(subject: Subject, key: PaymentKey | None) -> str:
    if not isinstance(subject, tuple):
        return ""
    return "it" if subject == (key,) else f"{len(subject)} payments"
