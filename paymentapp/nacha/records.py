"""Renders and parses the 94 characters of a record by its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from paymentapp.nacha.errors import (
    FieldOverflow,
    InvalidAmount,
    InvalidCharacter,
    InvalidValue,
)
from paymentapp.nacha.fields import Field, FieldKind, Inclusion, Table

_CENT = Decimal("0.01")
_CENTURY = 2000  # the format has two digits


class Unreadable(ValueError):
    """The text of a field is not of the field's kind; the message never holds the value."""


def render(table: Table, record: str, values: Mapping[str, Any]) -> str:
    """Render the record's 94 characters. Raises NachaError, with `record` as its name."""
    return "".join(_write(field, record, values) for field in table)


def parse(table: Table, line: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Parse a line of 94 characters into values by field; also return (field, problem) pairs.

    A value that cannot be read is None; text and digits are kept as they came.
    """
    values: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    for field in table:
        text = line[field.here]
        if field.kind is FieldKind.CONSTANT:
            if field.constant.strip() and text != field.constant:
                problems.append((field.name, "is not the format's constant"))
            continue
        try:
            values[field.name] = _READ[field.kind](text)
        except Unreadable as error:
            values[field.name] = text.strip() if field.kind is FieldKind.DIGITS else None
            problems.append((field.name, str(error)))
        else:
            if field.inclusion is Inclusion.MANDATORY and values[field.name] in ("", None):
                problems.append((field.name, "is missing"))
    return values, problems


def _write(field: Field, record: str, values: Mapping[str, Any]) -> str:
    if field.kind is FieldKind.CONSTANT:
        return field.constant
    value = values[field.name]
    if value in (None, ""):
        if field.inclusion is not Inclusion.OPTIONAL:
            raise InvalidValue(record, field.name, "is missing")
        return " " * field.length
    text = _WRITE[field.kind](field, record, value)
    if len(text) > field.length:
        raise FieldOverflow(record, field.name, f"longer than {field.length} characters")
    return text


def _write_text(field: Field, record: str, value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise InvalidCharacter(record, field.name, "printable ASCII characters only")
    if value != value.strip():
        raise InvalidValue(record, field.name, "begins or ends with a blank")
    return value.ljust(field.length)


def _write_right(field: Field, record: str, value: str) -> str:
    return _write_text(field, record, value).strip().rjust(field.length)


def _write_digits(field: Field, record: str, value: str) -> str:
    if not _all_digits(value):
        raise InvalidCharacter(record, field.name, "digits only")
    if len(value) < field.length:
        raise InvalidValue(record, field.name, f"{field.length} digits")
    return value


def _write_number(field: Field, record: str, value: int) -> str:
    if value < 0:
        raise InvalidValue(record, field.name, "negative")
    return str(value).rjust(field.length, "0")


def _write_cents(field: Field, record: str, value: Decimal) -> str:
    """Render dollars as cents; never rounded, never through a float."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidAmount(record, field.name, "not a Decimal number")
    if value < 0:
        raise InvalidAmount(record, field.name, "negative")
    if value.adjusted() > field.length:
        raise FieldOverflow(record, field.name, f"longer than {field.length} characters")
    if value % _CENT:
        raise InvalidAmount(record, field.name, "more than two decimals")
    return str(int(value * 100)).rjust(field.length, "0")


def _write_date(field: Field, record: str, value: date) -> str:
    if value.year // 100 * 100 != _CENTURY:
        raise InvalidValue(record, field.name, "not a year from 2000 to 2099")
    return f"{value:%y%m%d}"


def _write_time(_field: Field, _record: str, value: time) -> str:
    return f"{value:%H%M}"


_WRITE: dict[FieldKind, Callable[[Field, str, Any], str]] = {
    FieldKind.TEXT: _write_text,
    FieldKind.RIGHT: _write_right,
    FieldKind.DIGITS: _write_digits,
    FieldKind.NUMBER: _write_number,
    FieldKind.CENTS: _write_cents,
    FieldKind.DATE: _write_date,
    FieldKind.TIME: _write_time,
}


def _all_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _read_digits(text: str) -> str:
    """Read digits with their leading zeros; a blank field is empty."""
    if text.strip() and not _all_digits(text):
        raise Unreadable("is not digits")
    return text.strip()


def _read_number(text: str) -> int | None:
    short = text.strip()
    if short and not _all_digits(short):
        raise Unreadable("is not a number")
    return int(short) if short else None


def _read_cents(text: str) -> Decimal | None:
    """Read cents as dollars with two decimals."""
    cents = _read_number(text)
    return None if cents is None else Decimal(cents).scaleb(-2)


def _read_date(text: str) -> date | None:
    """Read a date; None where a bank left the field blank or zero."""
    if not text.strip(" 0"):
        return None
    try:
        if not _all_digits(text):
            raise ValueError
        return date(_CENTURY + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        raise Unreadable("is not a date YYMMDD") from None


def _read_time(text: str) -> time | None:
    if not text.strip():
        return None
    try:
        if not _all_digits(text):
            raise ValueError
        return time(int(text[:2]), int(text[2:]))
    except ValueError:
        raise Unreadable("is not a time HHMM") from None


_READ: dict[FieldKind, Callable[[str], Any]] = {
    FieldKind.TEXT: str.rstrip,
    FieldKind.RIGHT: str.strip,
    FieldKind.DIGITS: _read_digits,
    FieldKind.NUMBER: _read_number,
    FieldKind.CENTS: _read_cents,
    FieldKind.DATE: _read_date,
    FieldKind.TIME: _read_time,
}
