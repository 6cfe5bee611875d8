"""The running simulator: its settings now, its state, its clock, and the dice that deal faults."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any

from flask import current_app

from paymentapp.simulator.settings import FAULTS, Settings
from paymentapp.simulator.state import State
from paymentapp.simulator.times import Clock, micros


class Simulator:
    """What every view needs; settings are replaced as a whole, so a reader sees one version."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.state = State(settings.state)
        self._clock = clock
        self._lock = threading.Lock()
        self._dice = random.Random(settings.fault_seed)  # noqa: S311 - no secret hangs on it

    def now(self) -> int:
        """The clock, in microseconds since 1970."""
        return micros(self._clock())

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """Apply settings given as JSON values; raises SettingError and then changes nothing."""
        with self._lock:
            self.settings = self.settings.updated(changes)
            if "fault_seed" in changes:
                self._dice = random.Random(self.settings.fault_seed)  # noqa: S311
            return self.settings

    def deal_fault(self, kind: str) -> str | None:
        """The fault that strikes this call, if any; one draw a call keeps a seed repeatable."""
        settings = self.settings
        if kind not in settings.faults_on:
            return None
        with self._lock:
            draw = self._dice.random()
        for fault in FAULTS:
            draw -= getattr(settings, fault)
            if draw < 0:
                return fault
        return None


def simulator() -> Simulator:
    """The simulator of the current request."""
    running: Simulator = current_app.extensions["simulator"]
    return running
