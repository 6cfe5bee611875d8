"""The findings of the checks."""

from __future__ import annotations

from typing import NamedTuple

from paymentapp.models.payments import PaymentKey
from tests.faults.simulation.scheduler import Scheduler


class Failure(NamedTuple):
    """A violated guarantee: which, how, and for whom."""

    check: str
    message: str
    key: PaymentKey | None
    intent: str | None = None

    def __str__(self) -> str:
        return f"[{self.check}] {self.message} ({self.intent or ''} {self.key or ''})"


class Findings:
    """Collects failures; the first one found during the run ends it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.failures: list[Failure] = []
        self._scheduler = scheduler

    def fail(
        self, check: str, message: str, key: PaymentKey | None, intent: str | None = None
    ) -> None:
        self.failures.append(Failure(check, message, key, intent))
        self._scheduler.stopped = True
