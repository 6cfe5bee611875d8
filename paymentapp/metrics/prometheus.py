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

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record an answered request; `route` is the rule that matched, never the path."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

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
