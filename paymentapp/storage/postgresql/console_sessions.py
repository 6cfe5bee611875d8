"""Sessions of the console in the PostgreSQL store."""

from __future__ import annotations

from paymentapp.models.console_sessions import ConsoleSession
from paymentapp.storage.codec.console_sessions import (
    SESSION_SORT,
    read_session,
    session_partition,
    session_record,
)
from paymentapp.storage.postgresql.records import PostgreSQLRecords


class PostgreSQLConsoleSessions(PostgreSQLRecords):
    """Sessions of the console."""

    def add_console_session(self, session: ConsoleSession) -> None:
        """Implement `Store.add_console_session`."""
        self._add(session_partition(session.secret_hash), SESSION_SORT, session_record(session))

    def get_console_session(self, secret_hash: str) -> ConsoleSession | None:
        """Implement `Store.get_console_session`."""
        found = self._get(session_partition(secret_hash), SESSION_SORT)
        return read_session(found) if found else None

    def change_console_session(self, old: ConsoleSession, new: ConsoleSession) -> bool:
        """Implement `Store.change_console_session`."""
        pk = session_partition(old.secret_hash)
        return self._change(pk, SESSION_SORT, session_record(old), session_record(new))
