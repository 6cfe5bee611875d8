"""Metrics: what the service counts and measures, in Prometheus's format at `/metrics`.

`base` has the interface, and the object that records nothing; `prometheus` is the only module that
imports Prometheus's library.
"""

from __future__ import annotations

from importlib.util import find_spec

from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.metrics.base import NO_METRICS, Metrics


def check_library(settings: Settings) -> None:
    """Raise SettingsError where metrics are on, and the library is not installed."""
    if settings.metrics and find_spec("prometheus_client") is None:
        raise SettingsError("PAYMENTAPP_METRICS needs a library: pip install paymentapp[metrics]")


def open_metrics(settings: Settings) -> Metrics:
    """Return what records the metrics of a process that serves or dispatches.

    It records nothing while PAYMENTAPP_METRICS is off. Raises SettingsError.
    """
    check_library(settings)
    if not settings.metrics:
        return NO_METRICS
    from paymentapp.metrics.prometheus import PrometheusMetrics

    return PrometheusMetrics()
