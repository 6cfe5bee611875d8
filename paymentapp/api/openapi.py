"""The OpenAPI document, gathered from the views and their schemas."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from paymentapp._version import __version__
from paymentapp.api import problems
from paymentapp.api.blueprint import CONVERTERS, Blueprint
from paymentapp.schemas.common import ProblemSchema, json_schema_extras

TITLE = "Payments"
DESCRIPTION = """\
Pay people, exactly once. Register a customer, request a payment, and follow it until it is
settled or has come back.

* A payment is accepted (202) once it is on record. Nobody waits for a payment provider, unless
  the caller asks to with `Prefer: wait=N`.
* Send an `Idempotency-Key` with each request for a payment. Then it is safe to send it again
  whenever the answer was an error or got lost.
* An amount is a JSON number and stays exact.
* Every error is a problem document (RFC 9457). Its `type` is one of those in the examples and
  does not change; `errors` names each place in the request that is wrong.
* A path whose ids cannot exist is 404, as one whose ids do not.
"""
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `pk_...`. Scope `read` is for GET, `write` for the "
        "rest; "
        "neither implies the other.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, where a bearer token does not fit.",
    },
}
_EXAMPLE_DETAILS: dict[problems.ProblemType, dict[str, Any]] = {
    problems.INVALID: {
        "errors": [
            {"pointer": "/amount", "message": "Must be greater than 0."},
            {"pointer": "/curency", "message": "Unknown field."},
            {"pointer": "/currency", "message": "Missing data for required field."},
        ]
    },
    problems.NOT_PAYABLE: {
        "detail": "JPY is paid with at most 0 decimals.",
        "errors": [{"pointer": "/amount", "message": "JPY is paid with at most 0 decimals."}],
    },
}
_ERROR_HEADERS = {
    401: {
        "WWW-Authenticate": {
            "description": "Bearer, and what is wrong (RFC 6750).",
            "schema": {"type": "string"},
        }
    },
    403: {
        "WWW-Authenticate": {
            "description": "Bearer, and the scope that is needed; where authentication is on.",
            "schema": {"type": "string"},
        }
    },
    503: {
        "Retry-After": {
            "description": "Seconds to wait before trying again.",
            "schema": {"type": "integer", "minimum": 0},
        }
    },
}


class _Converter(OpenAPIConverter):
    """Also writes what a schema says of its JSON Schema beyond the fields."""

    def schema2jsonschema(self, schema: Any) -> Any:
        fields = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return {**fields, **json_schema_extras(schema)}


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


class DocumentedApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest with this service's errors; the document is served by `docs`.

    It is written when it is first asked for: a process that starts to answer a request should
    not gather it before.
    """

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        self._lock = threading.Lock()
        self._blueprints: list[Blueprint] = []
        self._documented = False
        super().__init__(
            app,
            spec_kwargs={
                "title": TITLE,
                "version": __version__,
                "openapi_version": "3.1.0",
                "marshmallow_plugin": _Plugin(),
                "info": {"description": DESCRIPTION},
                "servers": [{"url": "/", "description": "This server"}],
                "security": [{name: []} for name in SECURITY_SCHEMES],
            },
        )
        for name, scheme in SECURITY_SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)
        for name, converter in CONVERTERS.items():
            app.url_map.converters[name] = converter
            self.register_converter(converter, _path_schema)

    def register_blueprint(self, blp: Blueprint) -> None:
        """Serve a blueprint, and keep it for the document."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp)
        self._blueprints.append(blp)

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of all blueprints."""
        with self._lock:
            if not self._documented:
                self._document_errors()
                for blp in self._blueprints:
                    blp.register_views_in_doc(
                        self, self._app, self.spec, name=blp.name, parameters=None
                    )
                    self.spec.tag({"name": blp.name, "description": blp.description})
                self._documented = True
            written: dict[str, Any] = self.spec.to_dict()
            return written

    def _register_responses(self) -> None:
        """Ours are registered with the document."""

    def _document_errors(self) -> None:
        for status in sorted({kind.status for kind in problems.KINDS}):
            name = HTTPStatus(status).name
            self.spec.components.response(name, _error_response(status), lazy=True)

    def _register_etag_headers(self) -> None:
        """Not used here, so not documented; as is flask-smorest's own paging."""

    def _register_pagination_header(self) -> None:
        pass

    def handle_http_exception(self, error: HTTPException) -> Response | HTTPException:
        return problems.http_problem(error)


def _path_schema(converter: BaseConverter) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{converter.regex}$"}


def _error_response(status: int) -> dict[str, Any]:
    kinds = [kind for kind in problems.KINDS if kind.status == status]
    examples = {
        kind.type.rpartition("/")[2]: {
            "summary": kind.title,
            "value": {**problems.example(kind), **_EXAMPLE_DETAILS.get(kind, {})},
        }
        for kind in kinds
    }
    content = {problems.MEDIA_TYPE: {"schema": ProblemSchema, "examples": examples}}
    response: dict[str, Any] = {
        "description": ", or: ".join(kind.title for kind in kinds),
        "content": content,
    }
    if status in _ERROR_HEADERS:
        response["headers"] = _ERROR_HEADERS[status]
    return response
