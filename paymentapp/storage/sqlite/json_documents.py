"""Records as JSON documents. JSON numbers would pass through a float, so decimals are strings."""

from __future__ import annotations

import json
from decimal import Decimal

from paymentapp.storage.codec.records import Record, difference


def to_json(record: Record) -> str:
    """A decimal becomes its text; one among a customer's attributes, where a text may stand just
    as well, becomes `{"N": text}`, as in DynamoDB's own JSON."""
    plain = {
        name: str(value) if isinstance(value, Decimal) else value for name, value in record.items()
    }
    return json.dumps(plain, default=_tagged, separators=(",", ":"))


def from_json(document: str) -> Record:
    record: Record = json.loads(document)
    if "attributes" in record:
        record["attributes"] = {
            name: Decimal(value["N"]) if isinstance(value, dict) else value
            for name, value in record["attributes"].items()
        }
    return record


def patch(old: Record, new: Record) -> str:
    """What SQLite's json_patch (RFC 7396) needs to turn a document of `old` into one of `new`.

    It leaves alone what neither of them names: the attributes of a later version.
    """
    changed, removed = difference(old, new)
    return to_json(changed | dict.fromkeys(removed))


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"N": str(value)}
    raise TypeError(f"a record does not hold a {type(value).__name__}")
