"""Metrics: what the service counts and measures, in Prometheus's format at `/metrics`.

`base` has the interface, and the object that records nothing; `prometheus` is the only module that
imports Prometheus's library.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec

from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.metrics.base import NO_METRICS, Metrics

log = logging.getLogger(__name__)


def check_library(settings: Settings) -> None:
    """Raise SettingsError where metrics are on, and the library is not installed."""
    if settings.metrics and find_spec("prometheus_client") is None:
        raise SettingsError("PAYMENTAPP_METRICS needs a library: pip install paymentapp[metrics]")


def open_metrics(settings: Settings) -> Metrics:
    """Return what records the metrics of a process that serves or dispatches.

    It records nothing while PAYMENTAPP_METRICS is off, nor where the disk has no room for it: what
    moves money goes on. Raises SettingsError.
    """
    check_library(settings)
    if not settings.metrics:
        return NO_METRICS
    from paymentapp.metrics.prometheus import PrometheusMetrics

    try:
        return PrometheusMetrics()
    except OSError as error:
        log.error("this process has no metrics: no room for their files: %s", error)
        return NO_METRICS
