"""The running OpenACH: its settings, books and sessions."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from flask import current_app

from simulators.common.database import Database
from simulators.common.provider import ProviderSimulator
from simulators.common.times import Clock, span
from simulators.openach.books import OpenAchBooks
from simulators.openach.schema import OPENACH_SCHEMA
from simulators.openach.settings import OpenAchSimulatorSettings


class OpenAchSimulator(ProviderSimulator[OpenAchSimulatorSettings]):
    """Everything that a view needs; its tables are in the simulators' one database."""

    def __init__(
        self, settings: OpenAchSimulatorSettings, database: Database, clock: Clock
    ) -> None:
        super().__init__(settings, database, "openach_outbox", clock)
        database.add_tables(OPENACH_SCHEMA)
        self._session_locks: dict[str, threading.Lock] = {}

    @contextmanager
    def books(self) -> Iterator[OpenAchBooks]:
        """Open the books in one transaction, which is committed whole or not at all."""
        today = datetime.fromtimestamp(self.now() // 1_000_000, UTC).date()
        with self.database.transaction() as db:
            yield OpenAchBooks(db, today, self.settings.credit_status)

    def new_session(self) -> str:
        """Begin a session; return the value of its cookie."""
        session = secrets.token_hex(16)
        with self.database.transaction() as db:
            db.execute("INSERT INTO openach_sessions VALUES (?, ?)", (session, self.now()))
        return session

    def end_sessions(self, session: str | None = None) -> None:
        """End one session, or all."""
        with self.database.transaction() as db:
            db.execute("DELETE FROM openach_sessions WHERE id = ? OR ? IS NULL", (session, session))

    def touch(self, session: str) -> bool:
        """Return whether a session has begun and not ended, and count its idle time anew."""
        now = self.now()
        with self.database.transaction() as db:
            found = db.execute(
                "UPDATE openach_sessions SET used_at = ? WHERE id = ? AND used_at > ?",
                (now, session, now - span(self.settings.session_idle)),
            )
            return found.rowcount == 1

    @contextmanager
    def in_session(self, session: str) -> Iterator[None]:
        """Hold a session's file, as PHP does: its other calls wait. It takes the latency."""
        with self._lock:
            lock = self._session_locks.setdefault(session, threading.Lock())
        with lock:
            if self.settings.latency:
                time.sleep(self.settings.latency)
            yield

    def reset(self) -> int:
        """Delete all records, entries and calls; sessions go on. Return the number of entries."""
        with self.books() as books:
            deleted = len(books.entries())
            for table in ("profiles", "accounts", "schedules", "entries"):
                books.db.execute(f"DELETE FROM openach_{table}")  # noqa: S608 - constant names
            self.calls.forget_in(books.db, "% /openach/%")
        return deleted


def running_openach() -> OpenAchSimulator:
    """Return the OpenACH of the current request."""
    running: OpenAchSimulator = current_app.extensions["openach_simulator"]
    return running
