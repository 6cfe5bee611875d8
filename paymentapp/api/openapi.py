"""The OpenAPI document, generated from the views and their schemas."""

from __future__ import annotations

import threading
from typing import Any

import flask_smorest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask, Response
from marshmallow import fields
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from paymentapp._version import __version__
from paymentapp.api import error_docs, method_docs, outgoing_webhooks, problems
from paymentapp.api.blueprint import CONVERTERS, Blueprint
from paymentapp.schemas.caller_texts import MetadataPairs, OptionPairs
from paymentapp.schemas.common import Boundary, json_schema_extras
from paymentapp.schemas.payment_methods import NewDetails

TITLE = "Payments"
DESCRIPTION = """\
Pay people, exactly once. Register a customer, request a payment, and follow it until it is
settled or returned.

* A payment is accepted (202) once it is stored durably. The answer does not wait for a payment
  provider unless the request says so with `Prefer: wait=N`.
* Send an `Idempotency-Key` with each payment request. It is then safe to retry whenever the
  answer was an error or got lost.
* An amount is a JSON number and stays exact.
* Every error is a problem document (RFC 9457). Its `type` is stable and one of those in the
  examples; `errors` lists each part of the request that is wrong.
* Every answer has an `X-Request-Id`: the one of the request, if it sent one of 1 to 128 letters,
  digits, `.`, `_` and `-`, or a new one. The service's security log has it too.
* Where requests are limited, answers have `RateLimit-Policy` and `RateLimit`
  (draft-ietf-httpapi-ratelimit-headers). Beyond the limit the answer is 429 with `Retry-After`,
  and nothing was done: send the same request later, with the same `Idempotency-Key`.
* A path with a malformed id is 404, as is one with an id that does not exist.
"""
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `pk_...`, or an access token of the OIDC issuer that the "
        "service accepts, if it accepts one. Each operation names the scope that it requires; "
        "`admin` implies all of them, and no other scope implies another.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key, for clients that cannot send a bearer token.",
    },
}


class _Converter(OpenAPIConverter):
    """Convert a schema, and add its `Meta.json_schema` to the JSON Schema of its fields."""

    def schema2jsonschema(self, schema: Any) -> Any:
        """Return the JSON Schema of a marshmallow schema."""
        members = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return {**members, **json_schema_extras(schema)}

    def field2property(self, field: Any) -> dict[str, Any]:
        """Return the JSON Schema of a field: details to be stored are those of any method."""
        if isinstance(field, OptionPairs):
            known = f"{field.metadata['description']} {method_docs.options_text()}"
            return {**field.json_schema, "description": known}
        if isinstance(field, MetadataPairs):
            return {**field.json_schema, "description": field.metadata["description"]}
        if isinstance(field, NewDetails):
            return {"description": field.metadata["description"], "anyOf": method_docs.SCHEMAS}
        found: dict[str, Any] = super().field2property(field)
        return found


class _Plugin(MarshmallowPlugin):
    Converter = _Converter

    def init_spec(self, spec: APISpec) -> None:
        """Add to apispec's types those that it leaves out."""
        super().init_spec(spec)
        # The parents of these are lists and texts of their own; enums of this service are texts.
        self.map_to_openapi_type(fields.Enum, "string", None)  # type: ignore[no-untyped-call]
        self.map_to_openapi_type(Boundary, None, None)  # type: ignore[no-untyped-call]


class DocumentedApi(flask_smorest.Api):  # type: ignore[misc]
    """A flask-smorest API with this service's error responses; `docs` serves its document.

    The document is generated on first use, so that it does not delay the start of a process.
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
        """Return the OpenAPI document of all blueprints."""
        with self._lock:
            if not self._documented:
                self._document_errors()
                method_docs.register(self.spec.components)
                for blp in self._blueprints:
                    blp.register_views_in_doc(
                        self, self._app, self.spec, name=blp.name, parameters=None
                    )
                    self.spec.tag({"name": blp.name, "description": blp.description})
                self._documented = True
            written: dict[str, Any] = self.spec.to_dict()
            return {**written, "webhooks": outgoing_webhooks.DOCUMENT}

    def _register_responses(self) -> None:
        """Do nothing: `document` registers the error responses of this service instead."""

    def _document_errors(self) -> None:
        for error in error_docs.SHARED:
            name = error_docs.response_name(error)
            self.spec.components.response(name, error_docs.error_response([error]), lazy=True)

    def _register_etag_headers(self) -> None:
        """Do nothing: flask-smorest's ETags are not used."""

    def _register_pagination_header(self) -> None:
        """Do nothing: flask-smorest's paging is not used."""

    def handle_http_exception(self, error: HTTPException) -> Response | HTTPException:
        """Return the problem document of an HTTP error."""
        return problems.http_problem(error)


def _path_schema(converter: BaseConverter) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{converter.regex}$"}
