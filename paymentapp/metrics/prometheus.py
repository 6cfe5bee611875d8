"""Metrics by Prometheus's own client library: https://prometheus.github.io/client_python/.

Where PROMETHEUS_MULTIPROC_DIR is set before this module is imported, each process keeps its values
in files of that folder, and `expose` adds up those of all processes (`processes.py`).
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from paymentapp.metrics.base import Exposition
from paymentapp.metrics.processes import FOLDER_VARIABLE

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STORE_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2, 10)
_PROVIDER_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SETTLE_SECONDS = (
    *(1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY),
)


class PrometheusMetrics:
    """Keeps the metrics of this process, and exposes those of all."""

    enabled = True

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "paymentapp_http_requests",
            "Requests that were answered, by the rule of their route.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "paymentapp_http_request_duration_seconds",
            "Time from the arrival of a request to its answer.",
            ("method", "route"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._accepted = Counter(
            "paymentapp_payments_accepted",
            "Payments that were accepted and stored.",
            ("payment_method",),
            registry=self._registry,
        )
        self._moved = Counter(
            "paymentapp_payments_moved",
            "Payments that have reached a status; one may reach several.",
            ("payment_method", "status"),
            registry=self._registry,
        )
        self._settle_seconds = Histogram(
            "paymentapp_payment_settle_seconds",
            "Time from when a payment was to leave to its first final status.",
            ("payment_method",),
            buckets=_SETTLE_SECONDS,
            registry=self._registry,
        )
        self._provider_calls = Histogram(
            "paymentapp_provider_call_duration_seconds",
            "Calls of providers, by what came of them, and how long they took.",
            ("provider", "operation", "answer"),
            buckets=_PROVIDER_SECONDS,
            registry=self._registry,
        )
        self._store_calls = Histogram(
            "paymentapp_store_call_duration_seconds",
            "Calls of the store, and how long they took.",
            ("operation", "answer"),
            buckets=_STORE_SECONDS,
            registry=self._registry,
        )

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record an answered request; `route` is the rule that matched, never the path."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def payment_accepted(self, payment_method: str) -> None:
        """Record a payment that was accepted and stored."""
        self._accepted.labels(payment_method).inc()

    def payment_moved(self, payment_method: str, status: str, seconds: float | None) -> None:
        """Record a payment that has reached a status; `seconds` since it was to leave, if final."""
        self._moved.labels(payment_method, status).inc()
        if seconds is not None:
            self._settle_seconds.labels(payment_method).observe(seconds)

    def provider_called(self, provider: str, operation: str, answer: str, seconds: float) -> None:
        """Record a call of a provider, and what kind of answer came of it."""
        self._provider_calls.labels(provider, operation, answer).observe(seconds)

    def store_called(self, operation: str, answer: str, seconds: float) -> None:
        """Record a call of the store."""
        self._store_calls.labels(operation, answer).observe(seconds)

    def expose(self) -> Exposition:
        """Return the metrics of all processes, in Prometheus's text format."""
        return Exposition(CONTENT_TYPE_LATEST, generate_latest(self._exposed()))

    def _exposed(self) -> CollectorRegistry:
        """Return a registry with the values of all processes; a new one, as the library asks."""
        if FOLDER_VARIABLE not in os.environ:
            return self._registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry
