"""The running simulator: its settings now, its state, its clock, and the dice that deal faults."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app

from paymentapp.simulator.outbox import Change, Outbox, letters_about
from paymentapp.simulator.settings import FAULTS, Settings
from paymentapp.simulator.signing import Signer
from paymentapp.simulator.state import State
from paymentapp.simulator.times import Clock, micros


class Simulator:
    """What every view needs; settings are replaced as a whole, so a reader sees one version."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.state = State(settings.state)
        self.signer = Signer(self.state, clock)
        self.outbox = Outbox(self.state)
        self._clock = clock
        self._lock = threading.Lock()
        self._dice = random.Random(settings.fault_seed)  # noqa: S311 - no secret hangs on it
        self._mail_dice = random.Random(settings.fault_seed)  # noqa: S311

    def now(self) -> int:
        """The clock, in microseconds since 1970."""
        return micros(self._clock())

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """Apply settings given as JSON values; raises SettingError and then changes nothing."""
        with self._lock:
            self.settings = self.settings.updated(changes)
            if "fault_seed" in changes:
                self._dice = random.Random(self.settings.fault_seed)  # noqa: S311
                self._mail_dice = random.Random(self.settings.fault_seed)  # noqa: S311
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

    def announce(self, changes: Iterable[Change]) -> None:
        """Plan the webhook events of changes, where anybody is to hear of them."""
        settings = self.settings
        if settings.webhook_url is not None:
            with self._lock:
                letters = [
                    letter
                    for change in changes
                    for letter in letters_about(change, settings, self._mail_dice)
                ]
            self.outbox.add(letters)


def simulator() -> Simulator:
    """The simulator of the current request."""
    running: Simulator = current_app.extensions["simulator"]
    return running
