"""What a bank has booked, read from its books while another process writes them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

# A return counts once it was sent. Prenotes move nothing.
_CREDITS = """(SELECT e.id, e.cents, e.name, e.account, e.trace, f.at,
        CASE WHEN a.code LIKE 'R%' THEN 'returned ' || a.code ELSE 'paid' END AS status
    FROM entries e JOIN files f ON f.id = e.file
    LEFT JOIN answers a ON a.entry = e.id AND a.sent = 1
    WHERE substr(e.code, 2, 1) = '2' AND e.cents > 0)"""


class BookedCredit(NamedTuple):
    """A credit, as it is shown: of the account only the last four characters."""

    name: str
    account: str
    cents: int
    status: str
    trace: str
    at: int


class CreditTotal(NamedTuple):
    """The credits of one status."""

    status: str
    credits: int
    cents: int


class BankOverview(NamedTuple):
    """The sums of all credits, and the newest ones."""

    totals: list[CreditTotal]
    newest: list[BookedCredit]


def read_overview(books: Path, limit: int) -> BankOverview:
    """Read books without changing them; nothing where there are none yet."""
    try:
        with closing(sqlite3.connect(f"{books.absolute().as_uri()}?mode=ro", uri=True)) as db:
            totals = db.execute(
                f"SELECT status, count(*), sum(cents) FROM {_CREDITS} GROUP BY 1 ORDER BY 1"  # noqa: S608
            )
            newest = db.execute(
                "SELECT name, '…' || substr(account, -4), cents, status, trace, at "  # noqa: S608
                f"FROM {_CREDITS} ORDER BY id DESC LIMIT ?",
                (limit,),
            )
            return BankOverview(
                [CreditTotal(*row) for row in totals], [BookedCredit(*row) for row in newest]
            )
    except sqlite3.OperationalError:  # no file, or no tables yet
        return BankOverview([], [])
