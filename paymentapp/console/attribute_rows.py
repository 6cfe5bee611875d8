"""Rows of a form for a customer's additional attributes: a name, a value, and what kind it is of.

Values are texts, numbers, true or false, or nothing; a form has only texts, so that each row says
which kind is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from flask import request

from paymentapp.api.json import BadJSON, decode
from paymentapp.models.customers import ATTRIBUTES_MAX, AttributeValue

TEXT, NUMBER, YES_NO, NOTHING = "text", "number", "yes-no", "nothing"
KINDS = {TEXT: "Text", NUMBER: "Number", YES_NO: "Yes or no"}
_BLANK = 3  # rows that are shown for further attributes
_ROWS_MAX = 3 * ATTRIBUTES_MAX  # that are read
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_OWN = {"customer_id", "email"}  # fields of the record itself


class AttributeRow(NamedTuple):
    """A row as it is shown or was sent; `stored` is whether the record has the attribute."""

    name: str
    text: str
    kind: str
    stored: bool = False
    removed: bool = False


class SentAttributes(NamedTuple):
    """The values of a form by name, None for what is to be removed; and what is wrong."""

    values: Mapping[str, AttributeValue]
    problems: Mapping[str, str]


def rows_of(attributes: Mapping[str, AttributeValue]) -> list[AttributeRow]:
    """Return the rows of a record."""
    rows = [_row_of(name, value) for name, value in sorted(attributes.items())]
    return with_blanks(rows)


def with_blanks(rows: Sequence[AttributeRow]) -> list[AttributeRow]:
    """Return rows with some for further attributes, up to as many as a record has."""
    kept = [row for row in rows if row.name or row.text]
    blank = min(_BLANK, max(0, ATTRIBUTES_MAX - len(kept)))
    return [*kept, *[AttributeRow("", "", TEXT)] * blank]


def sent_rows(stored: Mapping[str, AttributeValue]) -> list[AttributeRow]:
    """Return the rows of the form; `stored` are the attributes of the record."""
    form = request.form
    names, texts, kinds = (
        form.getlist(f"attribute_{part}")[:_ROWS_MAX] for part in ("name", "value", "kind")
    )
    removed = set(form.getlist("attribute_removed"))
    return [
        AttributeRow(name.strip(), text, kind, name.strip() in stored, name.strip() in removed)
        for name, text, kind in zip(names, texts, kinds, strict=False)
    ]


def values_of(rows: Sequence[AttributeRow], stored: Mapping[str, AttributeValue]) -> SentAttributes:
    """Return the values of the rows of a form; None stands for an attribute that is to go.

    A stored null stays where its row is left as it is: a patch has no value for it.
    """
    values: dict[str, AttributeValue] = {}
    problems: dict[str, str] = {}
    for row in rows:
        if not row.name and not row.text:
            continue
        try:
            if row.name in values or row.name in _OWN or not row.name:
                raise ValueError(_problem_of_name(row.name))
            if row.removed:
                values[row.name] = None
            elif row.kind != NOTHING or stored.get(row.name, "") is not None:
                values[row.name] = _value_of(row)
        except ValueError as error:
            problems[row.name] = str(error)
    return SentAttributes(values, problems)


def _problem_of_name(name: str) -> str:
    if not name:
        return "Give the attribute a name."
    return "The record has this field already." if name in _OWN else "The name is there twice."


def _row_of(name: str, value: AttributeValue) -> AttributeRow:
    if value is None:
        return AttributeRow(name, "", NOTHING, stored=True)
    if isinstance(value, bool):
        return AttributeRow(name, "yes" if value else "no", YES_NO, stored=True)
    if isinstance(value, (int, Decimal)):
        return AttributeRow(name, f"{Decimal(value):f}", NUMBER, stored=True)
    return AttributeRow(name, value, TEXT, stored=True)


def _value_of(row: AttributeRow) -> AttributeValue:
    """Return the value of a row. Raises ValueError, with what is wrong."""
    if row.kind == TEXT:
        return row.text
    text = row.text.strip()
    if row.kind == YES_NO:
        if text.lower() not in _WORDS:
            raise ValueError("Write yes or no.")
        return _WORDS[text.lower()]
    if row.kind != NUMBER or _NUMBER.fullmatch(text) is None:
        raise ValueError("Write a number, such as 12 or 12.50.")
    try:
        number: Decimal = decode(text.encode())
    except BadJSON as error:
        raise ValueError(str(error)) from error
    return number
