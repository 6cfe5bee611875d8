"""Metrics by Prometheus's own client library: https://prometheus.github.io/client_python/.

Where PROMETHEUS_MULTIPROC_DIR is set before this module is imported, each process keeps its values
in files of that folder, and `expose` adds up those of all processes (`processes.py`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache, wraps
from typing import Any, Literal, NamedTuple, TypeVar, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from paymentapp.metrics.base import Exposition, Level
from paymentapp.metrics.processes import FOLDER_VARIABLE, reading, reserve_room

log = logging.getLogger(__name__)

Record = TypeVar("Record", bound=Callable[..., None])

_PREFIX = "paymentapp_"
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STORE_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2, 10)
_PROVIDER_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SETTLE_SECONDS = (
    *(1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY),
)


class _LevelGauge(NamedTuple):
    """A gauge, and how the values of several processes become one.

    Each value ends with its process. `livemostrecent` is for what one process at a time reads.
    """

    name: str
    labels: tuple[str, ...]
    mode: Literal["livemax", "livesum", "livemostrecent"]


_LEVELS: Mapping[Level, _LevelGauge] = {
    Level.OLDEST_DUE: _LevelGauge("oldest_due_seconds", (), "livemax"),
    Level.SWEPT_AT: _LevelGauge("swept_timestamp_seconds", (), "livemax"),
    Level.READ_AT: _LevelGauge("store_read_timestamp_seconds", (), "livemax"),
    Level.BATCHES: _LevelGauge("batches", ("provider", "state"), "livemostrecent"),
    Level.HOLDS: _LevelGauge("holds", ("scope",), "livemostrecent"),
    Level.LIMIT_USED: _LevelGauge(
        "limit_used_ratio", ("rule", "currency", "window"), "livemostrecent"
    ),
    Level.UNFUNDED: _LevelGauge("provider_unfunded", ("provider", "currency"), "livemostrecent"),
    Level.FAILING: _LevelGauge("provider_failing", ("provider",), "livemax"),
    Level.BREAKER_OPEN: _LevelGauge("provider_breaker_open", ("provider",), "livemax"),
    Level.RECEIVERS_FAILING: _LevelGauge("receivers_failing", ("receiver",), "livemostrecent"),
    Level.THREADS: _LevelGauge("threads", (), "livesum"),
}


def _never_raises(record: Record) -> Record:
    """Log what a method of `PrometheusMetrics` raises: no payment waits for its metrics."""

    @wraps(record)
    def recorded(*given: Any, **named: Any) -> None:
        try:
            record(*given, **named)
        except Exception:
            log.exception("metrics: %s is not recorded", record.__name__)

    return cast(Record, recorded)


class PrometheusMetrics:
    """Keeps the metrics of this process, and exposes those of all."""

    enabled = True

    def __init__(self) -> None:
        """Begin to record. Raises OSError where the disk has no room for what several share."""
        if FOLDER_VARIABLE in os.environ:
            reserve_room(os.getpid())
        # A further series for each counter and histogram, which nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own
        self._registry = CollectorRegistry()
        self._requests = self._counter(
            "http_requests", "Requests that were answered.", "method", "route", "status"
        )
        self._request_seconds = self._histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            _REQUEST_SECONDS,
            *("method", "route"),
        )
        self._accepted = self._counter(
            "payments_accepted", "Payments that were accepted and stored.", "payment_method"
        )
        self._moved = self._counter(
            *("payments_moved", "Payments that have reached a status; one may reach several."),
            *("payment_method", "status"),
        )
        self._settle_seconds = self._histogram(
            "payment_settle_seconds",
            "Time from when a payment was to leave to its first final status.",
            _SETTLE_SECONDS,
            "payment_method",
        )
        self._provider_calls = self._histogram(
            "provider_call_duration_seconds",
            "Calls of providers, and how long they took.",
            _PROVIDER_SECONDS,
            *("provider", "operation", "answer"),
        )
        self._store_calls = self._histogram(
            "store_call_duration_seconds",
            "Calls of the store, and how long they took.",
            _STORE_SECONDS,
            *("operation", "answer"),
        )
        self._deliveries = self._counter(
            "delivery_attempts", "Attempts to deliver an event.", "receiver", "result"
        )
        self._failed_threads = Counter(
            f"{_PREFIX}thread_failures",
            "Threads that have ended or hung, for which their process ends.",
            registry=self._registry,
        )
        self._levels = {level: self._gauge(level, kind) for level, kind in _LEVELS.items()}

    def _counter(self, name: str, text: str, *labels: str) -> Callable[..., Counter]:
        """Return what returns the counter of some labels, which are few: each is kept."""
        return cache(Counter(f"{_PREFIX}{name}", text, labels, registry=self._registry).labels)

    def _histogram(
        self, name: str, text: str, buckets: Sequence[float], *labels: str
    ) -> Callable[..., Histogram]:
        """Return what returns the histogram of some labels."""
        made = Histogram(f"{_PREFIX}{name}", text, labels, registry=self._registry, buckets=buckets)
        return cache(made.labels)

    def _gauge(self, level: Level, kind: _LevelGauge) -> Gauge:
        return Gauge(
            f"{_PREFIX}{kind.name}",
            f"{level.value[0].upper()}{level.value[1:]}.",
            kind.labels,
            registry=self._registry,
            multiprocess_mode=kind.mode,
        )

    @_never_raises
    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record an answered request; `route` is the rule that matched, never the path."""
        self._requests(method, route, str(status)).inc()
        self._request_seconds(method, route).observe(seconds)

    @_never_raises
    def payment_accepted(self, payment_method: str) -> None:
        """Record a payment that was accepted and stored."""
        self._accepted(payment_method).inc()

    @_never_raises
    def payment_moved(self, payment_method: str, status: str, seconds: float | None) -> None:
        """Record a payment that has reached a status; `seconds` since it was to leave, if final."""
        self._moved(payment_method, status).inc()
        if seconds is not None:
            self._settle_seconds(payment_method).observe(seconds)

    @_never_raises
    def provider_called(self, provider: str, operation: str, answer: str, seconds: float) -> None:
        """Record a call of a provider, and what kind of answer came of it."""
        self._provider_calls(provider, operation, answer).observe(seconds)

    @_never_raises
    def store_called(self, operation: str, answer: str, seconds: float) -> None:
        """Record a call of the store."""
        self._store_calls(operation, answer).observe(seconds)

    @_never_raises
    def delivery_attempted(self, receiver: str, result: str) -> None:
        """Record an attempt to deliver an event: to a `webhook` endpoint or to the `topic`."""
        self._deliveries(receiver, result).inc()

    @_never_raises
    def thread_failed(self) -> None:
        """Record that a thread has ended or hangs, for which the process ends."""
        self._failed_threads.inc()

    @_never_raises
    def show(self, level: Level, value: float | Decimal, *labels: str) -> None:
        """Show the present value of a level; a later call with the same labels replaces it."""
        gauge = self._levels[level]
        (gauge.labels(*labels) if labels else gauge).set(value)  # type: ignore[arg-type]  # it makes a float of it

    def expose(self) -> Exposition:
        """Return the metrics of all processes, in Prometheus's text format."""
        if FOLDER_VARIABLE not in os.environ:
            return Exposition(CONTENT_TYPE_LATEST, generate_latest(self._registry))
        registry = CollectorRegistry()  # a new one each time, as the library asks
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        with reading():
            return Exposition(CONTENT_TYPE_LATEST, generate_latest(registry))
