"""The base of every view: blueprint, request parser, path converters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import flask
import flask_smorest
from flask import current_app
from flask_smorest.utils import load_info_from_docstring
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.routing import BaseConverter

from paymentapp.api.bodies import raw_body
from paymentapp.api.error_docs import ProblemExample, error_responses
from paymentapp.api.json import BadJSON, decode
from paymentapp.api.problems import EncodedBody, InvalidRequest, field_errors
from paymentapp.bootstrap import EXTENSION, Services
from paymentapp.models.actors import Actor
from paymentapp.models.bulk import BULK_ID_PATTERN
from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.models.events import EVENT_ID_PATTERN
from paymentapp.models.holds import HOLD_ID_PATTERN
from paymentapp.models.webhook_endpoints import ENDPOINT_ID_PATTERN
from paymentapp.schemas.common import METHOD_PATTERN, PAYMENT_ID_PATTERN, OptionalBody, made

View = TypeVar("View", bound=Callable[..., Any])


def actor() -> Actor:
    """Return who sent the current request; `api/auth.py` has checked them."""
    return cast(Actor, flask.g.actor)


def current_request() -> flask.Request:
    """Return the current request itself: each use of Flask's `request` costs a look-up."""
    return cast(flask.Request, cast(Any, flask.request)._get_current_object())


def services() -> Services:
    """Return the services that the current app was built with."""
    return cast(Services, current_app.extensions[EXTENSION])


class CustomerId(BaseConverter):
    """A customer id in a path. An id that does not match has no route and is 404."""

    regex = CUSTOMER_ID_PATTERN.removeprefix("^").removesuffix("$")


class PaymentId(BaseConverter):
    """A payment id in a path."""

    regex = PAYMENT_ID_PATTERN.removeprefix("^").removesuffix("$")


class Method(BaseConverter):
    """The name of a payment method in a path."""

    regex = METHOD_PATTERN.removeprefix("^").removesuffix("$")


class HoldId(BaseConverter):
    """The id of a hold in a path."""

    regex = HOLD_ID_PATTERN.removeprefix("^").removesuffix("$")


class EventId(BaseConverter):
    """The id of an event in a path."""

    regex = EVENT_ID_PATTERN.removeprefix("^").removesuffix("$")


class EndpointId(BaseConverter):
    """The id of a webhook endpoint in a path."""

    regex = ENDPOINT_ID_PATTERN.removeprefix("^").removesuffix("$")


class BulkId(BaseConverter):
    """The id of a bulk run in a path."""

    regex = BULK_ID_PATTERN.removeprefix("^").removesuffix("$")


CONVERTERS = {
    "bulk_id": BulkId,
    "customer_id": CustomerId,
    "payment_id": PaymentId,
    "method": Method,
    "hold_id": HoldId,
    "event_id": EventId,
    "endpoint_id": EndpointId,
}


class RequestParser(FlaskParser):
    """Parse request bodies with the strict JSON decoder, and queries and headers as strings."""

    DEFAULT_VALIDATION_STATUS = 400

    def use_args(  # type: ignore[override]
        self, argmap: Schema, *, location: str, **_: Any
    ) -> Callable[[View], View]:
        """Pass what a schema loads of a part of the request to the view, after other arguments.

        webargs prepares each call for options that no view has, and flask-smorest's wrapper for
        coroutines: together they take as long as a schema does.
        """
        read = {
            "json": self.load_json,
            "query": self.load_querystring,
            "headers": self.load_headers,
        }[location]

        def decorator(documented: View) -> View:
            view: View = vars(documented)["__wrapped__"]  # what flask-smorest's wrapper calls

            @wraps(documented)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                try:
                    loaded = argmap.load(read(current_request(), argmap))
                except ValidationError as error:
                    raise InvalidRequest(field_errors(location, error.messages)) from error
                return view(*args, loaded, **kwargs)

            return cast(View, wrapper)

        return decorator

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        """Return the decoded body; an empty object without a body, where the schema allows that.

        Raises EncodedBody, UnsupportedMediaType, RequestEntityTooLarge, ValidationError.
        """
        coding: str = req.environ.get("HTTP_CONTENT_ENCODING", "identity")
        if coding.strip().lower() != "identity":
            raise EncodedBody
        if not req.content_type and isinstance(schema, OptionalBody) and not raw_body(req):
            return {}
        if req.environ.get("CONTENT_TYPE") != "application/json" and not _is_json(req):
            raise UnsupportedMediaType
        try:
            return decode(raw_body(req))
        except BadJSON as error:
            raise ValidationError(str(error)) from error

    def load_querystring(self, req: flask.Request, _schema: Schema) -> Any:
        """Return the query parameters. Raises ValidationError if one is repeated."""
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise ValidationError({name: ["Given more than once."] for name in repeated})
        return req.args.to_dict()

    def load_headers(self, req: flask.Request, schema: Schema) -> Any:
        """Return the headers that the schema knows, by their names there."""
        names = _header_names(type(schema))
        return {name: req.environ[key] for name, key in names if key in req.environ}


