"""The error responses of operations in the OpenAPI document, each with examples of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from paymentapp.api import problems
from paymentapp.api.problems import FieldError, ProblemType
from paymentapp.schemas.problems import ProblemSchema


class ProblemExample(NamedTuple):
    """A problem as one operation answers it."""

    kind: ProblemType
    detail: str = ""
    errors: Sequence[FieldError] = ()
    members: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """Return the problem document."""
        body = problems.example(self.kind)
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = list(self.errors)
        return {**body, **(self.members or {})}


# Problems that are the same in every operation: documented once, and referred to by name.
_REPEATED = ProblemExample(
    problems.INVALID, errors=[{"header": "Authorization", "message": problems.REPEATED_HEADER}]
)
_ANY_REQUEST = (
    _REPEATED,
    *map(ProblemExample, (problems.UNAUTHORIZED, problems.FORBIDDEN, problems.TOO_MANY)),
)
_UNAVAILABLE = ProblemExample(problems.UNAVAILABLE)
_INTERNAL = ProblemExample(problems.INTERNAL)
BODY = (ProblemExample(problems.TOO_LARGE), ProblemExample(problems.MEDIA))
SHARED = (*_ANY_REQUEST, *BODY, _INTERNAL, _UNAVAILABLE)
_HEADERS = {
    401: {
        "WWW-Authenticate": {
            "description": "Bearer challenge with the error (RFC 6750).",
            "schema": {"type": "string"},
        }
    },
    403: {
        "WWW-Authenticate": {
            "description": "Bearer challenge with the required scope, if authentication is on.",
            "schema": {"type": "string"},
        }
    },
    415: {
        "Accept-Encoding": {
            "description": "`identity`, if the body was refused for its Content-Encoding.",
            "schema": {"type": "string"},
        }
    },
    429: {
        "Retry-After": {
            "description": "Seconds to wait before a retry.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "RateLimit-Policy": {
            "description": "The quota that is used up: its name, requests (`q`) and seconds (`w`); "
            "draft-ietf-httpapi-ratelimit-headers.",
            "schema": {"type": "string"},
            "example": '"client";q=600;w=60',
        },
        "RateLimit": {
            "description": "What is left of it: requests (`r`), and seconds until there is more "
            "(`t`).",
            "schema": {"type": "string"},
            "example": '"client";r=0;t=30',
        },
    },
    503: {
        "Retry-After": {
            "description": "Seconds to wait before a retry.",
            "schema": {"type": "integer", "minimum": 0},
        }
    },
}


def error_responses(
    errors: Iterable[ProblemExample], public: bool
) -> dict[int, str | dict[str, Any]]:
    """Return an operation's error responses by status, with those that every operation has.

    Shared ones are references. `public` is for operations that require no API key.
    """
    by_status: dict[int, list[ProblemExample]] = {}
    for error in errors:
        by_status.setdefault(error.kind.status, []).append(error)
    for error in (_INTERNAL, *(() if public else (*_ANY_REQUEST, _UNAVAILABLE))):
        by_status.setdefault(error.kind.status, [error])
    return {
        status: response_name(found[0]) if found[0] in SHARED else error_response(found)
        for status, found in sorted(by_status.items())
    }


def response_name(error: ProblemExample) -> str:
    """Return the name of a shared response in the document's components."""
    return HTTPStatus(error.kind.status).name


def error_response(errors: Sequence[ProblemExample]) -> dict[str, Any]:
    """Return the response of problems that have the same status."""
    titles = dict.fromkeys(error.kind.title for error in errors)
    status = errors[0].kind.status
    response: dict[str, Any] = {
        "description": ", or: ".join(titles),
        "content": {problems.MEDIA_TYPE: {"schema": ProblemSchema, "examples": _examples(errors)}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def _examples(errors: Iterable[ProblemExample]) -> dict[str, Any]:
    examples: dict[str, Any] = {}
    for error in errors:
        name = error.kind.type.rpartition("/")[2]
        number = sum(each.rstrip("-0123456789") == name for each in examples) + 1
        unique = name if number == 1 else f"{name}-{number}"
        examples[unique] = {"summary": error.detail or error.kind.title, "value": error.body()}
    return examples
