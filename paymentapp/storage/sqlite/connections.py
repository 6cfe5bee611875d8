"""The database connections of one process: a writer thread, and a pool for readers."""

from __future__ import annotations

import sqlite3
from collections import deque
from pathlib import Path
from typing import Any

from paymentapp.storage.sqlite.database import FileConnection, connect, unavailable
from paymentapp.storage.sqlite.group_commit import Writer


class ProcessConnections:
    """A writer, and a connection for each reader while it reads.

    In WAL mode readers wait for nobody, and see the last commit.
    """

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path)
        self._path = path
        self._idle: deque[FileConnection] = deque()

    def read(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one query. Raises StoreUnavailable."""
        try:
            connection = self._take()
            try:
                rows = connection.execute(sql, values).fetchall()
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise unavailable(error) from error
        self._idle.append(connection)
        return rows

    def close(self) -> None:
        """Close idle connections, and stop the writer when its queue is empty."""
        while self._idle:
            self._idle.pop().close()
        self.writer.close()

    def _take(self) -> FileConnection:
        """Take a connection that is idle, or open one; close those of a file that was replaced."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return connect(self._path)
            if connection.is_current():
                return connection
            connection.close()
