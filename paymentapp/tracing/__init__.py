"""Traces: what a request led to, across processes, as OpenTelemetry's spans.

`base` has the interface, and the object that records nothing; `otel` is the only module that
imports OpenTelemetry. The wrappers beside it are put in place by `bootstrap`, where traces are on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from paymentapp.errors import SettingsError
from paymentapp.tracing.base import NO_TRACING, Tracing
from paymentapp.variables import Declared, Variables, switch, variable


@dataclass(frozen=True, slots=True)
class TracingSettings(Declared):
    """The settings of traces that are not OpenTelemetry's own."""

    title: ClassVar[str] = "Traces"

    on: bool = variable(
        "PAYMENTAPP_TRACES",
        switch(),
        "off",
        "`on` to send traces by OTLP: see *Traces*; needs `pip install paymentapp[tracing]`",
    )


def traces_are_on(variables: Variables) -> bool:
    """Return whether traces are on. Raises SettingsError where the library is not installed."""
    if not variables.load(TracingSettings).on:
        return False
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of a package around it
        found = False
    if not found:
        raise SettingsError("PAYMENTAPP_TRACES needs a library: pip install paymentapp[tracing]")
    return True


def open_tracing(variables: Variables) -> Tracing:
    """Return what records the traces of a process that serves or dispatches.

    It records nothing while PAYMENTAPP_TRACES is off. Call it after a fork: it starts threads.
    Raises SettingsError.
    """
    if not traces_are_on(variables):
        return NO_TRACING
    from paymentapp.tracing.otel import OtelTracing

    return OtelTracing()
