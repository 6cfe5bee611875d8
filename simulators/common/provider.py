"""Base of every simulated provider: settings, clock, log of calls, webhooks and random faults."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from simulators.common.calls import CallLog
from simulators.common.database import Database
from simulators.common.times import Clock, micros
from simulators.common.webhook_queue import (
    QueuedWebhook,
    StatusChange,
    WebhookFaultSettings,
    WebhookQueue,
    webhooks_about,
)


class ProviderSimulatorSettings(WebhookFaultSettings, Protocol):
    """Settings common to every simulated provider; a fault's probability has the fault's name."""

    FAULTS: ClassVar[tuple[str, ...]]

    @property
    def webhook_url(self) -> str | None:
        """Where to post webhook events."""

    @property
    def fault_seed(self) -> int | None:
        """Seed of the random faults."""

    @property
    def faults_on(self) -> tuple[str, ...]:
        """Kinds of call that faults are injected into."""

    @property
    def down(self) -> str:
        """Whether, and how, every call fails."""

    def updated(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with JSON values changed."""


S = TypeVar("S", bound=ProviderSimulatorSettings)


class ProviderSimulator(Generic[S]):
    """One provider. Its settings are replaced as a whole, so a reader sees one version."""

    def __init__(self, settings: S, database: Database, queue: str, clock: Clock) -> None:
        """Set up the provider on the shared database; `queue` names the table of its webhooks."""
        self.settings = settings
        self.database = database
        self.calls = CallLog(database)
        self.queue = WebhookQueue(database, queue)
        self._clock = clock
        self._lock = threading.Lock()
        self._seed()

    def _seed(self) -> None:
        seed = self.settings.fault_seed
        self._random = random.Random(seed)  # noqa: S311 - not used for secrets
        self._webhook_random = random.Random(seed)  # noqa: S311

    def now(self) -> int:
        """Return the clock's time, in microseconds since 1970."""
        return micros(self._clock())

    def change(self, changes: Mapping[str, Any]) -> S:
        """Apply settings given as JSON values; raises InvalidSetting and then changes nothing."""
        with self._lock:
            self.settings = self.settings.updated(changes)
            if "fault_seed" in changes:
                self._seed()
            return self.settings

    def draw_fault(self, kind: str) -> str | None:
        """Return the fault to inject into this call, if any.

        Each call draws one random number, so that a seed gives the same sequence of faults.
        """
        settings = self.settings
        if kind not in settings.faults_on:
            return None
        with self._lock:
            draw = self._random.random()
        for fault in settings.FAULTS:
            draw -= getattr(settings, fault)
            if draw < 0:
                return fault
        return None

    def plan(self, change: StatusChange, event_id: str) -> list[QueuedWebhook]:
        """Return the webhooks that report a change; none where no listener is set."""
        settings = self.settings
        if settings.webhook_url is None:
            return []
        with self._lock:
            return list(webhooks_about(change, event_id, settings, self._webhook_random))
