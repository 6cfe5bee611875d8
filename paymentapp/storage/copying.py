"""The part of a store that reads and writes whole tables, for `paymentapp copy`.

A record is copied in the form that the codec gives it, which every engine shares, with the
attributes of later versions. What engines store differently is read and written in one form:
events by their position, and the counter of a limit by its slots, as `codec.limits` has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from paymentapp.storage.base import Lease, Store
from paymentapp.storage.codec.records import Record

LEASES = "lease"  # the partition of the leases, which are not copied
MARK = "copy"  # the partition of the record of a copy in its target
NOT_COPIED = (LEASES, MARK)
CHUNK = 500  # records that are read and written at once

Key = tuple[str, ...]


class CopiedTable(StrEnum):
    """What is copied, in this order: a payment comes after what its requests depend on."""

    CUSTOMERS = "customers"
    OPERATIONS = "operations"
    EVENTS = "events"
    PAYMENTS = "payments"


class StoredRecord(NamedTuple):
    """A record and its key: `(customer_id,)`, `(customer_id, payment_id)`, `(pk, sk)`.

    An event has `(position,)`, 20 digits, and the attributes `event` and `expires_at`.
    """

    key: Key
    record: Record


class TablePart(NamedTuple):
    """Some records of a table, and where the next ones begin: None at its end."""

    records: Sequence[StoredRecord]
    after: Key | None


class CopyableStore(Store, Protocol):
    """A store that can be the source and the target of a copy.

    Reads are consistent, each as of its own time. Writes have no condition: nobody else may use the
    target. Each method may raise StoreUnavailable.
    """

    def read_table(self, table: CopiedTable, after: Key | None, limit: int) -> TablePart:
        """Return records after a key, in an order of the engine's; from the first one for None.

        About `limit` of them are read, without those of NOT_COPIED.
        """

    def read_keys(self, table: CopiedTable, keys: Sequence[Key]) -> dict[Key, Record]:
        """Return records by their keys; missing ones are left out. Not of events."""

    def put_many(self, table: CopiedTable, records: Sequence[StoredRecord]) -> None:
        """Write up to CHUNK records, whatever is there."""

    def delete_many(self, table: CopiedTable, keys: Sequence[Key]) -> None:
        """Delete records, if they are there."""

    def list_leases(self) -> list[Lease]:
        """Return all leases, expired or not."""


# Decimals that some engines keep as texts.
_DECIMALS = {"amount", "unsettled"}
_SLOTS = "slots"  # of the counter of a limit


def comparable(record: Mapping[str, Any]) -> str:
    """Return a record as a text that is the same on every engine, and differs for another record.

    Numbers are compared by their value, and a boolean is none.
    """
    plain = {name: _number(name, value) for name, value in record.items()}
    return json.dumps(_tagged(plain), sort_keys=True, separators=(",", ":"))


def _number(name: str, value: Any) -> Any:
    if name in _DECIMALS and isinstance(value, str):
        return Decimal(value)
    if name == _SLOTS and isinstance(value, Mapping):
        return {slot: Decimal(amount) for slot, amount in value.items()}
    return value


def _tagged(value: Any) -> Any:
    """Return a value as JSON has it, a number as `{"N": text}`."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        return {"N": format(Decimal(value).normalize(), "f")}
    if isinstance(value, Mapping):
        return {"M": {name: _tagged(each) for name, each in value.items()}}
    return [_tagged(each) for each in value]
