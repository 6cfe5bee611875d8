"""JSON: a strict decoder that yields Decimals, and an encoder that writes them exactly."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import simplejson
from flask.json.provider import JSONProvider

DIGITS_MAX = 18
EXPONENT_MIN = -400  # smaller numbers are zero even as a double
NUMBER_TEXT_MAX = 450


class BadJSON(ValueError):
    """The text is not JSON that this service accepts; the message is shown to the caller."""


class ExactJSON(JSONProvider):
    """Flask's JSON provider with exact numbers: a Decimal is written as a JSON number."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return the JSON text of an object."""
        if kwargs:
            return simplejson.dumps(obj, use_decimal=True, **kwargs)
        return encode(obj)

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of a JSON text, as `decode` reads it."""
        return decode(s.encode() if isinstance(s, str) else s)


def encode(value: Any) -> str:
    """Return the JSON text of a value, with its Decimals as exact numbers."""
    return _encoder.encode(value)


def decode(body: bytes) -> Any:
    """Decode a body as strict JSON (RFC 8259): UTF-8, no duplicate names, numbers as Decimals.

    Raises BadJSON.
    """
    try:
        text = body.decode()
        value = _decoder.decode(text)
        if "\\u" in text:
            _encoder_of_text.encode(value).encode()
    except UnicodeDecodeError as error:
        raise BadJSON("The body is not UTF-8.") from error
    except UnicodeEncodeError as error:
        raise BadJSON("A string has half of a surrogate pair.") from error
    except RecursionError as error:
        raise BadJSON("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise BadJSON(f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    return value


def decode_first(text: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at a position of a text, and where it ends; as `decode` does.

    Raises BadJSON, also where the rest of the value has not come yet.
    """
    try:
        value, end = _decoder.raw_decode(text, start)
        if "\\u" in text[start:end]:
            _encoder_of_text.encode(value).encode()
    except UnicodeEncodeError as error:
        raise BadJSON("A string has half of a surrogate pair.") from error
    except RecursionError as error:
        raise BadJSON("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise BadJSON(f"The body is not JSON: {error.msg}.") from error
    return value, end


def _number(text: str) -> Decimal:
    """Return a number as a Decimal. Bounds digits and exponent before anything is computed."""
    if len(text) > NUMBER_TEXT_MAX:
        raise BadJSON("A number is too long.")
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise BadJSON("A number is out of range.") from error
    _, digits, exponent = number.as_tuple()
    if len(digits) > DIGITS_MAX:
        raise BadJSON(f"A number has at most {DIGITS_MAX} digits.")
    if number.adjusted() >= DIGITS_MAX or int(exponent) < EXPONENT_MIN:
        raise BadJSON("A number is out of range.")
    return number


def _constant(text: str) -> Any:
    raise BadJSON(f"{text} is not JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadJSON("An object has a name twice.")
    return members


_decoder = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=_constant, object_pairs_hook=_object
)
_encoder = simplejson.JSONEncoder(use_decimal=True, separators=(",", ":"))
_encoder_of_text = simplejson.JSONEncoder(use_decimal=True, ensure_ascii=False)
