"""Records as DynamoDB attribute values: a type letter beside each value.

Written by hand, since boto3's serializer takes longer than signing a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paymentapp.storage.codec.records import Record

Item = dict[str, Any]


def to_item(record: Mapping[str, Any]) -> Item:
    """Return a record as an item."""
    return {name: to_value(value) for name, value in record.items()}


def to_value(value: Any) -> dict[str, Any]:
    """Return a value as an attribute value. Raises TypeError for a type that no record holds."""
    match value:
        case str():
            return {"S": value}
        case bool():  # before int, which it is as well
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case list():
            return {"L": [to_value(part) for part in value]}
        case dict():
            return {"M": to_item(value)}
    raise TypeError(f"a record does not hold a {type(value).__name__}")


def to_record(item: Mapping[str, Any]) -> Record:
    """Return the record of an item."""
    return {name: _from_value(value) for name, value in item.items()}


def _from_value(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdigit() else Decimal(content)
        case "NULL":
            return None
        case "L":
            return [_from_value(part) for part in content]
        case "M":
            return to_record(content)
    return content  # S, BOOL, and types that only a later version writes
