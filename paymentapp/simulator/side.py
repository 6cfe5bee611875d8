"""What every provider that is simulated has: settings now, a clock, an outbox, and its dice."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from paymentapp.simulator.outbox import MailSettings, Outbox
from paymentapp.simulator.state import State
from paymentapp.simulator.times import Clock, micros


class SideSettings(MailSettings, Protocol):
    """What every side's settings have; the probability of a fault is under the fault's name."""

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


S = TypeVar("S", bound=SideSettings)


class Side(Generic[S]):
    """One provider; its settings are replaced as a whole, so a reader sees one version."""

    def __init__(self, settings: S, state: State, outbox: Outbox, clock: Clock) -> None:
        self.settings = settings
        self.state = state
        self.outbox = outbox
        self._clock = clock
        self._lock = threading.Lock()
        self._roll()

    def _roll(self) -> None:
        seed = self.settings.fault_seed
        self._dice = random.Random(seed)  # noqa: S311 - no secret hangs on it
        self._mail_dice = random.Random(seed)  # noqa: S311

    def now(self) -> int:
        """The clock, in microseconds since 1970."""
        return micros(self._clock())

    def change(self, changes: Mapping[str, Any]) -> S:
        """Apply settings given as JSON values; raises SettingError and then changes nothing."""
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
