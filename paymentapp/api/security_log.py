"""The security log: who was refused and who changed what, and the id of each request.

One line for each refusal (401, 403, a webhook that is not genuine) and for each request that may
change something, whatever its status. No body, no credential, no id of a customer.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from flask import Flask, Request, Response, g

from paymentapp import correlation
from paymentapp.api.blueprint import current_request
from paymentapp.api.client_address import client_address
from paymentapp.api.url_rules import template_of
from paymentapp.models.actors import Actor

log = logging.getLogger("paymentapp.security")

REQUEST_ID = "X-Request-Id"
GATEWAY_REQUEST_ID = "paymentapp.gateway_request_id"  # in the environ: the id of what is in front
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_WEBHOOK = "webhooks.receive_webhook"
_REFUSALS = {401: "unauthenticated", 403: "forbidden"}


def register_security_log(app: Flask) -> None:
    """Give each request an id, and log each refusal and each write.

    Register it before anything else that answers requests.
    """

    @app.before_request
    def identify() -> None:
        current = current_request()
        g.request_id = request_id = identify_request(current.environ)
        names = {"request": request_id}
        if current.view_args and "payment_id" in current.view_args:
            names["payment"] = current.view_args["payment_id"]
        gateway = current.environ.get(GATEWAY_REQUEST_ID)
        if gateway and gateway != request_id:
            names["gateway_request"] = gateway
        correlation.begin(names)

    @app.after_request
    def finish(response: Response) -> Response:
        current = current_request()
        about = cast(Any, g)._get_current_object()  # each use of `g` costs a look-up
        response.headers.add(REQUEST_ID, about.request_id)
        actor: Actor | None = about.get("actor")
        event = about.get("security_event") or _event(current, actor, response.status_code)
        if event is not None and log.isEnabledFor(logging.INFO):
            key_id = actor.key_id if actor else about.get("refused_key_id")
            _write_line(event, current, actor, key_id, response.status_code, about.request_id)
        correlation.end()
        return response


def identify_request(environ: Mapping[str, Any]) -> str:
    """Return the id that a request brings, or its gateway has given it; else a new one.

    One that is not 1 to 128 letters, digits, `.`, `_` and `-` counts for none.
    """
    for name in ("HTTP_X_REQUEST_ID", GATEWAY_REQUEST_ID):
        given: str | None = environ.get(name)
        if given and _REQUEST_ID.fullmatch(given):
            return given
    return secrets.token_hex(16)


def _event(current: Request, actor: Actor | None, status: int) -> str | None:
    if current.endpoint == _WEBHOOK:
        return "webhook-refused" if 400 <= status < 500 else None
    if status in _REFUSALS:
        return _REFUSALS[status]
    return "write" if actor and current.method not in {"GET", "HEAD"} else None


def _write_line(
    event: str,
    current: Request,
    actor: Actor | None,
    key_id: str | None,
    status: int,
    request_id: str,
) -> None:
    log.info(
        "event=%(event)s client=%(client)s key=%(key)s method=%(method)s route=%(route)s "
        "status=%(status)d request=%(request)s source=%(source)s",
        {
            "event": event,
            "client": _quoted(actor.name) if actor else "-",
            "key": key_id or "-",
            "method": current.method,
            "route": template_of(current.url_rule.rule) if current.url_rule else "-",
            "status": status,
            "request": request_id,
            "source": client_address() or "-",
        },
    )


@lru_cache(1024)
def _quoted(name: str) -> str:
    return json.dumps(name)
