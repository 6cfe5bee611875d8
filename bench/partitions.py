"""What a payment takes in PostgreSQL's tables, and what partitions by time cost and bring.

`python -m bench.partitions --payments 1000000` fills a store, lists the bytes of each table and
index, changes a tenth of the payments and vacuums, and then compares the table of payments with the
same rows in partitions by `payment_id`, which is a time: look-ups, inserts, the end of old rows.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, redirect_stdout
from statistics import median
from typing import Any

import psycopg

from bench import postgresql
from bench.filling import History, item_id, reference
from bench.filling_postgresql import fill_postgresql
from bench.postgresql import PostgreSQLPlace
from bench.say import say
from bench.stores import open_services
from paymentapp.clock import to_text
from paymentapp.storage.postgresql import sql

CUSTOMERS = 20_000
LOOKUPS = 300
INSERTS = 2_000
PLAIN, PARTED = "disbursements", "parted"
_SIZES = """
SELECT relname, relkind = 'i', pg_relation_size(oid), reltuples::bigint FROM pg_class
WHERE relnamespace = 'paymentapp'::regnamespace AND relkind IN ('r', 'i')
AND pg_relation_size(oid) > 1000000 ORDER BY 2, 3 DESC
"""
_INDEXES = """
SELECT indexdef FROM pg_indexes WHERE tablename = 'disbursements' AND indexname LIKE 'payment_%'
"""
_FIND = "SELECT {columns} FROM paymentapp.{table} WHERE {column} = %s ORDER BY payment_id LIMIT 25"


def main() -> None:
    """Fill a store, and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.partitions", description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--partitions", type=int, default=24, help="(%(default)s)")
    options = parser.parse_args()
    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):
            postgresql.start(stack)
            place = PostgreSQLPlace("partitions")
            with closing(open_services(place).store) as store:
                store.create_tables()
        connection = stack.enter_context(psycopg.connect(place.url, autocommit=True))
        history = History.of(options.payments, min(CUSTOMERS, options.payments))
        _fill(connection, place, history)
        _show_sizes(connection, history.count)
        _show_vacuum(connection, history.count)
        _divide(connection, history, options.partitions)
        _compare(connection, history)
        _show_ends(connection, history, options.partitions)


def _fill(connection: psycopg.Connection[Any], place: PostgreSQLPlace, history: History) -> None:
    before = _log_position(connection)
    begin = time.monotonic()
    fill_postgresql(place.url, history, range(history.count), lambda _: None)
    seconds, log = time.monotonic() - begin, _log_position(connection) - before
    print(f"filled {history.count:,} payments in {seconds:.0f} s")
    print(f"write-ahead log of the fill: {log / history.count:.0f} bytes a payment")


def _log_position(connection: psycopg.Connection[Any]) -> int:
    return int(_one(connection, "SELECT pg_current_wal_lsn() - '0/0'"))


def _one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def _show_sizes(connection: psycopg.Connection[Any], count: int) -> None:
    total = 0
    for name, is_index, size, _ in connection.execute(_SIZES).fetchall():
        total += size
        print(f"  {'index' if is_index else 'table'} {name}: {size / count:.0f} bytes a payment")
    print(f"all: {total / count:.0f} bytes a payment, {total / 1e9:.2f} GB")


def _show_vacuum(connection: psycopg.Connection[Any], count: int) -> None:
    """Change a tenth of the payments as a dispatch does, and vacuum."""
    update = (
        "UPDATE paymentapp.disbursements SET revision = 'x', batch_id = batch_id || 'x' "
        "WHERE abs(hashtext(payment_id)) % 10 = 0"
    )
    size = "SELECT pg_total_relation_size('paymentapp.disbursements')"
    before = _one(connection, size)
    took = _seconds(lambda: connection.execute(update.encode()))
    after = _one(connection, size)
    vacuum = _seconds(lambda: connection.execute("VACUUM ANALYZE paymentapp.disbursements"))
    again = _seconds(lambda: connection.execute(update.encode()))
    print(
        f"a tenth changed in {took:.1f} s: {(after - before) / count * 10:.0f} bytes a change; "
        f"vacuum {vacuum:.1f} s; the same change again {again:.1f} s, "
        f"{(_one(connection, size) - after) / count * 10:.0f} bytes more"
    )
    connection.execute("VACUUM ANALYZE paymentapp.disbursements")


