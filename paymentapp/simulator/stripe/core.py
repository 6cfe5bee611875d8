"""The running Stripe: its settings now, its books, and the keys that are in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from paymentapp.simulator.outbox import Change, Letter, Outbox, letters_about
from paymentapp.simulator.side import Side
from paymentapp.simulator.state import State
from paymentapp.simulator.stripe.books import Books
from paymentapp.simulator.stripe.errors import key_in_use
from paymentapp.simulator.stripe.schema import STRIPE_SCHEMA
from paymentapp.simulator.stripe.settings import StripeSettings
from paymentapp.simulator.times import Clock


class StripeSide(Side[StripeSettings]):
    """What every view needs; it keeps its tables in the simulator's state."""

    def __init__(self, settings: StripeSettings, state: State, clock: Clock) -> None:
        super().__init__(settings, state, Outbox(state, "stripe_outbox"), clock)
        state.add_tables(STRIPE_SCHEMA)
        self._in_use: set[tuple[str, str]] = set()

    @contextmanager
    def books(self, at: int | None = None) -> Iterator[Books]:
        """The books in one transaction: what is written in it is kept whole, or not at all."""
        with self.state.transaction() as db:
            yield Books(db, self.now() if at is None else at)

    @contextmanager
    def holding(self, account: str, key: str | None) -> Iterator[None]:
        """Hold an idempotency key while a request is under way; 409 where another has it."""
        if key is None:
            yield
            return
        with self._lock:
            if (account, key) in self._in_use:
                raise key_in_use(key)
            self._in_use.add((account, key))
        try:
            yield
        finally:
            with self._lock:
                self._in_use.discard((account, key))

    def linger(self) -> None:
        """Take the time that a call takes."""
        if self.settings.latency:
            time.sleep(self.settings.latency)

    def letters(self, subject: str, event_id: str, at: int) -> list[Letter]:
        """The deliveries of an event, where anybody is to hear of it."""
        settings = self.settings
        if settings.webhook_url is None:
            return []
        with self._lock:
            change = Change("event", subject, at)
            return list(letters_about(change, event_id, settings, self._mail_dice))


def stripe_side() -> StripeSide:
    """The Stripe of the current request."""
    running: StripeSide = current_app.extensions["stripe_simulator"]
    return running
