"""Problem documents (RFC 9457): the only place that gives errors their body and status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from paymentapp import correlation
from paymentapp.clock import to_text
from paymentapp.errors import (
    CannotVerify,
    ChangedSince,
    Conflict,
    KeyReused,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotGenuine,
    NothingToHold,
    NotPayable,
    StoreUnavailable,
    Unprocessable,
)
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.references import ReferenceUsed

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="paymentapp"'  # RFC 6750, section 3
ERRORS_MAX = 20
NAME_MAX_LENGTH = 80
EXAMPLE_REQUEST_ID = "8a6e2f0c4d1b49c7a3e5f7d9b1c3e5a7"
PAYMENT_PATH = "/v1/api/payment/{}/{}"  # of a customer id and a payment id
REPEATED_HEADER = "Must be given once, with one value."

FieldError = dict[str, str]


class ProblemType(NamedTuple):
    """A problem type. `type` never changes; `detail` is the default text."""

    status: int
    type: str
    title: str
    detail: str


INVALID = ProblemType(
    400,
    "/problems/invalid-request",
    "The request is not valid",
    "Correct the request and send it again.",
)
UNAUTHORIZED = ProblemType(
    401,
    "/problems/unauthorized",
    "Authentication is needed",
    "Send a valid API key, as Authorization: Bearer pk_... or X-API-Key: pk_..., or an access "
    "token of an issuer that the service accepts, as Authorization: Bearer eyJ...",
)
FORBIDDEN = ProblemType(
    403, "/problems/forbidden", "Not allowed", "The client does not have the scope for that."
)
NOT_FOUND = ProblemType(404, "/problems/not-found", "Not found", "There is no such resource.")
METHOD = ProblemType(
    405,
    "/problems/method-not-allowed",
    "Method not allowed",
    "The Allow header lists the allowed methods.",
)
NOT_ACCEPTABLE = ProblemType(
    406, "/problems/not-acceptable", "Not available in that format", "Send another Accept header."
)
CONFLICT = ProblemType(
    409, "/problems/conflict", "Conflicts with the stored record", "Read the record first."
)
PRECONDITION_FAILED = ProblemType(
    412,
    "/problems/precondition-failed",
    "Changed since it was read",
    "Read the record again, and send its ETag as If-Match.",
)
PRECONDITION_REQUIRED = ProblemType(
    428,
    "/problems/precondition-required",
    "The request must say which version it changes",
    "Send the ETag of the record as If-Match, or * for whatever version is stored.",
)
TOO_LARGE = ProblemType(
    413, "/problems/too-large", "The body is too large", "A body may have at most 65,536 bytes."
)
MEDIA = ProblemType(
    415,
    "/problems/media-type",
    "The body is not plain JSON",
    "Send the body as Content-Type: application/json.",
)
UNPROCESSABLE = ProblemType(
    422, "/problems/unprocessable", "Cannot be stored", "The body exceeds a limit."
)
NOT_PAYABLE = ProblemType(
    422, "/problems/not-payable", "Cannot be paid", "This payment cannot be made."
)
LIMIT_EXCEEDED = ProblemType(
    422,
    "/problems/limit-exceeded",
    "A limit is reached",
    "Request less, or wait until `resets_at`.",
)
POSSIBLE_DUPLICATE = ProblemType(
    409,
    "/problems/possible-duplicate",
    "Possibly a duplicate",
    "Send `allow_duplicate`, if the payment is meant to be made once more.",
)
REFERENCE_USED = ProblemType(
    409,
    "/problems/reference-used",
    "The reference belongs to another payment",
    "Use a new reference for each new payment.",
)
KEY_REUSED = ProblemType(
    422,
    "/problems/idempotency-key-reused",
    "The Idempotency-Key belongs to another request",
    "Use a new key for each new payment.",
)
TOO_MANY = ProblemType(
    429,
    "/problems/too-many-requests",
    "Too many requests",
    "Wait, then retry; retry a payment request with the same Idempotency-Key.",
)
INTERNAL = ProblemType(
    500,
    "/problems/internal-error",
    "Internal error",
    "It has been logged. Retry a payment request with the same Idempotency-Key.",
)
NOT_VERIFIED = ProblemType(
    503, "/problems/not-verified", "The signature cannot be checked now", "Retry later."
)
UNAVAILABLE = ProblemType(
    503,
    "/problems/unavailable",
    "The store is unavailable",
    "Retry shortly; retry a payment request with the same Idempotency-Key.",
)
KINDS = (
    *(INVALID, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD, NOT_ACCEPTABLE, CONFLICT, TOO_LARGE),
    *(MEDIA, POSSIBLE_DUPLICATE, REFERENCE_USED, UNPROCESSABLE, NOT_PAYABLE, LIMIT_EXCEEDED),
    *(KEY_REUSED, PRECONDITION_FAILED, PRECONDITION_REQUIRED, TOO_MANY, INTERNAL),
    *(NOT_VERIFIED, UNAVAILABLE),
)
# Types that share a status (409, 422, 503) overwrite each other here. Neither Flask nor werkzeug
# raises such a status by itself, so the entry is not used.
_BY_STATUS = {kind.status: kind for kind in KINDS}


class InvalidRequest(BadRequest):
    """The request does not match its schema; `errors` says where."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        super().__init__()
        self.errors = list(errors)