def _divide(connection: psycopg.Connection[Any], history: History, partitions: int) -> None:
    """Copy the payments into a table of partitions, with the same indexes."""
    bounds = [to_text(history.at(history.count * n // partitions)) for n in range(partitions)]
    ends = [*bounds[1:], "~"]
    bounds[0] = ""
    statements = [
        f"CREATE TABLE paymentapp.{PARTED} (LIKE paymentapp.{PLAIN} INCLUDING DEFAULTS, "
        "PRIMARY KEY (customer_id, payment_id)) PARTITION BY RANGE (payment_id)",
        *(
            f"CREATE TABLE paymentapp.{PARTED}_{n} PARTITION OF paymentapp.{PARTED} "
            f"FOR VALUES FROM ('{first}') TO ('{last}')"
            for n, (first, last) in enumerate(zip(bounds, ends, strict=True))
        ),
        *_indexes(connection),
        f"INSERT INTO paymentapp.{PARTED} SELECT * FROM paymentapp.{PLAIN} ORDER BY payment_id",
        f"VACUUM ANALYZE paymentapp.{PARTED}",
    ]
    for statement in statements:
        connection.execute(statement.encode())


def _indexes(connection: psycopg.Connection[Any]) -> list[str]:
    found = [definition for (definition,) in connection.execute(_INDEXES)]
    return [
        each.replace(f"paymentapp.{PLAIN}", f"paymentapp.{PARTED}").replace(
            "INDEX payment_", "INDEX parted_"
        )
        for each in found
    ]


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _compare(connection: psycopg.Connection[Any], history: History) -> None:
    """Compare look-ups and inserts: microseconds, planned each time and planned once."""
    dice = random.Random(1)
    after = sql.AFTER_EVERY_ID
    lookups: dict[str, tuple[str, Callable[[int], tuple[Any, ...]]]] = {
        "by key": (
            sql.GET_PAYMENT,
            lambda n: (history.customer(n), to_text(history.at(n))),
        ),
        "a page of a customer": (
            sql.LIST_PAYMENTS,
            lambda n: (history.customer(n), "", after, after, 25),
        ),
        "by reference": (_finding("reference"), lambda n: (reference(n),)),
        "by provider's item": (_finding("provider_item_id"), lambda n: (item_id(n),)),
        "the newest 25": (
            f"SELECT {sql.PAYMENT_COLUMNS} FROM paymentapp.{PLAIN} WHERE payment_id < %s "
            "ORDER BY payment_id DESC, customer_id DESC LIMIT 25",
            lambda _: (after,),
        ),
    }
    for name, (statement, values) in lookups.items():
        for table in (PLAIN, PARTED):
            own = statement.replace(f"paymentapp.{PLAIN}", f"paymentapp.{table}").encode()
            shown = []
            for prepare in (False, True):
                took = []
                for _ in range(LOOKUPS):
                    wanted = values(dice.randrange(history.count))
                    begin = time.perf_counter()
                    connection.execute(own, wanted, prepare=prepare).fetchall()
                    took.append(time.perf_counter() - begin)
                shown.append(f"{median(took) * 1e6:.0f}")
            print(f"  {name}, {table}: {shown[0]} µs, prepared {shown[1]} µs")
    for table in (PLAIN, PARTED):
        print(f"  an insert, {table}: {_insert(connection, table, history):.0f} µs")


def _finding(column: str) -> str:
    return _FIND.format(columns=sql.PAYMENT_COLUMNS, table=PLAIN, column=column)


def _insert(connection: psycopg.Connection[Any], table: str, history: History) -> float:
    """Return the microseconds of an insert at the end of the table, without commits."""
    row = connection.execute(
        f"SELECT {sql.PAYMENT_COLUMNS.replace('document', 'document::text')} "
        f"FROM paymentapp.{PLAIN} ORDER BY payment_id DESC LIMIT 1".encode()
    ).fetchone()
    assert row is not None
    marks = ", ".join(["%s"] * len(row))
    insert = f"INSERT INTO paymentapp.{table} ({sql.PAYMENT_COLUMNS}) VALUES ({marks})".encode()
    with connection.transaction(force_rollback=True):
        begin = time.perf_counter()
        for number in range(INSERTS):
            own = (history.customer(number), f"{row[1][:-1]}{number:05}Z", *row[2:])
            connection.execute(insert, own, prepare=True)
        return (time.perf_counter() - begin) / INSERTS * 1e6


def _show_ends(connection: psycopg.Connection[Any], history: History, partitions: int) -> None:
    """Compare the end of the oldest payments: a partition dropped, or as many rows deleted."""
    until = to_text(history.at(history.count // partitions))
    dropped = _seconds(lambda: connection.execute(f"DROP TABLE paymentapp.{PARTED}_0".encode()))
    delete = f"DELETE FROM paymentapp.{PLAIN} WHERE payment_id < '{until}'".encode()
    deleted = _seconds(lambda: connection.execute(delete))
    vacuumed = _seconds(lambda: connection.execute(f"VACUUM paymentapp.{PLAIN}".encode()))
    say(f"the oldest {history.count // partitions:,} payments: dropped in {dropped * 1000:.0f} ms,")
    say(f"  deleted in {deleted:.1f} s and vacuumed in {vacuumed:.1f} s")


if __name__ == "__main__":
    main()
