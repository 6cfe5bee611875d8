"""The security log: who was refused and who changed what, and the id of each request.

One line for each refusal (401, 403, a webhook that is not genuine) and for each request that may
change something, whatever its status. No body, no credential, no id of a customer.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from functools import cache

from flask import Flask, Response, g, request

log = logging.getLogger("paymentapp.security")

REQUEST_ID = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_WEBHOOK = "webhooks.receive_webhook"
_REFUSALS = {401: "unauthenticated", 403: "forbidden"}


def register_security_log(app: Flask) -> None:
    """Give each request an id, and log each refusal and each write.

    Register it before anything else that answers requests.
    """

    @app.before_request
    def identify() -> None:
        given = request.headers.get(REQUEST_ID, "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.request_id
        event = _event(response.status_code)
        if event is not None:
            _write_line(event, response.status_code)
        return response


def _event(status: int) -> str | None:
    if request.endpoint == _WEBHOOK:
        return "webhook-refused" if 400 <= status < 500 else None
    if status in _REFUSALS:
        return _REFUSALS[status]
    if request.method in {"GET", "HEAD"} or "actor" not in g:
        return None
    return "write"


def _write_line(event: str, status: int) -> None:
    actor = g.get("actor")
    key_id = actor.key_id if actor else g.get("refused_key_id")
    log.info(
        "event=%s client=%s key=%s method=%s route=%s status=%d request=%s source=%s",
        event,
        json.dumps(actor.name) if actor else "-",
        key_id or "-",
        request.method,
        _template(request.url_rule.rule) if request.url_rule else "-",
        status,
        g.request_id,
        request.remote_addr or "-",
    )


@cache
def _template(rule: str) -> str:
    """Return a route as the OpenAPI document has it: `/customer/{customer_id}`."""
    return _PARAMETER.sub(r"{\1}", rule)
