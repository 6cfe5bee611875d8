"""Readiness: whether this process can do its work, and what is wrong where it cannot."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.providers.base import Provider
from paymentapp.storage.base import Store

CACHE_TIME = timedelta(seconds=1)


class WorkerStatus(Protocol):
    """The part of the worker that readiness depends on."""

    def problem(self) -> str | None:
        """Return what is wrong with dispatching as a whole, or None. Raises StoreUnavailable."""

    def alerts(self) -> Mapping[str, str]:
        """Return the providers whose calls are failing, each with the last error."""


class HealthCheck(NamedTuple):
    """The result of one check. `detail` is text for people, without a secret."""

    name: str
    ok: bool
    detail: str


class Health:
    """Checks the store, the dispatcher and the providers.

    The result is cached for a second: the endpoint is public, and must not load the store.
    """

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        worker: WorkerStatus,
        clock: Clock,
    ) -> None:
        self._store = store
        self._providers = providers
        self._worker = worker
        self._clock = clock
        self._lock = threading.Lock()
        self._checks: list[HealthCheck] = []
        self._checked_at: datetime | None = None

    def checks(self) -> list[HealthCheck]:
        """Return the result of every check, at most a second old."""
        with self._lock:
            now = self._clock()
            age = now - self._checked_at if self._checked_at else CACHE_TIME
            if not timedelta() <= age < CACHE_TIME:  # negative after a clock was set back
                self._checks = [
                    self._store_check(),
                    self._dispatcher_check(),
                    *self._provider_checks(),
                ]
                self._checked_at = now
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
            problem = "unknown: the store does not answer"
        return HealthCheck("dispatcher", problem is None, problem or "running")

    def _provider_checks(self) -> list[HealthCheck]:
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
