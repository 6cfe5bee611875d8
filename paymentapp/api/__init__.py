"""HTTP in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Response

from paymentapp.api import customers, health, payment_methods, payments, webhooks
from paymentapp.api.auth import register_auth
from paymentapp.api.blueprint import BODY_MAX_BYTES
from paymentapp.api.docs import register_docs
from paymentapp.api.json import ExactJSON
from paymentapp.api.openapi import DocumentedApi
from paymentapp.api.problems import register_problems
from paymentapp.api.waiting import register_waiting
from paymentapp.bootstrap import EXTENSION, Services


def register_api(app: Flask) -> None:
    """Put the HTTP API on an app that carries the services."""
    settings = cast(Services, app.extensions[EXTENSION]).settings
    # One byte more than is taken: werkzeug cuts a chunked body off at its limit, silently, so
    # that only the byte beyond tells a body that is too large.
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES + 1
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.json = ExactJSON(app)
    app.ensure_sync = _as_it_is  # type: ignore[method-assign,assignment]

    register_auth(app, settings.auth)
    register_problems(app)
    register_waiting(app, settings.threads)
    api = DocumentedApi(app)
    for module in (customers, payment_methods, payments, webhooks, health):
        api.register_blueprint(module.blp)
    register_docs(app, api)
    app.after_request(_harden)


def _as_it_is(view: Callable[..., Any]) -> Callable[..., Any]:
    """No view here is a coroutine function; Flask would ask at each call."""
    return view


def _harden(response: Response) -> Response:
    """No cache keeps anybody's payments; no browser guesses at a type."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
