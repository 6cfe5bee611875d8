"""The running PayPal: its settings now, its state, its signing key, and what it announces."""

from __future__ import annotations

from collections.abc import Iterable

from flask import current_app

from paymentapp.simulator.outbox import Change, Outbox, letters_about
from paymentapp.simulator.records import new_id
from paymentapp.simulator.settings import Settings
from paymentapp.simulator.side import Side
from paymentapp.simulator.signing import Signer
from paymentapp.simulator.state import State
from paymentapp.simulator.times import Clock


class Simulator(Side[Settings]):
    """What every view needs."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        state = State(settings.state)
        super().__init__(settings, state, Outbox(state), clock)
        self.signer = Signer(self.state, clock)

    def announce(self, changes: Iterable[Change]) -> None:
        """Plan the webhook events of changes, where anybody is to hear of them."""
        settings = self.settings
        if settings.webhook_url is not None:
            with self._lock:
                letters = [
                    letter
                    for change in changes
                    for letter in letters_about(change, new_event_id(), settings, self._mail_dice)
                ]
            self.outbox.add(letters)


def new_event_id() -> str:
    """An event's id as PayPal's look."""
    return f"WH-{new_id(17)}-{new_id(17)}"


def simulator() -> Simulator:
    """The simulator of the current request."""
    running: Simulator = current_app.extensions["simulator"]
    return running
