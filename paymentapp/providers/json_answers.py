"""Reading providers' JSON: anything may be missing, or of another type than it should be."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal

from paymentapp.errors import NotGenuine


def parse_json(text: str | bytes) -> object:
    """Return the JSON value, its fractions as Decimal. Raises ValueError where it is no JSON, or
    has what cannot be held: NaN, an exponent beyond Decimal's, a nesting beyond the stack."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError("JSON that cannot be held") from error


def parse_event(body: bytes) -> dict[str, object]:
    """Return a webhook event, one JSON object. Raises NotGenuine where the body is none.

    It is UTF-8 and nothing else, so that nobody reads the same bytes differently.
    """
    try:
        event = parse_json(body.decode())
    except ValueError:
        raise NotGenuine("the body is not JSON") from None
    if not isinstance(event, dict):
        raise NotGenuine("the body is not an event")
    return event


def dig(value: object, *path: str) -> object:
    """Return what stands under a path of keys; None where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def elements(value: object) -> Sequence[object]:
    """Return the elements of a list; none of anything else."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """Return a text that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def matching(pattern: re.Pattern[str], value: object) -> str:
    """Return the value if it is a text of that form, else an empty text."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
