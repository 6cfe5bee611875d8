"""Reading providers' JSON, in which any field may be missing or of the wrong type."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from paymentapp.clock import from_text
from paymentapp.errors import NotGenuine


def parse_json(text: str | bytes) -> object:
    """Return the JSON value, with fractions as Decimal.

    Raises ValueError where the text is not JSON, or cannot be represented: NaN, an exponent beyond
    Decimal's, a nesting beyond the stack.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError("JSON that cannot be represented") from error


def parse_event(body: bytes) -> dict[str, object]:
    """Return a webhook event, one JSON object. Raises NotGenuine where the body is not one.

    Only UTF-8 is accepted, so that every reader decodes the same bytes alike.
    """
    try:
        event = parse_json(body.decode())
    except ValueError:
        raise NotGenuine("the body is not JSON") from None
    if not isinstance(event, dict):
        raise NotGenuine("the body is not a JSON object")
    return event


def dig(value: object, *path: str) -> object:
    """Return the value under a path of keys; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def elements(value: object) -> Sequence[object]:
    """Return the elements of a list; an empty list for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """Return a non-empty string; None for anything else."""
    return value if isinstance(value, str) and value else None


def matching(pattern: re.Pattern[str], value: object) -> str:
    """Return the value if it is a string that the pattern matches whole, else an empty string."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def maybe_moment(value: object) -> datetime | None:
    """Return the time of an RFC 3339 text, to the second; None for anything else."""
    try:
        return from_text(value).replace(microsecond=0) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
