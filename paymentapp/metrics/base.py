"""The interface of metrics, and the object that records nothing."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Protocol


class Exposition(NamedTuple):
    """The text of all metrics, in a format that Prometheus scrapes."""

    content_type: str
    body: bytes


class Level(Enum):
    """What has a value at each moment. The comment names its labels."""

    OLDEST_DUE = "seconds that the oldest due payment has waited"
    SWEPT_AT = "time of the last sweep, in seconds since 1970"
    READ_AT = "time at which what is on record was last read, in seconds since 1970"
    BATCHES = "batches that are not closed, at least; 500 of each shard are read"  # provider, state
    HOLDS = "holds in force"  # scope
    LIMIT_USED = "part of a limit that is used, 0 to 1"  # rule (its number), currency, window
    UNFUNDED = "1 while the account lacks funds"  # provider, currency
    FAILING = "1 while calls fail"  # provider
    BREAKER_OPEN = "1 while no new batch is sent"  # provider
    RECEIVERS_FAILING = "receivers of events of which each attempt fails"  # receiver
    THREADS = "threads that the service needs, and that run"


class Metrics(Protocol):
    """Records what happens. Any number of threads may call it; it reads nothing and never raises.

    Each argument that is a text becomes a label, so it is one of few: a route, a status, the name
    of a provider. None is ever an id, an e-mail address or an account.
    """

    enabled: bool  # False: nothing is recorded, so callers need not measure

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record an answered request; `route` is the rule that matched, never the path."""

    def payment_accepted(self, payment_method: str) -> None:
        """Record a payment that was accepted and stored."""

    def payment_moved(self, payment_method: str, status: str, seconds: float | None) -> None:
        """Record a payment that has reached a status; `seconds` since it was to leave, if final."""

    def provider_called(self, provider: str, operation: str, answer: str, seconds: float) -> None:
        """Record a call of a provider, and what kind of answer came of it."""

    def store_called(self, operation: str, answer: str, seconds: float) -> None:
        """Record a call of the store."""

    def delivery_attempted(self, receiver: str, result: str) -> None:
        """Record an attempt to deliver an event: to a `webhook` endpoint or to the `topic`."""

    def thread_failed(self) -> None:
        """Record that a thread has ended or hangs, for which the process ends."""

    def show(self, level: Level, value: float | Decimal, *labels: str) -> None:
        """Show the present value of a level; a later call with the same labels replaces it."""

    def expose(self) -> Exposition | None:
        """Return the metrics of all processes of this service; None where nothing is recorded."""


class NoMetrics:
    """Records nothing."""

    enabled = False

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Do nothing."""

    def payment_accepted(self, payment_method: str) -> None:
        """Do nothing."""

    def payment_moved(self, payment_method: str, status: str, seconds: float | None) -> None:
        """Do nothing."""

    def provider_called(self, provider: str, operation: str, answer: str, seconds: float) -> None:
        """Do nothing."""

    def store_called(self, operation: str, answer: str, seconds: float) -> None:
        """Do nothing."""

    def delivery_attempted(self, receiver: str, result: str) -> None:
        """Do nothing."""

    def thread_failed(self) -> None:
        """Do nothing."""

    def show(self, level: Level, value: float | Decimal, *labels: str) -> None:
        """Do nothing."""

    def expose(self) -> Exposition | None:
        """Return None."""
        return None


NO_METRICS: Metrics = NoMetrics()
