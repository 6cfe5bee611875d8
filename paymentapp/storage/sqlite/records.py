"""What every table of the SQLite store shares: read, add where absent, change by revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from paymentapp.storage.codec.records import Record
from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.connections import Process
from paymentapp.storage.sqlite.json_documents import from_json, patch
from paymentapp.storage.sqlite.statements import (
    Insert,
    Update,
    _indexed,
    add_if_absent,
    make_change,
)

_Each = TypeVar("_Each")


class SQLiteRecords:
    """Records as JSON documents in the tables of one file."""

    _here: PerProcess[Process]

    def _get(self, statement: str, *values: Any) -> Record | None:
        found = self._read(statement, *values)
        return found[0] if found else None

    def _read(self, statement: str, *values: Any) -> list[Record]:
        return [from_json(document) for (document,) in self._here().read(statement, values)]

    def _scan(
        self,
        statement: str,
        read: Callable[[Record], _Each],
        key_of: Callable[[_Each], tuple[str, ...]],
        after: tuple[str, ...],
        *bounds: str,
    ) -> Iterator[_Each]:
        """Yield everything from behind a key on; a query for each chunk, so that no reader holds
        back the log for long."""
        while True:
            found = self._read(statement, *after, *bounds, sql.SCAN_CHUNK)
            for each in map(read, found):
                after = key_of(each)
                yield each
            if len(found) < sql.SCAN_CHUNK:
                return

    def _add(self, insert: Insert) -> Record | None:
        """Add a record, or return the one that is there."""
        return self._here().writer.run(partial(add_if_absent, insert), one_write=True)

    def _change(self, pk: str, sk: str, old: Record, new: Record) -> bool:
        values = (patch(old, new), *_indexed(new), pk, sk, old["revision"])
        key = (pk, sk)
        return self._update(
            Update(sql.CHANGE_RECORD, values, sql.GET_RECORD_REVISION, key, new["revision"])
        )

    def _update(self, update: Update) -> bool:
        return self._here().writer.run(partial(make_change, update), one_write=True)
