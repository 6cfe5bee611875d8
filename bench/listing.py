"""Benchmark of the account's list: a page by each filter, among many payments in SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

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
    middle = to_text(START + timedelta(seconds=count // 2))
    indexed: dict[str, dict[str, Any]] = {
        "no filter": {},
        "`to`, in the middle": {"latest": middle},
        "`reference`": {"reference": f"invoice {count // 2}"},
        "`provider_id`, a transaction": {"provider_id": f"T{count // 3}"},
        "`provider_id`, a batch": {"provider_id": "b1"},
        "`provider_id`, unknown": {"provider_id": "none"},
        "`created_by`": {"created_by": "client7"},
        "`status=pending`": {"status": Status.PENDING},
    }
    bounded: dict[str, dict[str, Any]] = {
        "`status=rejected`, of which there is none": {"status": Status.REJECTED},
        "`currency`, of which there is none": {"currency": "JPY"},
        "`min_amount`, above all": {"min_amount": usd("2000").amount},
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
    with closing(sqlite3.connect(path)) as connection, connection:
        for payment in _payments(count):
            insert = insert_payment(payment)
            connection.execute(insert.add, insert.values)


def _payments(count: int) -> Iterator[Payment]:
    for number in range(count):
        at = START + timedelta(seconds=number)
        by = f"client{number % CLIENTS}"
        payment = a_payment(
            customer_id=f"c{number % 20_000}",
            payment_id=to_text(at),
            history=(Transition(at, Status.PENDING, Cause.REQUEST, by=by),),
            texts=CallerTexts(f"invoice {number}"),
            money=usd(f"{number % 1000 + 1}.00"),
            due_at=None,
        )
        yield payment if number >= count - OPEN else _settled(payment, number, at)


def _settled(payment: Payment, number: int, at: datetime) -> Payment:
    batch = f"b{number // BATCH}"
    sent = payment.moved(Status.SUBMITTING, at, Cause.DISPATCH, batch, batch_id=batch)
    item, transaction = f"I{number}", f"T{number}"
    return sent.moved(
        Status.SUCCEEDED,
        at,
        Cause.POLL,
        item,
        provider_item_id=item,
        transaction_id=transaction,
    )
