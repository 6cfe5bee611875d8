"""Calls of a simulated API: their kinds, and a log of those made."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from simulators.common.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS call_counts (
    endpoint TEXT NOT NULL,
    answer TEXT NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (endpoint, answer)
);
CREATE TABLE IF NOT EXISTS recent_calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    answer TEXT NOT NULL
);
"""
_KEPT = 200


@dataclass(frozen=True)
class ApiCall:
    """An API call: its kind, as ``faults_on`` lists it, and the endpoint it is counted under."""

    kind: str
    endpoint: str


class CallLog:
    """Counts all calls, and keeps the last ones; all simulated providers share one log."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.add_tables(_SCHEMA)

    def record(self, endpoint: str, path: str, answer: str, now: int) -> None:
        """Count a call; the last 200 are also kept individually."""
        with self._database.transaction() as db:
            db.execute(
                """INSERT INTO call_counts VALUES (?, ?, 1)
                   ON CONFLICT (endpoint, answer) DO UPDATE SET calls = calls + 1""",
                (endpoint, answer),
            )
            cursor = db.execute(
                "INSERT INTO recent_calls (at, endpoint, path, answer) VALUES (?, ?, ?, ?)",
                (now, endpoint, path, answer),
            )
            db.execute("DELETE FROM recent_calls WHERE id <= ?", ((cursor.lastrowid or 0) - _KEPT,))

    def counts(self) -> list[tuple[str, str, int]]:
        """Return ``(endpoint, answer, calls)``; an answer is an HTTP status or a fault's name."""
        sql = "SELECT endpoint, answer, calls FROM call_counts ORDER BY 1, 2"
        return [(row[0], row[1], row[2]) for row in self._database.rows(sql)]

    def recent(self, limit: int) -> list[tuple[int, str, str, str]]:
        """Return ``(time, endpoint, path, answer)`` of the last calls, newest first."""
        sql = "SELECT at, endpoint, path, answer FROM recent_calls ORDER BY id DESC LIMIT :limit"
        rows = self._database.rows(sql, limit=limit)
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def forget_in(self, db: sqlite3.Connection, endpoints: str = "%") -> None:
        """Delete the calls of matching endpoints, within an open transaction."""
        for table in ("call_counts", "recent_calls"):
            db.execute(f"DELETE FROM {table} WHERE endpoint LIKE ?", (endpoints,))  # noqa: S608
