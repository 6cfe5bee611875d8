"""Headers that have one value: a request that has two, in two lines or in one, is refused.

WSGI servers join the lines of a repeated header with commas. That is right for lists (RFC 9110,
section 5.3); of any other header, to choose one of the values, or to take both for one, is a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response

from paymentapp.api.blueprint import current_request, declared_scopes
from paymentapp.api.problems import INVALID, REPEATED_HEADER, problem

# `Idempotency-Key` is checked by its schema. `Prefer` and `Content-Encoding` are lists.
SINGLE_HEADERS = ("Authorization", "X-API-Key", "If-Match", "Content-Type", "Content-Length")
_KEYS = tuple(
    f"{prefix}{name.upper().replace('-', '_')}"
    for name in SINGLE_HEADERS
    for prefix in ("HTTP_", "")
)
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?')


def register_header_checks(app: Flask) -> None:
    """Refuse repeated headers with 400, before authentication and before any view.

    Webhooks are left out: a provider's report about money is not refused for its form.
    """

    @app.before_request
    def check() -> Response | None:
        current = current_request()
        view = app.view_functions.get(current.endpoint or "")
        if view is None or not declared_scopes(view):
            return None
        environ = current.environ
        suspects = [key for key in _KEYS if key in environ and "," in environ[key]]
        repeated = [name for name in SINGLE_HEADERS if suspects and is_repeated(name, environ)]
        errors = [{"header": name, "message": REPEATED_HEADER} for name in repeated]
        return problem(INVALID, errors=errors) if errors else None


def is_repeated(name: str, environ: Mapping[str, Any]) -> bool:
    """Return whether a request, given by its WSGI environ, has two values of a header."""
    variable = name.upper().replace("-", "_")
    # Some servers put all lines under HTTP_CONTENT_TYPE and only one under CONTENT_TYPE.
    value: str = environ.get(f"HTTP_{variable}") or environ.get(variable) or ""
    if "," not in value:
        return False
    unquoted = _QUOTED_STRING.sub("", value)
    if name == "Authorization" and "bearer" not in unquoted.lower():
        return False  # the parameters of other schemes are a list; they are answered with 401
    return "," in unquoted
