"""Traces by OpenTelemetry's SDK, sent by OTLP over HTTP.

The library reads its own variables: OTEL_EXPORTER_OTLP_ENDPOINT and the others of
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Spans wait in a
bounded queue, and a thread of the library sends them: where the collector hangs, spans are dropped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_SPAN_LINK_COUNT_LIMIT,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from paymentapp._version import __version__
from paymentapp.correlation import continuing
from paymentapp.tracing.base import Attributes, OpenSpan, Role

CLOSE_SECONDS = 2.0
LINKS_MAX = 15_000  # the members of the largest batch; the library's own limit is 128
QUEUE_MAX = 8192  # spans, of about 2 KB each: a large batch makes a thousand at once
_KINDS = {
    Role.SERVER: trace.SpanKind.SERVER,
    Role.CLIENT: trace.SpanKind.CLIENT,
    Role.CONSUMER: trace.SpanKind.CONSUMER,
    Role.INTERNAL: trace.SpanKind.INTERNAL,
}
_HEADERS = TraceContextTextMapPropagator()
_HEADER = "traceparent"
# What the current span is linked to: the library would repeat a link, and count it twice.
_linked: ContextVar[set[str] | None] = ContextVar("paymentapp_linked", default=None)


class OtelTracing:
    """Records spans, and sends them in the background."""

    enabled = True

    def __init__(self) -> None:
        """Start to send; call this after a fork."""
        self._provider = TracerProvider(
            resource=_resource(), span_limits=_limits(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), _queue_size()))
        self._tracer = self._provider.get_tracer("paymentapp", __version__)
        # Started now: while the interpreter shuts down, no thread can be.
        self._closing, self._closed = threading.Event(), threading.Event()
        threading.Thread(target=self._close, name="traces", daemon=True).start()

    @contextmanager
    def span(
        self, name: str, role: Role, attributes: Attributes, parent: str | None = None
    ) -> Iterator[OpenSpan]:
        """Open a span, which is current meanwhile; an exception marks it as failed."""
        has_current = trace.get_current_span().get_span_context().is_valid
        context = None if has_current or parent is None else _context(parent)
        with self._tracer.start_as_current_span(
            name,
            context,
            _KINDS[role],
            attributes=attributes,
            record_exception=False,  # its text and its traceback may have what is personal
            set_status_on_exception=False,
        ) as span:
            opened, token = _OtelSpan(span), _linked.set(set())
            try:
                with continuing(_traceparent(span)):
                    yield opened
            except Exception as error:
                opened.fail(type(error).__name__)
                raise
            finally:
                _linked.reset(token)

    def moment(self, name: str, attributes: Attributes, parent: str) -> None:
        """Record a span without duration in the trace of another one, linked with the current."""
        self.link(parent)
        cause = trace.get_current_span().get_span_context()
        links = [trace.Link(cause)] if cause.is_valid else []
        span = self._tracer.start_span(name, _context(parent), links=links, attributes=attributes)
        span.end()

    def link(self, traceparent: str) -> None:
        """Link the current span to another one, once."""
        linked = _linked.get()
        if linked is None or traceparent in linked:
            return
        linked.add(traceparent)
        other = trace.get_current_span(_context(traceparent)).get_span_context()
        trace.get_current_span().add_link(other)

    def close(self) -> None:
        """Send what is left, for at most CLOSE_SECONDS."""
        self._closing.set()
        self._closed.wait(CLOSE_SECONDS)

    def _close(self) -> None:
        self._closing.wait()
        self._provider.shutdown()
        self._closed.set()


class _OtelSpan:
    """A span of the library."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""
        self._span.set_attributes(attributes)

    def fail(self, kind: str) -> None:
        """Mark the span as failed, by the name of an error."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(trace.StatusCode.ERROR)


def _resource() -> Resource:
    """Return what sends the spans; the library's variables count before our names."""
    ours = Resource({"service.name": "paymentapp", "service.version": __version__})
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def _limits() -> SpanLimits:
    own = None if os.environ.get(OTEL_SPAN_LINK_COUNT_LIMIT) else LINKS_MAX
    return SpanLimits(max_links=own)


def _queue_size() -> int | None:
    return None if os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE) else QUEUE_MAX


def _context(traceparent: str) -> Context:
    return _HEADERS.extract({_HEADER: traceparent}, Context())


def _traceparent(span: trace.Span) -> str | None:
    headers: dict[str, str] = {}
    _HEADERS.inject(headers, trace.set_span_in_context(span, Context()))
    return headers.get(_HEADER)
