"""Storage of all simulated providers: one SQLite database, one short transaction for each call.

WAL with ``synchronous=NORMAL`` survives ``kill -9``; a power cut may lose the last calls.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Database:
    """Database that any thread may call; each call is atomic."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=10
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open an exclusive transaction."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def add_tables(self, script: str) -> None:
        """Create tables where they do not exist."""
        with self._lock:
            self._connection.executescript(script)

    def add_column(self, table: str, column: str, kind: str) -> None:
        """Add a column to a table that an earlier version created without it."""
        known = {row[1] for row in self.rows(f"PRAGMA table_info({table})")}
        if column not in known:
            self.add_tables(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
