"""Readiness: whether this process can do its work, and what is wrong where it cannot."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.holds import Hold, HoldScope
from paymentapp.providers.base import Provider
from paymentapp.services.holds import Holds
from paymentapp.services.open_items import open_items
from paymentapp.storage.base import Lease, Store

CACHE_TIME = timedelta(seconds=1)
PROBE_TIME = timedelta(seconds=5)  # between two writes of the probe, while they succeed
INBOX_CACHE_TIME = timedelta(minutes=1)  # what waits for an operator waits for long
WAIT_SECONDS = 2.0  # for a check that another request has begun
_PROBE = "probe"


class WorkerStatus(Protocol):
    """The part of the worker that readiness depends on."""

    def problem(self) -> str | None:
        """Return what is wrong with dispatching as a whole, or None. Raises StoreUnavailable."""

    def alerts(self) -> Mapping[str, str]:
        """Return the providers whose calls are failing, each with the last error."""


class PublisherStatus(Protocol):
    """The part of the publisher of events that readiness shows."""

    def status(self) -> str:
        """Return how publishing goes, in words. Raises StoreUnavailable."""


class HealthCheck(NamedTuple):
    """The result of one check. `detail` is text for people, without a secret."""

    name: str
    ok: bool
    detail: str


class Health:
    """Checks the store, the dispatcher and the providers.

    The result is cached for a second, and the store is written to every five seconds at most: the
    endpoint is public, and must not load the store.
    """

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        worker: WorkerStatus,
        holds: Holds,
        clock: Clock,
        publisher: PublisherStatus | None = None,
    ) -> None:
        self._store = store
        self._providers = providers
        self._worker = worker
        self._holds = holds
        self._clock = clock
        self._publisher = publisher
        self._lock = threading.Lock()
        self._checks: list[HealthCheck] = []
        self._checked_at: datetime | None = None
        self._written_at: datetime | None = None  # None: not yet, or the last probe failed
        self._inbox: tuple[datetime, str] | None = None

    def checks(self) -> list[HealthCheck]:
        """Return the result of every check, at most a second old.

        A store that hangs holds up one request, and not all that ask meanwhile; and that one for
        one time-out: once a read has failed, nothing more is read.
        """
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            return [HealthCheck("store", False, "does not answer: a check still waits for it")]
        try:
            now = self._clock()
            if not _is_fresh(self._checked_at, now, CACHE_TIME):
                self._checks = [*self._checks_of_the_store(now), *self._provider_checks()]
                self._checked_at = now
            return self._checks
        finally:
            self._lock.release()

    def _checks_of_the_store(self, now: datetime) -> Iterator[HealthCheck]:
        """Yield the checks that read the store. Those after a failed read are unknown."""
        checks: dict[str, Callable[[], HealthCheck]] = {
            "dispatcher": self._dispatcher_check,
            "holds": self._holds_check,
            "inbox": lambda: self._inbox_check(now),  # last: what it cannot read makes nothing fail
        }
        publisher = self._publisher
        if publisher is not None:  # events that are not published make nothing fail either
            checks["topic"] = lambda: HealthCheck("topic", True, publisher.status())
        try:
            self._store.ping()
        except StoreUnavailable as error:
            yield _store_failed("does not answer, or its tables are missing", error)
            yield from (_unknown(name) for name in checks)
            return
        yield self._probe_check(now)
        answers = True
        for name, check in checks.items():
            try:
                yield check() if answers else _unknown(name)
            except StoreUnavailable:
                answers = False
                yield _unknown(name)

    def _probe_check(self, now: datetime) -> HealthCheck:
        try:
            self._probe(now)
        except StoreUnavailable as error:
            self._written_at = None
            return _store_failed("answers, and cannot be written", error)
        return HealthCheck("store", True, "answers, and can be written")

    def _probe(self, now: datetime) -> None:
        """Renew a lease that nobody needs: a conditional write, to one record for all processes."""
        if not _is_fresh(self._written_at, now, PROBE_TIME):
            self._store.hold_lease(Lease(_PROBE, _PROBE, now), now)
            self._written_at = now

    def _dispatcher_check(self) -> HealthCheck:
        problem = self._worker.problem()
        return HealthCheck("dispatcher", problem is None, problem or "running")

    def _holds_check(self) -> HealthCheck:
        """Report what is held; the service works all the same. Names no customer."""
        return HealthCheck("holds", True, _held_in_words(list(self._holds.in_force())))

    def _inbox_check(self, now: datetime) -> HealthCheck:
        """Report how much waits for an operator; the service works all the same."""
        known = self._inbox
        if known is None or not _is_fresh(known[0], now, INBOX_CACHE_TIME):
            known = self._inbox = now, open_items(self._store, self._providers).words
        return HealthCheck("inbox", True, known[1])

    def _provider_checks(self) -> list[HealthCheck]:
        if not self._providers:
            return [HealthCheck("provider", False, "none is configured")]
        alerts = self._worker.alerts()
        return [
            _provider_check(name, provider.configured, alerts.get(name))
            for name, provider in sorted(self._providers.items())
        ]


def _is_fresh(since: datetime | None, now: datetime, limit: timedelta) -> bool:
    """Return whether a time is at most so long ago; false after a clock was set back."""
    return since is not None and timedelta() <= now - since < limit


_HELD_NOUNS = {
    HoldScope.CUSTOMER: "customer",
    HoldScope.PAYMENT: "payment",
    HoldScope.BULK: "bulk run",
}


def _held_in_words(in_force: Sequence[Hold]) -> str:
    """Return what is held: `everything, provider NAME, 2 payments, 1 bulk run`."""
    counts = Counter(hold.scope for hold in in_force)
    parts = ["everything"] if counts[HoldScope.ALL] else []
    names = sorted(hold.value for hold in in_force if hold.scope is HoldScope.PROVIDER)
    parts += [f"provider {name}" for name in names]
    for scope, noun in _HELD_NOUNS.items():
        if counts[scope]:
            parts.append(f"{counts[scope]} {noun}{'s' if counts[scope] > 1 else ''}")
    return f"held: {', '.join(parts)}" if parts else "none"


def _unknown(name: str) -> HealthCheck:
    """Return a check whose read failed, or was not tried. Inbox and topic make nothing fail."""
    return HealthCheck(name, name in {"inbox", "topic"}, "unknown: the store does not answer")


def _store_failed(problem: str, error: StoreUnavailable) -> HealthCheck:
    return HealthCheck("store", False, f"{problem}: {error.reason}" if error.reason else problem)


def _provider_check(name: str, configured: bool, alert: str | None) -> HealthCheck:
    if not configured:
        return HealthCheck(
            f"provider {name}", False, "is not configured: its credentials are not set"
        )
    return HealthCheck(f"provider {name}", alert is None, alert or "configured")
