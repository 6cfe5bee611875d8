r"""Records as rows: real columns for what is looked for, and a JSON document for the rest.

PostgreSQL stores no NUL character, and no half of a surrogate pair. What providers and callers send
may have either, so such a character is kept as `\x1a` and its code in four hexadecimal digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from paymentapp.storage.codec.records import Record

_MARK = "\x1a"
_STRANGE = re.compile("[\x00\x1a\ud800-\udfff]")
_STRANGE_IN_JSON = re.compile(r"\\u00(?:00|1a)|[" + "\ud800-\udfff]")
_ESCAPED = re.compile(_MARK + "([0-9a-f]{4})")


def to_json(value: Any) -> str:
    """Return a record, or rows that hold records, as JSON that PostgreSQL takes.

    A decimal among a customer's attributes, whose values may also be texts, becomes `{"N": text}`,
    as in DynamoDB's JSON.
    """
    text = _encoder.encode(value)
    return _encoder.encode(_escaped(value)) if _STRANGE_IN_JSON.search(text) else text


def rows_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as JSON: their columns are as `to_column` returns them, their documents are not.

    A document is a dict. What `to_column` has changed would be changed once more by `to_json`.
    """
    text = _encoder.encode(rows)
    if not _STRANGE_IN_JSON.search(text):
        return text
    return _encoder.encode(
        [
            {name: _escaped(each) if isinstance(each, dict) else each for name, each in row.items()}
            for row in rows
        ]
    )


def load_json(data: bytes | str) -> Any:
    """Return the value of a JSON document: the reverse of `to_json`, but for decimals."""
    value = json.loads(data)
    strange = b"\\u001a" in data if isinstance(data, bytes) else "\\u001a" in data
    return _restored(value) if strange else value


def with_decimals(document: dict[str, Any]) -> Record:
    """Return the record of a document that `load_json` has read."""
    if "attributes" in document:
        document["attributes"] = {
            name: Decimal(value["N"]) if isinstance(value, dict) else value
            for name, value in document["attributes"].items()
        }
    return document


def to_column(text: str | None) -> str | None:
    """Return a text as a column may hold it."""
    if text is None or not _STRANGE.search(text):
        return text
    return _STRANGE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def from_column(text: str) -> str:
    """Return the text of a column."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if _MARK in text else text


def _escaped(value: Any) -> Any:
    return _mapped(value, to_column)


def _restored(value: Any) -> Any:
    return _mapped(value, from_column)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _mapped(each, change) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(each, change) for each in value]
    return value


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"N": str(value)}
    raise TypeError(f"a record does not hold a {type(value).__name__}")


_encoder = json.JSONEncoder(default=_tagged, ensure_ascii=False, separators=(",", ":"))
