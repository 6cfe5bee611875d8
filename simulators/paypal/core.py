"""The running PayPal: its settings, state, signing key and webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from flask import current_app

from simulators.common.database import Database
from simulators.common.provider import ProviderSimulator
from simulators.common.times import Clock
from simulators.common.webhook_queue import StatusChange
from simulators.paypal.records import new_id
from simulators.paypal.settings import PayPalSimulatorSettings
from simulators.paypal.signing import Signer
from simulators.paypal.state import PayPalState


class PayPalSimulator(ProviderSimulator[PayPalSimulatorSettings]):
    """Everything that a view needs."""

    def __init__(self, settings: PayPalSimulatorSettings, database: Database, clock: Clock) -> None:
        super().__init__(settings, database, "outbox", clock)
        self.state = PayPalState(database)
        self.signer = Signer(self.state, clock)

    def announce(self, changes: Iterable[StatusChange]) -> None:
        """Queue the webhooks of changes; the changes are computed only if a listener is set."""
        if self.settings.webhook_url is not None:
            self.queue.add(
                [webhook for change in changes for webhook in self.plan(change, new_event_id())]
            )

    def link_base(self, base: str) -> str:
        """Return the address that links name, where the simulator's own is ``base``."""
        return (self.settings.link_url or base).rstrip("/")

    def reset(self) -> int:
        """Delete batches, items, webhooks and calls; return the number of items deleted."""
        with self.database.transaction() as db:
            deleted = self.state.forget_in(db)
            self.queue.forget_in(db)
            self.calls.forget_in(db)
        return deleted


def new_event_id() -> str:
    """Return an event id in PayPal's format."""
    return f"WH-{new_id(17)}-{new_id(17)}"


def running_paypal() -> PayPalSimulator:
    """Return the PayPal of the current request."""
    running: PayPalSimulator = current_app.extensions["simulator"]
    return running
