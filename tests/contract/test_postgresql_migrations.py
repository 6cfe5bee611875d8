"""PostgreSQL: the schema changes while the service works, and no table is locked for long."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.postgresql import PostgreSQLStore, migrations
from paymentapp.storage.postgresql.migrations import CONCURRENT, MIGRATIONS, Migration
from tests.support import postgresql
from tests.support.records import a_payment, later, stamped

COLUMN = "ALTER TABLE paymentapp.disbursements ADD COLUMN later text NOT NULL DEFAULT ''"
INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS later ON paymentapp.disbursements (currency)"
# What locks a table until it has read or written all of it.
LONG = re.compile(
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)|ALTER COLUMN \w+ (SET DATA )?TYPE|SET NOT NULL"
    r"|ADD (CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY)(?![^;]*NOT VALID)|CLUSTER|VACUUM FULL"
    r"|DEFAULT (random|clock_timestamp|gen_random_uuid)\(",
    re.IGNORECASE,
)


@pytest.fixture
def database(postgresql_server: str) -> Iterator[str]:
    with postgresql.new_database(postgresql_server) as url:
        yield url


@pytest.fixture
def store(database: str) -> Iterator[PostgreSQLStore]:
    store = PostgreSQLStore.of(Settings(store=database))
    store.create_tables()
    yield store
    store.close()


def released(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Have a version that knows one file more."""
    number = migrations.LATEST + 1
    monkeypatch.setattr(migrations, "MIGRATIONS", [*MIGRATIONS, Migration(number, "later", text)])
    monkeypatch.setattr(migrations, "LATEST", number)
    monkeypatch.setattr(migrations, "_PAUSE_SECONDS", 0.2)


@contextmanager
def migrating(store: PostgreSQLStore, programs: int = 1) -> Iterator[list[Future[list[str]]]]:
    """Run `paymentapp init` beside the body, and wait for its end, which is a good one."""
    with ThreadPoolExecutor(programs) as threads:
        running = [threads.submit(store.create_tables) for _ in range(programs)]
        yield running
        for each in running:
            each.result(30)


@contextmanager
def long_transaction(database: str, statement: str) -> Iterator[psycopg.Connection]:
    """Have somebody's transaction open, such as that of a dump or a report."""
    with closing(psycopg.connect(database)) as other:
        other.execute(statement)
        yield other


def accept(store: PostgreSQLStore, number: int) -> float:
    """Accept and stamp a payment as the service does; return the seconds that it took."""
    began = time.monotonic()
    payment = a_payment(payment_id=to_text(later(number)))
    assert store.accept(Acceptance(payment)).payment == payment
    assert store.change_payments([PaymentChange(payment, moved := stamped(payment))]) == [True]
    assert store.get_payment(payment.key) == moved
    return time.monotonic() - began


def accept_for(store: PostgreSQLStore, seconds: float) -> float:
    """Accept payments one after the other; return the seconds of the slowest."""
    end = time.monotonic() + seconds
    numbers = iter(range(10**6))
    slowest = 0.0
    while time.monotonic() < end:
        slowest = max(slowest, accept(store, next(numbers)))
    return slowest


def applied(database: str) -> int:
    ((number,),) = postgresql.run(database, "SELECT max(number) FROM paymentapp.migrations")
    return int(number)


def test_a_file_that_waits_for_a_lock_holds_up_no_payment_for_long(
    store: PostgreSQLStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(monkeypatch, COLUMN)
    with long_transaction(database, "SELECT count(*) FROM paymentapp.disbursements") as other:
        with migrating(store) as (running,):
            slowest = accept_for(store, 2.5)
            assert not running.done()
            assert applied(database) < migrations.LATEST
            other.rollback()
        assert slowest < migrations.LOCK_SECONDS + 1
    assert applied(database) == migrations.LATEST


def test_an_index_of_a_large_table_is_made_while_payments_are_accepted(
    store: PostgreSQLStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits until every transaction has ended that could have missed it."""
    released(monkeypatch, f"{CONCURRENT}\n{INDEX}")
    accept(store, -1)
    written = "UPDATE paymentapp.disbursements SET status = status"
    with long_transaction(database, written) as other, migrating(store) as (running,):
        assert accept_for(store, 1.5) < 1
        assert not running.done()
        other.rollback()
    assert applied(database) == migrations.LATEST
    assert valid_indexes(database) == [(True,)]


def valid_indexes(database: str) -> list[tuple[bool]]:
    return postgresql.run(
        database,
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'paymentapp.later'::regclass",
    )


def test_an_index_that_was_interrupted_is_made_again(
    store: PostgreSQLStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(store, -1)
    written = "UPDATE paymentapp.disbursements SET status = status"
    with (
        long_transaction(database, written),
        suppress(psycopg.errors.QueryCanceled),
        closing(psycopg.connect(database, autocommit=True)) as killed,
    ):
        killed.execute("SET statement_timeout = '300ms'")
        killed.execute(INDEX)
    assert valid_indexes(database) == [(False,)]
    released(monkeypatch, f"{CONCURRENT}\n{INDEX}")
    store.create_tables()
    assert valid_indexes(database) == [(True,)]


def test_two_programs_that_migrate_at_once_make_an_index_once(
    store: PostgreSQLStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(monkeypatch, f"{CONCURRENT}\n{INDEX}")
    with migrating(store, programs=3):
        pass
    assert applied(database) == migrations.LATEST
    assert valid_indexes(database) == [(True,)]


def test_a_version_that_runs_goes_on_through_the_migration_of_the_next(
    store: PostgreSQLStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes and reads rows of a table that has got a column, with the statements it has."""
    ending = threading.Event()
    failures: list[Exception] = []

    def serve() -> None:
        numbers = iter(range(10**6))
        try:
            while not ending.is_set():
                accept(store, next(numbers))
        except Exception as error:  # whatever the service would answer with
            failures.append(error)

    serving = threading.Thread(target=serve)
    serving.start()
    time.sleep(0.3)
    with closing(PostgreSQLStore.of(Settings(store=database))) as next_one:
        released(monkeypatch, COLUMN)
        next_one.create_tables()
        time.sleep(0.3)
        next_one.ping()
    ending.set()
    serving.join(30)
    assert failures == []
    assert applied(database) == migrations.LATEST


def test_no_released_file_locks_a_table_for_long() -> None:
    """The first file makes the tables; others may be applied while they have millions of rows."""
    assert [each.name for each in MIGRATIONS[1:] if LONG.search(each.text)] == []
    assert LONG.search("CREATE INDEX later ON paymentapp.events (at)")
    assert LONG.search("ALTER TABLE paymentapp.events ALTER COLUMN at TYPE text")
    assert not LONG.search(INDEX)
    assert not LONG.search(COLUMN)
