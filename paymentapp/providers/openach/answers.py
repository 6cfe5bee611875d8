"""Parsing of OpenACH's answers: the first JSON object counts, and nothing of its errors is shown.

An answer is `{"success":true,"data":...}`, `{"success":true,"session_id":...}` or
`{"success":false,"error":...}`, as `text/html`. Some calls answer twice, one object right after
the other.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import NamedTuple

from paymentapp.providers.openach.tables import DATABASE_WORDS, ERROR_TEXTS, OpenAchError

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FIELDS_SHOWN = 10


class OpenAchProblem(NamedTuple):
    """What an error is, and the names of the fields that it refuses; no text of it."""

    error: OpenAchError
    fields: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """Return a code for logs and records."""
        return ": ".join(filter(None, [self.error.value, ", ".join(self.fields)]))


class OpenAchAnswer(NamedTuple):
    """An answer that could be read."""

    data: object = None  # of a success
    session_id: str = ""  # of `connect`
    problem: OpenAchProblem | None = None
    is_double: bool = False  # another answer followed, which is not read

    def __repr__(self) -> str:
        return f"OpenAchAnswer({self.problem or 'success'})"


def read_answer(body: bytes) -> OpenAchAnswer | None:
    """Return the first answer in a body; None where there is none: the outcome is unknown.

    Numbers are Decimal: one server says "25.00", another 12.34.
    """
    try:
        text = body.decode("utf-8").strip()
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("success"), bool):
        return None
    is_double = bool(text[end:].strip())
    if is_double and not text[end:].lstrip().startswith("{"):
        return None  # a warning of PHP's, or half a page: nothing of it is sure
    if not found["success"]:
        return OpenAchAnswer(problem=read_error(found.get("error")), is_double=is_double)
    session_id = found.get("session_id")
    return OpenAchAnswer(
        found.get("data"), session_id if isinstance(session_id, str) else "", None, is_double
    )


def read_error(error: object) -> OpenAchProblem:
    """Return the kind of an error: a text, an object of texts, or such an object as a text."""
    if isinstance(error, str) and error.lstrip().startswith("{"):
        try:
            error = _DECODER.decode(error)
        except (ValueError, RecursionError):
            return OpenAchProblem(OpenAchError.UNKNOWN)
    if isinstance(error, str):
        return OpenAchProblem(_kind(error))
    if not isinstance(error, dict) or not error:
        return OpenAchProblem(OpenAchError.UNKNOWN)
    kinds = {_kind(text) for text in _texts(error)}
    fields = tuple(sorted(name for name in error if _FIELD.fullmatch(str(name))))[:_FIELDS_SHOWN]
    if OpenAchError.ALREADY_EXISTS in kinds:
        return OpenAchProblem(OpenAchError.ALREADY_EXISTS, fields)
    if _has_database_words(" ".join(_texts(error))):
        return OpenAchProblem(OpenAchError.UNKNOWN)
    return OpenAchProblem(OpenAchError.REFUSED_FIELDS, fields)


def read_amount(value: object) -> Decimal | None:
    """Return an amount in dollars, of a text or a number; None for anything else, "" included."""
    text = str(value) if isinstance(value, str | int | Decimal) else ""
    return Decimal(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", text) else None


def _kind(text: str) -> OpenAchError:
    words = text.casefold()
    if _has_database_words(words):
        return OpenAchError.UNKNOWN
    found = (kind for part, kind in ERROR_TEXTS.items() if part in words)
    return next(found, OpenAchError.UNKNOWN)


def _has_database_words(text: str) -> bool:
    return any(word in text.casefold() for word in DATABASE_WORDS)


def _texts(error: dict[str, object]) -> list[str]:
    """Return the texts of an object of texts, or of lists of them."""
    values = [each for v in error.values() for each in (v if isinstance(v, list) else [v])]
    return [each for each in values if isinstance(each, str)]


_DECODER = json.JSONDecoder(parse_float=Decimal)
