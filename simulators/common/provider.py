"""What every simulated provider has: settings now, a clock, a log of calls, webhooks, its dice."""

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
    """What the settings of every simulated provider have; the probability of a fault is under the
    fault's name."""

    FAULTS: ClassVar[tuple[str, ...]]

    @property
    def webhook_url(self) -> str | None: ...
    @property
    def fault_seed(self) -> int | None: ...
    @property
    def faults_on(self) -> tuple[str, ...]: ...
    @property
    def down(self) -> str: ...
    def updated(self, changes: Mapping[str, Any]) -> Self: ...


S = TypeVar("S", bound=ProviderSimulatorSettings)


class ProviderSimulator(Generic[S]):
    """One provider; its settings are replaced as a whole, so a reader sees one version."""

    def __init__(self, settings: S, database: Database, queue: str, clock: Clock) -> None:
        """`queue` names the table of its webhooks; all else is the simulators' one database."""
        self.settings = settings
        self.database = database
        self.calls = CallLog(database)
        self.queue = WebhookQueue(database, queue)
        self._clock = clock
        self._lock = threading.Lock()
        self._roll()

    def _roll(self) -> None:
        seed = self.settings.fault_seed
        self._dice = random.Random(seed)  # noqa: S311 - no secret hangs on it
        self._webhook_dice = random.Random(seed)  # noqa: S311

    def now(self) -> int:
        """The clock, in microseconds since 1970."""
        return micros(self._clock())

    def change(self, changes: Mapping[str, Any]) -> S:
        """Apply settings given as JSON values; raises InvalidSetting and then changes nothing."""
        with self._lock:
            self.settings = self.settings.updated(changes)
            if "fault_seed" in changes:
                self._roll()
            return self.settings

    def deal_fault(self, kind: str) -> str | None:
        """The fault that strikes this call, if any; one draw a call keeps a seed repeatable."""
        settings = self.settings
        if kind not in settings.faults_on:
            return None
        with self._lock:
            draw = self._dice.random()
        for fault in settings.FAULTS:
            draw -= getattr(settings, fault)
            if draw < 0:
                return fault
        return None

    def plan(self, change: StatusChange, event_id: str) -> list[QueuedWebhook]:
        """The webhooks that tell of a change, where anybody is to hear of it."""
        settings = self.settings
        if settings.webhook_url is None:
            return []
        with self._lock:
            return list(webhooks_about(change, event_id, settings, self._webhook_dice))
