"""Readiness: whether this process can do its work, and if not, what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.providers.base import Provider
from paymentapp.services.open_items import open_items
from paymentapp.storage.base import Store

CACHE_TIME = timedelta(seconds=1)
INBOX_CACHE_TIME = timedelta(minutes=1)  # what waits for a person waits for long


class Beating(Protocol):
    """The part of the worker that health looks at."""

    def problem(self) -> str | None: ...

    def alerts(self) -> Mapping[str, str]: ...


class HealthCheck(NamedTuple):
    """One thing that has to be in order. `detail` is for a person, and holds no secret."""

    name: str
    ok: bool
    detail: str


class Health:
    """Looks at the store, the dispatcher and the providers.

    The answer is kept for a second: it is public, and asking must not load the store.
    """

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        worker: Beating,
        clock: Clock,
    ) -> None:
        self._store = store
        self._providers = providers
        self._worker = worker
        self._clock = clock
        self._lock = threading.Lock()
        self._checks: list[HealthCheck] = []
        self._apply_poll: datetime | None = None
        self._inbox: tuple[datetime, str] | None = None

    def checks(self) -> list[HealthCheck]:
        """Every check, as of now or up to a second ago."""
        with self._lock:
            now = self._clock()
            age = now - self._apply_poll if self._apply_poll else CACHE_TIME
            if not timedelta() <= age < CACHE_TIME:  # also after a clock that was set back
                checks = self._store_check(), self._dispatcher_check(), self._inbox_check(now)
                self._checks = [*checks, *self._paying()]
                self._apply_poll = now
            return self._checks

    def _store_check(self) -> HealthCheck:
        try:
            self._store.ping()
        except StoreUnavailable:
            return HealthCheck("store", False, "does not answer, or its tables are missing")
        return HealthCheck("store", True, "answers")

    def _dispatcher_check(self) -> HealthCheck:
        try:
            problem = self._worker.problem()
        except StoreUnavailable:
            problem = "cannot be told without the store"
        return HealthCheck("dispatcher", problem is None, problem or "beating")

    def _inbox_check(self, now: datetime) -> HealthCheck:
        """Say how much waits for an operator; the service can do its work all the same."""
        known = self._inbox
        if known is None or not timedelta() <= now - known[0] < INBOX_CACHE_TIME:
            try:
                known = self._inbox = now, open_items(self._store, self._providers).words
            except StoreUnavailable:
                known = now, "cannot be counted without the store"
        return HealthCheck("inbox", True, known[1])

    def _paying(self) -> list[HealthCheck]:
        if not self._providers:
            return [HealthCheck("provider", False, "none is configured")]
        alerts = self._worker.alerts()
        return [
            _provider_check(name, provider.configured, alerts.get(name))
            for name, provider in sorted(self._providers.items())
        ]


def _provider_check(name: str, configured: bool, alert: str | None) -> HealthCheck:
    if not configured:
        return HealthCheck(
            f"provider {name}", False, "is not configured: its credentials are not set"
        )
    return HealthCheck(f"provider {name}", alert is None, alert or "configured")
