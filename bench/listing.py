"""Benchmark of the account's list: a page by each filter, among many payments in SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.report import Finding, Section
from bench.say import say
from paymentapp.clock import to_text
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.storage.sqlite import SQLiteStore
from paymentapp.storage.sqlite.disbursements import insert_payment
from tests.support.records import a_payment, usd

LIMIT = 25
ROUNDS = 9
BATCH = 500
CLIENTS = 50
OPEN = 500  # of the newest payments
INDEXED_MS = 20.0  # a page by an index
BOUNDED_MS = 500.0  # a page that finds nothing in 20,000 records
START = datetime(2026, 1, 1, tzinfo=UTC)
METHOD = """\
Milliseconds for the first page of {limit} by `Store.list_account_payments` in this process, the
median of {rounds}, among {count:,} payments of {clients} clients, a second apart, in batches of
{batch}. All but the newest {open} are settled. A filter without an index reads 20,000 records at
most."""


def measure(directory: Path, count: int) -> Section:
    """Fill a database, and measure a page by each filter."""
    say(f"listing: {count} payments")
    path = directory / "listing.db"
    store = SQLiteStore(path)
    store.create_tables()
    _fill(path, count)
    findings = []
    for name, (filters, limit) in _queries(count).items():
        took = _milliseconds(store, AccountQuery(LIMIT, **filters))
        say(f"  {name}: {took:.1f} ms")
        findings.append(Finding(name, f"{took:.1f} ms", f"≤ {limit:.0f} ms", took <= limit))
    store.close()
    method = METHOD.format(
        limit=LIMIT, rounds=ROUNDS, count=count, clients=CLIENTS, batch=BATCH, open=OPEN
    )
    return Section("Listing payments: SQLite", method, findings)


def _queries(count: int) -> Mapping[str, tuple[dict[str, Any], float]]:
    """Return filters by name, each with how many milliseconds a page may take."""
    at = START + timedelta(seconds=count // 2)
    middle, minute_later = to_text(at), to_text(at + timedelta(minutes=1))
    indexed: dict[str, dict[str, Any]] = {
        "no filter": {},
        "`to`, in the middle": {"latest": middle},
        "`from`, in the middle": {"earliest": middle},
        "`from` and `to`, a minute of it": {"earliest": middle, "latest": minute_later},
        "`reference`": {"reference": f"invoice {count // 2}"},
        "`provider_id`, an item": {"provider_id": f"I{count // 3}"},
        "`provider_id`, a transaction": {"provider_id": f"T{count // 3}"},
        "`provider_id`, a batch": {"provider_id": "b1"},
        "`provider_id`, unknown": {"provider_id": "none"},
        "`created_by`": {"created_by": "client7"},
        "`status=pending`": {"status": Status.PENDING},
    }
    bounded: dict[str, dict[str, Any]] = {
        "`status=rejected`, of which there is none": {"status": Status.REJECTED},
        "`currency`, of which there is none": {"currency": "JPY"},
        "`payment_method`, of which there is none": {"payment_method": "ach"},
        "`min_amount`, above all": {"min_amount": usd("2000").amount},
        "`max_amount`, below all": {"max_amount": usd("0.50").amount},
        "`created_by` and `max_amount`, below all": {
            "created_by": "client7",
            "max_amount": usd("0.50").amount,
        },
    }
    return {name: (filters, INDEXED_MS) for name, filters in indexed.items()} | {
        name: (filters, BOUNDED_MS) for name, filters in bounded.items()
    }


def _milliseconds(store: SQLiteStore, query: AccountQuery) -> float:
    def once() -> float:
        begin = time.perf_counter()
        store.list_account_payments(query)
        return (time.perf_counter() - begin) * 1000

    once()
    return median(once() for _ in range(ROUNDS))


def _fill(path: Path, count: int) -> None:
    """Insert payments as the store writes them: their texts by template, the indexes at the end."""
    with closing(sqlite3.connect(path)) as connection, connection:
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        settled, pending = _template(_settled(_PAYMENT)), _template(_PAYMENT)
        connection.executemany(settled.insert, settled.rows(range(count - OPEN)))
        connection.executemany(pending.insert, pending.rows(range(count - OPEN, count)))
        for _, statement in indexes:
            connection.execute(statement)


class _Template(NamedTuple):
    """The statement that inserts a payment, and its values with names for what differs."""

    insert: str
    values: tuple[str | None, ...]

    def rows(self, numbers: Iterable[int]) -> Iterator[tuple[str | None, ...]]:
        """Yield the values of payments by their numbers."""
        for number in numbers:
            own = {
                "at": to_text(START + timedelta(seconds=number)),
                "customer": f"c{number % 20_000}",
                "client": f"client{number % CLIENTS}",
                "amount": f"{number % 1000 + 1}",
                "batch": f"b{number // BATCH}",
                "number": number,
            }
            yield tuple(value and value % own for value in self.values)


def _template(payment: Payment) -> _Template:
    """Return the template that a payment with marks in it is of."""
    insert = insert_payment(payment)
    values = [value and _marked(value) for value in insert.values]
    return _Template(insert.add, tuple(values))


def _marked(text: str) -> str:
    for mark, name in _MARKS.items():
        text = text.replace(mark, f"%({name})s")
    return text


def _settled(payment: Payment) -> Payment:
    sent = payment.moved(Status.SUBMITTING, START, Cause.DISPATCH, "BATCH", batch_id="BATCH")
    return sent.moved(
        Status.SUCCEEDED,
        START,
        Cause.POLL,
        "INUMBER",
        provider_item_id="INUMBER",
        transaction_id="TNUMBER",
    )


_INDEXES = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'Disbursements' AND type = 'index'"
_INDEXES += " AND sql IS NOT NULL"
_PAYMENT = a_payment(
    customer_id="CUSTOMER",
    payment_id=to_text(START),
    history=(Transition(START, Status.PENDING, Cause.REQUEST, by="CLIENT"),),
    texts=CallerTexts("invoice NUMBER"),
    money=usd("987654.32"),
    due_at=None,
)
_MARKS = {
    to_text(START): "at",
    "CUSTOMER": "customer",
    "CLIENT": "client",
    "987654.32": "amount",
    "BATCH": "batch",
    "NUMBER": "number",
}
