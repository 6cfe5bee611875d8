"""The running Stripe: its settings, its books, and the idempotency keys in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from simulators.common.database import Database
from simulators.common.provider import ProviderSimulator
from simulators.common.times import Clock
from simulators.stripe.books import StripeBooks
from simulators.stripe.errors import key_in_use
from simulators.stripe.schema import STRIPE_SCHEMA
from simulators.stripe.settings import StripeSimulatorSettings
from simulators.stripe.v2.books import V2_SCHEMA, V2Books


class StripeSimulator(ProviderSimulator[StripeSimulatorSettings]):
    """Everything that a view needs; its tables are in the simulators' one database."""

    def __init__(self, settings: StripeSimulatorSettings, database: Database, clock: Clock) -> None:
        super().__init__(settings, database, "stripe_outbox", clock)
        database.add_tables(STRIPE_SCHEMA)
        database.add_tables(V2_SCHEMA)
        database.add_column("stripe_moves", "source_type", "TEXT")
        self._in_use: set[tuple[str, str]] = set()

    @contextmanager
    def books(self, at: int | None = None) -> Iterator[StripeBooks]:
        """Open the books in one transaction, which is committed whole or not at all."""
        with self.database.transaction() as db:
            yield StripeBooks(db, self.now() if at is None else at)

    @contextmanager
    def holding(self, account: str, key: str | None) -> Iterator[None]:
        """Hold an idempotency key during a request; 409 where another request holds it."""
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

    def wait_latency(self) -> None:
        """Wait for the latency that the settings give each call."""
        if self.settings.latency:
            time.sleep(self.settings.latency)

    def reset(self) -> int:
        """Delete moves, keys, events, webhooks and calls; return the number of moves."""
        with self.books() as books:
            deleted = books.forget()
            V2Books(books.db, books.now).forget()
            self.queue.forget_in(books.db)
            self.calls.forget_in(books.db, "% /stripe/%")
        return deleted


def running_stripe() -> StripeSimulator:
    """Return the Stripe of the current request."""
    running: StripeSimulator = current_app.extensions["stripe_simulator"]
    return running
