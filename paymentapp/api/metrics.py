"""`/metrics`, and the measurement of each request.

No metric has a label with an id of a customer, of a payment or of a client: a route is the rule
that matched, never the path.
"""

from __future__ import annotations

import hmac
import time

from flask import Blueprint, Flask, Response, g

from paymentapp.api.auth import presented_credential
from paymentapp.api.blueprint import current_request, public, services
from paymentapp.api.local_requests import is_local
from paymentapp.api.problems import CHALLENGE, NOT_FOUND, UNAUTHORIZED, problem
from paymentapp.api.url_rules import template_of
from paymentapp.errors import NotAllowed
from paymentapp.metrics.base import Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"  # in the place of a method or a route that the service does not have
_OFF = (
    "Metrics are off. To serve them, install paymentapp[metrics] and set PAYMENTAPP_METRICS=on; "
    "PAYMENTAPP_METRICS_TOKEN lets other machines read them."
)
_NO_ROOM = "This process has no metrics: its log says why."
_CREDENTIAL = "Send the service's metrics token as Authorization: Bearer ..."
_NOT_LOCAL = (
    "Metrics are served to requests from this machine alone: PAYMENTAPP_METRICS_TOKEN is not set."
)


def register_requests_metrics(app: Flask, metrics: Metrics) -> None:
    """Measure each request, if metrics are on. Register it before what answers requests."""
    if not metrics.enabled:
        return

    @app.before_request
    def begin() -> None:
        g.begun_at = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        current = current_request()
        method = current.method if current.method in METHODS else OTHER
        route = template_of(current.url_rule.rule) if current.url_rule else OTHER
        seconds = time.perf_counter() - g.begun_at
        metrics.request_answered(method, route, response.status_code, seconds)
        return response


def register_metrics(app: Flask) -> None:
    """Serve `/metrics`. It is no part of the OpenAPI document: it is not for the API's clients."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    @public
    def metrics() -> Response:
        here = services()
        if not here.metrics.enabled:
            return problem(NOT_FOUND, _NO_ROOM if here.settings.metrics else _OFF)
        refused = _refused(here.settings.metrics_token)
        if refused is not None:
            return refused
        exposed = here.metrics.expose()
        if exposed is None:
            return problem(NOT_FOUND, _OFF)
        return Response(exposed.body, content_type=exposed.content_type)

    app.register_blueprint(blueprint)


def _refused(token: str) -> Response | None:
    """Return the refusal of a caller who may not read the metrics; None for one who may.

    Raises NotAllowed where there is no token, and the request is not from this machine.
    """
    current = current_request()
    if token:
        given = presented_credential(current).encode("utf-8", "replace")
        if hmac.compare_digest(given, token.encode()):
            services().rate_limits.remember(token)  # so no stranger's requests keep a scraper out
            return None
        return problem(UNAUTHORIZED, _CREDENTIAL, headers={"WWW-Authenticate": CHALLENGE})
    if not is_local(current):
        raise NotAllowed(_NOT_LOCAL)
    return None