class EncodedBody(UnsupportedMediaType):
    """The body has a content coding; RFC 9110, section 15.5.16, names the header of the answer."""

    detail = "Send the body without Content-Encoding: compressed bodies are not accepted."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Return the headers, with the coding that is accepted."""
        return [*super().get_headers(*args, **kwargs), ("Accept-Encoding", "identity")]


def example(kind: ProblemType) -> dict[str, Any]:
    """Return the default body of a problem type."""
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
        "request_id": EXAMPLE_REQUEST_ID,
    }


def problem(
    kind: ProblemType,
    detail: str = "",
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """Return the response of a problem, with at most ERRORS_MAX of its `errors`.

    `members` are further ones of its body, which its type has.
    """
    body: dict[str, Any] = example(kind)
    body["request_id"] = correlation.current().get("request", "")
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)[:ERRORS_MAX]
    text = current_app.json.dumps({**body, **(members or {})})
    return Response(text, kind.status, headers, content_type=MEDIA_TYPE)


def http_problem(error: HTTPException) -> Response | HTTPException:
    """Return the response of an HTTP error that Flask, werkzeug or a view raised.

    Their own texts are not shown.
    """
    status = error.code or 500
    if status < 400:
        return error
    kind = _BY_STATUS.get(status) or ProblemType(status, "about:blank", error.name, error.name)
    headers = {
        name: value
        for name, value in error.get_headers()
        if name in {"Accept-Encoding", "Allow", "Retry-After", "WWW-Authenticate"}
    }
    detail, errors = getattr(error, "detail", ""), getattr(error, "errors", ())
    return problem(kind, detail, errors, headers)


# Errors of which a problem says what their message says.
_PLAIN = {
    NotFound: NOT_FOUND,
    Conflict: CONFLICT,
    ChangedSince: PRECONDITION_FAILED,
    KeyReused: KEY_REUSED,
}


def _plain_problem(kind: ProblemType, error: Exception) -> Response:
    return problem(kind, str(error))


def register_problems(app: Flask) -> None:
    """Register handlers for this service's own errors; `http_problem` answers those of HTTP."""
    for plain, kind in _PLAIN.items():
        app.register_error_handler(plain, partial(_plain_problem, kind))
    _register_refusals(app)

    @app.errorhandler(NotAuthenticated)
    def not_authenticated(error: NotAuthenticated) -> Response:
        challenge = f'{CHALLENGE}, error="invalid_token"'
        return problem(UNAUTHORIZED, str(error), headers={"WWW-Authenticate": challenge})

    @app.errorhandler(NotAllowed)
    def not_allowed(error: NotAllowed) -> Response:
        challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'
        headers = {"WWW-Authenticate": challenge} if error.scope else None
        return problem(FORBIDDEN, str(error), headers=headers)

    @app.errorhandler(NothingToHold)
    def nothing_to_hold(error: NothingToHold) -> Response:
        return problem(UNPROCESSABLE, str(error), [body_error(["value"], str(error))])

    @app.errorhandler(Unprocessable)
    def unprocessable(error: Unprocessable) -> Response:
        path = [error.field] if error.field else []
        return problem(UNPROCESSABLE, str(error), [body_error(path, str(error))])

    @app.errorhandler(NotGenuine)
    def not_genuine(_: NotGenuine) -> Response:
        # The log says which check failed; the sender, who may be a forger, does not learn it.
        return problem(INVALID, "This is no event with a valid, recent signature.")

    @app.errorhandler(CannotVerify)
    def cannot_verify(error: CannotVerify) -> Response:
        return problem(NOT_VERIFIED, headers={"Retry-After": str(error.retry_after)})

    @app.errorhandler(StoreUnavailable)
    def unavailable(error: StoreUnavailable) -> Response:
        app.logger.warning("the store is unavailable: %s", error)
        return problem(UNAVAILABLE, headers={"Retry-After": str(error.retry_after)})


