"""The HTTP API: views, authentication, error responses and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Response

from paymentapp.api import (
    approvals,
    balances,
    bulk,
    customers,
    events,
    health,
    holds,
    limits,
    payment_methods,
    payments,
    reports,
    webhook_endpoints,
    webhooks,
)
from paymentapp.api.auth import check_declarations, register_auth
from paymentapp.api.bodies import BODY_MAX_BYTES
from paymentapp.api.docs import register_docs
from paymentapp.api.header_checks import register_header_checks
from paymentapp.api.json import ExactJSON
from paymentapp.api.metrics import register_metrics, register_requests_metrics
from paymentapp.api.openapi import DocumentedApi
from paymentapp.api.problems import register_problems
from paymentapp.api.rate_limits import register_rate_limits
from paymentapp.api.report_slots import register_report_slots
from paymentapp.api.responses import ApiResponse
from paymentapp.api.security_log import register_security_log
from paymentapp.api.tracing import register_tracing
from paymentapp.api.url_rules import UrlRule
from paymentapp.api.waiting import register_waiting
from paymentapp.api.webhook_slots import register_webhook_slots
from paymentapp.bootstrap import EXTENSION, Services


def register_api(app: Flask) -> None:
    """Register the HTTP API on an app that holds the services in `extensions[EXTENSION]`."""
    services = cast(Services, app.extensions[EXTENSION])
    settings = services.settings
    # One byte more than is accepted: werkzeug truncates a chunked body at its limit without an
    # error, so a body that is too large is recognised by that extra byte.
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES + 1
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_rule_class = UrlRule
    app.json = ExactJSON(app)
    app.response_class = ApiResponse
    app.ensure_sync = _unchanged  # type: ignore[method-assign,assignment]

    register_requests_metrics(app, services.metrics)
    register_security_log(app)
    register_rate_limits(app)
    register_tracing(app, services.tracing)
    register_header_checks(app)
    register_auth(app, settings.auth)
    register_problems(app)
    register_waiting(app, settings.threads)
    register_webhook_slots(app, settings.threads)
    register_report_slots(app, settings.threads)
    api = DocumentedApi(app)
    for module in (
        customers,
        payment_methods,
        payments,
        approvals,
        holds,
        bulk,
        limits,
        balances,
        events,
        reports,
        webhook_endpoints,
        webhooks,
        health,
    ):
        api.register_blueprint(module.blp)
    register_docs(app, api)
    register_metrics(app)
    check_declarations(app)
    app.after_request(_set_security_headers)


def _unchanged(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view as it is: none is a coroutine function, which Flask checks on each call."""
    return view


def _set_security_headers(response: Response) -> Response:
    """Forbid caches to store payment data, and browsers to sniff content types."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    return response
