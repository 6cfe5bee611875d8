"""Patterns and fields that several schemas share, with their JSON Schema."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from paymentapp.clock import from_text, to_text
from paymentapp.models.customers import CUSTOMER_ID_PATTERN, EMAIL_MAX_LENGTH, EMAIL_PATTERN
from paymentapp.models.money import CURRENCY_PATTERN

PAYMENT_ID_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
METHOD_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
PAGE_MAX = 100
NUMBER_MAX = 10**15 - 1  # 15 digits before the point: a double keeps them exactly
_DATE_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339, section 5.6, which allows T and Z in lower case.
_MOMENT_PATTERN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@cache
def made(schema: type[Schema]) -> Schema:
    """Return the instance of a schema that all dumps share: making one takes long."""
    return schema()


class Pattern(validate.Regexp):
    """A regular expression that the whole text must match.

    In marshmallow's `Regexp`, `$` would accept a trailing line feed.
    """

    def __call__(self, value: Any) -> Any:
        """Return the value. Raises ValidationError."""
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self.error)
        return value


_EMAIL_RULES = (
    validate.Length(max=EMAIL_MAX_LENGTH),
    Pattern(EMAIL_PATTERN, error="Not an e-mail address (ASCII, name@host.domain)."),
)


def customer_id() -> fields.String:
    """Return the field of a customer id, which the operator chooses."""
    message = "Must be 1 to 50 letters, digits, '.', '_' or '-', starting with a letter or digit."
    return fields.String(
        required=True,
        validate=Pattern(CUSTOMER_ID_PATTERN, error=message),
        metadata={"description": "Id of the customer, chosen by the operator."},
    )


def email(description: str, *, allow_none: bool = False) -> fields.String:
    """Return the field of an e-mail address that providers accept."""
    kind = TextOrNull if allow_none else fields.String
    return kind(
        required=True,
        validate=_EMAIL_RULES,
        metadata={"format": "email", "description": description},
    )


def stored_email(description: str, *, required: bool = False) -> fields.String:
    """Return the field of an e-mail address as it may be stored, which its pattern alone says.

    The format `email` of JSON Schema is stricter: before the `@` it allows 64 characters (RFC 5321,
    section 4.5.3.1.1), and providers more.
    """
    return fields.String(
        required=required, validate=_EMAIL_RULES, metadata={"description": description}
    )


def currency() -> fields.String:
    """Return the field of a currency code."""
    return fields.String(
        required=True,
        validate=Pattern(CURRENCY_PATTERN, error="Must be three capital letters (ISO 4217)."),
        metadata={
            "description": "ISO 4217 code. Each payment method has its own list of currencies."
        },
    )


class Amount(fields.Decimal):
    """A positive amount, as the Decimal that the JSON decoder made; no other type is accepted."""

    default_error_messages = {
        "invalid": "Must be a number.",
        "positive": "Must be greater than 0.",
        "large": f"Must be at most {NUMBER_MAX}.",
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {
            "exclusiveMinimum": 0,
            "maximum": NUMBER_MAX,
            "description": "Exact, with at most the decimals of the currency and 18 digits.",
        }
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        if not isinstance(value, Decimal):
            raise self.make_error("invalid")
        if value <= 0:
            raise self.make_error("positive")
        if value > NUMBER_MAX:
            raise self.make_error("large")
        return value

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value


class Total(fields.Decimal):
    """An amount in a response, also 0."""

    def __init__(self, description: str, *, allow_none: bool = False) -> None:
        super().__init__(
            required=True,
            allow_none=allow_none,
            metadata={"minimum": 0, "description": description},
        )

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Decimal | None:
        found: Decimal | None = value
        return found


class Moment(fields.String):
    """A time in a response: ISO 8601, UTC, with microseconds."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = kwargs.pop("metadata", {})
        super().__init__(metadata={"format": "date-time", **metadata}, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return None if value is None else to_text(value)


class FutureMoment(fields.String):
    """A time in a request: RFC 3339, with an offset. Loads as the time in UTC.

    Whether it lies ahead is for the service to check, which has the clock.
    """

    default_error_messages = {
        "invalid": "Must be a date and time with an offset (RFC 3339), such as "
        "2026-11-01T09:00:00-05:00."
    }

    def __init__(self, **kwargs: Any) -> None:
        metadata = kwargs.pop("metadata", {})
        super().__init__(metadata={"format": "date-time", **metadata}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            return _moment(text)
        except (ValueError, OverflowError) as error:
            raise self.make_error("invalid") from error


class TextOrNull(fields.String):
    """A text that is stored empty, and shown as null, where there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value or None


class Boundary(fields.String):
    """An inclusive bound of a time range. Loads as the payment id of that time.

    A date without a time means the time `at` of that day, in UTC.
    """

    default_error_messages = {
        "invalid": "Must be an ISO 8601 date, or a date and time with an offset (send + as %2B)."
    }

    def __init__(self, at: time, **kwargs: Any) -> None:
        self.at = at
        metadata = kwargs.pop("metadata", {})
        # `type` in each: generated clients take a format without one for "anything".
        formats = {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]
        }
        super().__init__(metadata={**formats, **metadata}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            return to_text(self._moment(text))
        except (ValueError, OverflowError) as error:
            raise self.make_error("invalid") from error

    def _moment(self, text: str) -> datetime:
        if _DATE_PATTERN.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), self.at, UTC)
        return _moment(text)


def _moment(text: str) -> datetime:
    """Return the time of an RFC 3339 text, in UTC. Raises ValueError, OverflowError."""
    if _MOMENT_PATTERN.fullmatch(text) is None:
        raise ValueError("not a date and time with an offset")
    return from_text(text.upper())


class Cursor(fields.String):
    """The position of the next page: a payment id in base64url, opaque to the caller."""

    default_error_messages = {"invalid": "Must be a `next_cursor` that this service returned."}
    format = "cursor"  # in the OpenAPI document

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": self.format, "description": "`next_cursor` of the previous page."}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if value is None:
            return None
        return base64.urlsafe_b64encode(self._text_of(value).encode()).decode()

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            position = self._position_of(base64.b64decode(text.encode(), b"-_", validate=True))
        except (binascii.Error, ValueError, OverflowError) as error:
            raise self.make_error("invalid") from error
        # Base64 has several encodings of one text; only the canonical one is accepted.
        if self._serialize(position) != text:
            raise self.make_error("invalid")
        return position

    def _text_of(self, position: Any) -> str:
        return str(position)

    def _position_of(self, text: bytes) -> Any:
        """Return the position of a text. Raises ValueError, OverflowError."""
        return to_text(from_text(text.decode()))


class HistoryCursor(Cursor):
    """The position of the next page of a customer's history: a version."""

    format = "history-cursor"

    def _text_of(self, position: Any) -> str:
        return f"{position:08}"

    def _position_of(self, text: bytes) -> Any:
        version = int(text)
        if not 0 < version < 10**8:
            raise ValueError("not a version")
        return version


class CustomerCursor(Cursor):
    """The position of the next page of customers: a customer id."""

    format = "customer-cursor"

    def _position_of(self, text: bytes) -> Any:
        position = text.decode("ascii")
        if re.fullmatch(CUSTOMER_ID_PATTERN, position) is None:
            raise ValueError("not a customer id")
        return position


def page_limit(description: str) -> QueryInteger:
    """Return the query parameter that says how long a page may be."""
    return QueryInteger(
        load_default=25, validate=validate.Range(1, PAGE_MAX), metadata={"description": description}
    )


class OptionalBody(Schema):
    """A request body that may be left out. None of its fields is required."""


class Flag(fields.Boolean):
    """A JSON boolean; `Boolean` would also accept texts and numbers."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class QueryInteger(fields.Integer):
    """An integer in a query string: ASCII digits only, where `int` also accepts other forms."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **kwargs)


def json_schema_extras(schema: Any) -> Mapping[str, Any]:
    """Return a schema's `Meta.json_schema`: members of its JSON Schema besides its fields."""
    extras: Mapping[str, Any] = getattr(getattr(schema, "Meta", None), "json_schema", {})
    return extras
