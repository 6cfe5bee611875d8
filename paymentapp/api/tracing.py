"""A span for each request, in the trace of its caller (W3C Trace Context)."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import Flask, Response, g

from paymentapp.api.blueprint import current_request
from paymentapp.api.metrics import METHODS, OTHER
from paymentapp.api.url_rules import template_of
from paymentapp.correlation import current as work_at_hand
from paymentapp.tracing.base import PAYMENT, REQUEST, OpenSpan, Role, Tracing

_UNTRACED = ("health.", "docs.", "metrics.")  # asked for all the time, and about no payment


def register_tracing(app: Flask, tracing: Tracing) -> None:
    """Have each request be a span, if traces are on. Register it before what answers requests."""
    if not tracing.enabled:
        return

    @app.before_request
    def begin() -> None:
        current = current_request()
        if (current.endpoint or "").startswith(_UNTRACED):
            return
        method = current.method if current.method in METHODS else OTHER
        route = template_of(current.url_rule.rule) if current.url_rule else OTHER
        about = {"http.request.method": method, "http.route": route}
        given = current.environ.get("HTTP_TRACEPARENT")
        opening = tracing.span(f"{method} {route}", Role.SERVER, about, given)
        g.open_span = opening.__enter__()
        g.end_span = opening

    @app.after_request
    def finish(response: Response) -> Response:
        span: OpenSpan | None = g.get("open_span")
        if span is not None:
            work = work_at_hand()
            span.set({"http.response.status_code": response.status_code})
            span.set({REQUEST: work["request"]} if "request" in work else {})
            span.set({PAYMENT: work["payment"]} if "payment" in work else {})
            if response.status_code >= 500:
                span.fail(str(response.status_code))
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        opening: AbstractContextManager[OpenSpan] | None = g.pop("end_span", None)
        if opening is not None:
            opening.__exit__(None, None, None)