def _is_json(req: flask.Request) -> bool:
    """Return whether a body is JSON in UTF-8: a merge patch (RFC 7396) too, where it changes."""
    charset = req.mimetype_params.get("charset", "utf-8").lower()
    is_patch = req.method == "PATCH" and req.mimetype == "application/merge-patch+json"
    return (req.mimetype == "application/json" or is_patch) and charset in {"utf-8", "utf8"}


@cache
def _header_names(schema: type[Schema]) -> list[tuple[str, str]]:
    """Return the headers of a schema, each with its key in the WSGI environ."""
    names = [field.data_key or name for name, field in schema().load_fields.items()]
    return [(name, f"HTTP_{name.upper().replace('-', '_')}") for name in names]


PUBLIC: tuple[str, ...] = ()  # the scopes of a view that is served to everybody
SCHEMES = ("bearer", "api_key")  # the security schemes of the OpenAPI document


def public(view: View) -> View:
    """Serve a view to everybody: it shows nothing confidential, or checks a signature itself."""
    vars(view)["scopes"] = PUBLIC
    return view


def declared_scopes(view: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the scopes of which a view requires one, () if it is public, None if it says neither.

    A view function that wraps another has its attributes.
    """
    return vars(view).get("scopes")


class _ViewDocs(dict[str, Any]):
    """What the decorators of one view document.

    flask-smorest copies it deeply for each decorator and each route, examples and schemas included:
    a fifteenth of a process's start. Decorators of a view may share it; the document gets a copy.
    """

    def __deepcopy__(self, _memo: object) -> _ViewDocs:
        return self


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A flask-smorest blueprint whose views document their errors by status."""

    ARGUMENTS_PARSER = RequestParser()

    if TYPE_CHECKING:  # flask-smorest has no types; these are the decorators that views use
        _docs: dict[str, dict[str, Any]]

        def route(self, rule: str, *, methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
            """Register a view for a URL rule."""

        def arguments(
            self,
            schema: Schema,
            *,
            location: str = "json",
            required: bool = True,
            **examples: Any,
        ) -> Callable[[View], View]:
            """Load a part of the request by a schema, and pass it to the view."""

    def response(
        self,
        status_code: int,
        schema: type[Schema] | None = None,
        *,
        description: str,
        headers: Any = None,
        **examples: Any,
    ) -> Callable[[View], View]:
        """Dump the view's result by a schema, and document it.

        Views share one instance of a schema: making one takes long.
        """
        shared = made(schema) if schema else None
        decorator: Callable[[View], View] = super().response(
            status_code, shared, description=description, headers=headers, **examples
        )
        return decorator

    def alt_response(
        self,
        status_code: int,
        *,
        schema: type[Schema] | None = None,
        description: str,
        headers: Any = None,
        success: bool = False,
        **examples: Any,
    ) -> Callable[[View], View]:
        """Document another response."""
        decorator: Callable[[View], View] = super().alt_response(
            status_code,
            schema=made(schema) if schema else None,
            description=description,
            headers=headers,
            success=success,
            **examples,
        )
        return decorator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._prepare_errors_doc)

    def register_views_in_doc(self, *args: Any, **kwargs: Any) -> None:
        """Add the views to a document, which changes what it is given: a copy."""
        shared = self._docs
        self._docs = {
            endpoint: {
                method: deepcopy(dict(docs)) if isinstance(docs, _ViewDocs) else docs
                for method, docs in methods.items()
            }
            for endpoint, methods in shared.items()
        }
        try:
            super().register_views_in_doc(*args, **kwargs)
        finally:
            self._docs = shared

    @staticmethod
    def requires(*scopes: str) -> Callable[[View], View]:
        """Serve a view to who has one of these scopes; `admin` implies each.

        Goes above `documents`. The OpenAPI operation names the scopes.
        """

        def decorator(view: View) -> View:
            apidoc = vars(view)["_apidoc"]
            note = f"Requires the scope {' or '.join(f'`{scope}`' for scope in scopes)}."
            docstring = load_info_from_docstring(view.__doc__, delimiter="---")
            described = {**docstring, **apidoc["manual_doc"]}.get("description")
            apidoc["manual_doc"] = {
                **apidoc["manual_doc"],
                "description": f"{described}\n\n{note}" if described else note,
                "security": [{scheme: []} for scheme in SCHEMES],
                "x-required-scopes": list(scopes),
            }
            vars(view)["scopes"] = scopes
            return view

        return decorator

    @staticmethod
    def documents(*errors: ProblemExample, **operation: Any) -> Callable[[View], View]:
        """Document a view's errors, and other members of its OpenAPI operation.

        The errors that every view has are added to them. Costs nothing when a request is served.
        """

        def decorator(view: View) -> View:
            members = {"operationId": view.__name__, **operation}
            vars(view)["_apidoc"] = _ViewDocs(manual_doc=members, errors=errors)
            return view

        return decorator

    @staticmethod
    def _prepare_errors_doc(doc: dict[str, Any], info: dict[str, Any], **_: Any) -> dict[str, Any]:
        public = info.get("manual_doc", {}).get("security") == []
        errors = error_responses(info.get("errors", ()), public)
        doc["responses"] = {**doc.get("responses", {}), **errors}
        return doc
