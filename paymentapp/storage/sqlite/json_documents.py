"""Records as JSON documents; decimals are strings, because JSON numbers would become floats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paymentapp.storage.codec.records import Record, difference


def to_json(record: Record) -> str:
    """Return a record as a JSON document.

    A decimal becomes its text. Among a customer's attributes, whose values may also be texts, it
    becomes `{"N": text}`, as in DynamoDB's JSON.
    """
    if Decimal not in map(type, record.values()):
        return _encoder.encode(record)
    plain = {
        name: str(value) if isinstance(value, Decimal) else value for name, value in record.items()
    }
    return _encoder.encode(plain)


def from_json(document: str) -> Record:
    """Return the record of a JSON document."""
    record: Record = json.loads(document)
    if "attributes" in record:
        record["attributes"] = {
            name: Decimal(value["N"]) if isinstance(value, dict) else value
            for name, value in record["attributes"].items()
        }
    return record


def patch(old: Record, new: Record) -> str:
    """Return the patch (RFC 7396, SQLite's json_patch) that turns `old` into `new`.

    It keeps attributes that neither of them has: those of a later version.
    """
    changed, removed = difference(old, new)
    return to_json(changed | dict.fromkeys(removed))


def attributes_json(attributes: Mapping[str, Any]) -> str:
    """Return attributes as in `to_json`, to replace the old ones: a patch would merge them."""
    return _encoder.encode(attributes)


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"N": str(value)}
    raise TypeError(f"a record does not hold a {type(value).__name__}")


_encoder = json.JSONEncoder(default=_tagged, separators=(",", ":"))  # `dumps` makes one each time