def _register_refusals(app: Flask) -> None:
    """Register handlers for the reasons why a payment is not accepted."""

    @app.errorhandler(NotPayable)
    def not_payable(error: NotPayable) -> Response:
        return problem(NOT_PAYABLE, str(error), [body_error(error.field.split("/"), str(error))])

    @app.errorhandler(LimitExceeded)
    def limit_exceeded(error: LimitExceeded) -> Response:
        return problem(LIMIT_EXCEEDED, str(error), members=limit_members(error))

    @app.errorhandler(PossibleDuplicate)
    def possible_duplicate(error: PossibleDuplicate) -> Response:
        return _earlier_payment(POSSIBLE_DUPLICATE, error)

    @app.errorhandler(ReferenceUsed)
    def reference_used(error: ReferenceUsed) -> Response:
        return _earlier_payment(REFERENCE_USED, error)


def _earlier_payment(kind: ProblemType, error: PossibleDuplicate | ReferenceUsed) -> Response:
    """Return the response of a problem that links to the payment which is in the way."""
    path = f"{request.script_root}{PAYMENT_PATH.format(*error.key)}"
    return problem(kind, str(error), members={"payment": path})


def limit_members(error: LimitExceeded) -> dict[str, Any]:
    """Return the members that a problem of a limit has besides those of every problem."""
    return {
        "rule": str(error.rule),
        "currency": error.remaining.currency,
        "limit": error.rule.limit.amount,
        "remaining": error.remaining.amount,
        "resets_at": to_text(error.resets_at) if error.resets_at else None,
    }


def body_error(path: Iterable[str | int], message: str) -> FieldError:
    """Return an error of the body, its place as a JSON Pointer (RFC 6901)."""
    names = (str(name)[:NAME_MAX_LENGTH].replace("~", "~0").replace("/", "~1") for name in path)
    return {"pointer": "".join(f"/{name}" for name in names), "message": message}


def field_errors(location: str, messages: Any) -> list[FieldError]:
    """Return marshmallow's messages, each with its place.

    `location` is the one of webargs: json, query or headers.
    """
    if location == "json":
        return [body_error(path, message) for path, message in _flat(messages)]
    member = {"headers": "header"}.get(location, "parameter")
    return [
        {member: str(path[0])[:NAME_MAX_LENGTH] if path else "", "message": message}
        for path, message in _flat(messages)
    ]


def _flat(messages: Any, path: tuple[str | int, ...] = ()) -> Iterable[tuple[tuple[Any, ...], str]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _flat(inner, path if name == "_schema" else (*path, name))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield path, str(message)
