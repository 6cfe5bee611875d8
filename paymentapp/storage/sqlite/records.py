"""The operations that all tables of the SQLite store share: read, add if absent, change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from paymentapp.storage.codec.records import Record
from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.connections import ProcessConnections
from paymentapp.storage.sqlite.json_documents import from_json
from paymentapp.storage.sqlite.statements import (
    Insert,
    Update,
    add_if_absent,
    make_change,
    update_record,
)

_Each = TypeVar("_Each")


class SQLiteRecords:
    """Records as JSON documents in the tables of one file."""

    _connections: PerProcess[ProcessConnections]

    def _get(self, statement: str, *values: Any) -> Record | None:
        found = self._read(statement, *values)
        return found[0] if found else None

    def _read(self, statement: str, *values: Any) -> list[Record]:
        return [from_json(document) for (document,) in self._connections().read(statement, values)]

    def _scan(
        self,
        statement: str,
        read: Callable[[Record], _Each],
        key_of: Callable[[_Each], tuple[str, ...]],
        after: tuple[str, ...],
        *bounds: str,
    ) -> Iterator[_Each]:
        """Yield every record after a key.

        One query for each chunk: a long read would keep SQLite from checkpointing its log.
        """
        while True:
            found = self._read(statement, *after, *bounds, sql.SCAN_CHUNK)
            for each in map(read, found):
                after = key_of(each)
                yield each
            if len(found) < sql.SCAN_CHUNK:
                return

    def _add(self, insert: Insert) -> Record | None:
        """Add a record; return None, or the record that was there already."""
        return self._connections().writer.run(partial(add_if_absent, insert), one_write=True)

    def _change(self, pk: str, sk: str, old: Record, new: Record) -> bool:
        return self._update(update_record(pk, sk, old, new))

    def _update(self, update: Update) -> bool:
        return self._connections().writer.run(partial(make_change, update), one_write=True)
