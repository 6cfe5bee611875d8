"""The bank's books: every file that it took, every entry, and the answers to send."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simulators.bank.records import BankEntry

_TABLES = """
CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, taken TEXT UNIQUE, name TEXT, at INTEGER);
CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, file INTEGER, sec_code TEXT,
    company_id TEXT, company_name TEXT, effective TEXT, code TEXT, routing TEXT, account TEXT,
    cents INTEGER, individual_id TEXT, name TEXT, trace TEXT);
CREATE TABLE IF NOT EXISTS answers (entry INTEGER PRIMARY KEY, code TEXT, due INTEGER,
    sent INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS counter (traces INTEGER);
"""
_FIELDS = ", ".join(BankEntry._fields)
_OF_ENTRY = ", ".join(f"e.{name}" for name in BankEntry._fields)


class BankCredit(NamedTuple):
    """A credit that the bank was instructed to pay."""

    file: str
    trace: str
    account: str
    cents: int
    individual_id: str
    information: str = ""
    description: str = ""
    descriptive_date: str = ""
    discretionary: str = ""
    effective: str = ""


class DueAnswer(NamedTuple):
    """An answer that is due."""

    entry_id: int
    code: str
    entry: BankEntry


class BankBooks:
    """Books in SQLite, which outlive the bank's process. Times are microseconds since 1970."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=30)
        with self._db:
            self._db.execute("PRAGMA synchronous = OFF")  # a simulator need not survive power loss
            self._db.executescript(_TABLES)
            columns = self._db.execute("SELECT name FROM pragma_table_info('entries')").fetchall()
            for name in BankEntry._fields:  # books of an earlier version
                if (name,) not in columns:
                    self._db.execute(f"ALTER TABLE entries ADD COLUMN {name} TEXT DEFAULT ''")

    def has(self, taken: str) -> bool:
        """Return whether a file is in the books, by the name under which it was taken."""
        with self._lock:
            found = self._db.execute("SELECT 1 FROM files WHERE taken = ?", (taken,)).fetchone()
        return found is not None

    def enter(
        self, taken: str, name: str, at: int, rows: Sequence[tuple[BankEntry, str | None, int]]
    ) -> None:
        """Book a file with its entries, the code of the answer to each, and when it is due."""
        with self._lock, self._db:
            file = self._db.execute(
                "INSERT INTO files (taken, name, at) VALUES (?, ?, ?)", (taken, name, at)
            ).lastrowid
            for entry, code, due in rows:
                marks = ", ".join("?" * (1 + len(entry)))
                added = self._db.execute(
                    f"INSERT INTO entries (file, {_FIELDS}) VALUES ({marks})",  # noqa: S608
                    (file, *entry),
                ).lastrowid
                if code:
                    self._db.execute(
                        "INSERT INTO answers (entry, code, due) VALUES (?, ?, ?)",
                        (added, code, due),
                    )

    def due(self, now: int) -> list[DueAnswer]:
        """Return the answers that are due and not sent."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT a.entry, a.code, {_OF_ENTRY} "  # noqa: S608
                "FROM answers a JOIN entries e ON e.id = a.entry WHERE sent = 0 AND due <= ?",
                (now,),
            ).fetchall()
        return [DueAnswer(row[0], row[1], BankEntry(*row[2:])) for row in rows]

    def answered(self, entry_ids: Sequence[int]) -> None:
        """Mark answers as sent."""
        with self._lock, self._db:
            self._db.executemany(
                "UPDATE answers SET sent = 1 WHERE entry = ?", [(each,) for each in entry_ids]
            )

    def next_traces(self, count: int) -> int:
        """Reserve trace numbers of the bank's own, and return the first."""
        with self._lock, self._db:
            (last,) = self._db.execute("SELECT COALESCE(MAX(traces), 0) FROM counter").fetchone()
            self._db.execute("INSERT INTO counter VALUES (?)", (last + count,))
        return int(last) + 1

    def credits(self) -> list[BankCredit]:
        """Return every credit, returned ones included."""
        return self._credits("substr(code, 2, 1) = '2'")

    def debits(self) -> list[BankCredit]:
        """Return every debit of an account that it holds: reversals, and offsets."""
        return self._credits("substr(code, 2, 1) = '7'")

    def may_be_reversed(self, entry: BankEntry) -> bool:
        """Return whether a debit takes back a booked credit, neither returned nor taken before.

        NACHA Operating Rules, Subsection 2.10: the company, the entry class and the amount are
        those of the credit.
        """
        same = (entry.company_id, entry.sec_code, entry.routing, entry.account, entry.cents)
        sql = """SELECT sum(substr(e.code, 2, 1) = '2'), sum(substr(e.code, 2, 1) = '7')
            FROM entries e LEFT JOIN answers a ON a.entry = e.id AND a.code LIKE 'R%'
            WHERE company_id = ? AND sec_code = ? AND routing = ? AND account = ? AND cents = ?
            AND a.entry IS NULL"""
        with self._lock:
            paid, taken = self._db.execute(sql, same).fetchone()
        return (paid or 0) > (taken or 0)

    def prenotes(self) -> list[BankCredit]:
        """Return every prenote."""
        return self._credits("substr(code, 2, 1) = '3'")

    def files(self) -> list[str]:
        """Return the names of all files that were taken, in order."""
        with self._lock:
            return [row[0] for row in self._db.execute("SELECT name FROM files ORDER BY id")]

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _credits(self, condition: str) -> list[BankCredit]:
        with self._lock:
            rows = self._db.execute(
                "SELECT f.name, trace, account, cents, individual_id, information, description, "  # noqa: S608
                "descriptive_date, discretionary, effective FROM entries e "
                f"JOIN files f ON f.id = e.file WHERE {condition} ORDER BY e.id"
            ).fetchall()
        return [BankCredit(*row) for row in rows]
