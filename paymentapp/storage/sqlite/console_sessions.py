"""Sessions of the console in the Operations table of the SQLite store."""

from __future__ import annotations

from paymentapp.models.console_sessions import ConsoleSession
from paymentapp.storage.codec.console_sessions import (
    SESSION_SORT,
    read_session,
    session_partition,
    session_record,
)
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import insert_record


class SQLiteConsoleSessions(SQLiteRecords):
    """Sessions of the console."""

    def add_console_session(self, session: ConsoleSession) -> None:
        """Implement `Store.add_console_session`."""
        pk = session_partition(session.secret_hash)
        self._add(insert_record(pk, SESSION_SORT, session_record(session)))

    def get_console_session(self, secret_hash: str) -> ConsoleSession | None:
        """Implement `Store.get_console_session`."""
        found = self._get(sql.GET_RECORD, session_partition(secret_hash), SESSION_SORT)
        return read_session(found) if found else None

    def change_console_session(self, old: ConsoleSession, new: ConsoleSession) -> bool:
        """Implement `Store.change_console_session`."""
        pk = session_partition(old.secret_hash)
        return self._change(pk, SESSION_SORT, session_record(old), session_record(new))
