"""Statements that PostgreSQL plans once for a connection: by key, and never behind a pooler."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
import pytest

from paymentapp.config import Settings
from paymentapp.errors import Conflict, StoreUnavailable
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.postgresql import PostgreSQLStore, sql
from paymentapp.storage.postgresql.connections import DeadlineConnection
from paymentapp.storage.postgresql.prepared import PREPARED
from paymentapp.storage.postgresql.transactions import begun
from tests.support import pgbouncer, postgresql
from tests.support.records import a_claim, a_customer, a_payment

PAYMENT, CLAIM = a_payment(), a_claim()
PID = "SELECT pg_backend_pid()"
NAMES = "SELECT name FROM pg_prepared_statements"


@pytest.fixture
def database(postgresql_server: str) -> Iterator[str]:
    with postgresql.new_database(postgresql_server) as url:
        with closing(PostgreSQLStore.of(Settings(store=url))) as store:
            store.create_tables()
        yield url


@contextmanager
def opened(url: str, prepared: str = "auto") -> Iterator[PostgreSQLStore]:
    """Yield a store of one connection, on which a payment was accepted."""
    settings = Settings(store=url, postgresql_connections=2, postgresql_prepared=prepared)
    with closing(PostgreSQLStore.of(settings)) as store:
        store.add_customer(a_customer())
        store.accept(Acceptance(PAYMENT, CLAIM))
        yield store


def run(store: PostgreSQLStore, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on the store's connection."""

    def work(connection: DeadlineConnection) -> list[tuple[Any, ...]]:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

    return store._connections().run(work)


def test_statements_of_a_payments_life_are_prepared(database: str) -> None:
    with opened(database) as store:
        assert len(run(store, NAMES)) == 2


def test_nothing_is_prepared_where_the_setting_says_so(database: str) -> None:
    with opened(database, "off") as store:
        assert run(store, NAMES) == []


def test_nothing_is_prepared_behind_a_pooler(database: str) -> None:
    program = pgbouncer.pgbouncer_program()
    if program is None:
        pytest.skip(pgbouncer.MISSING)
    with pgbouncer.pooled(database, program, size=1) as url, opened(url) as store:
        assert run(store, NAMES) == []


def test_a_statement_that_the_server_has_lost_is_prepared_again(database: str) -> None:
    with opened(database) as store:
        run(store, "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")  # the driver does not see it
        accepted = store.accept(Acceptance(PAYMENT, CLAIM))
        assert accepted.payment == PAYMENT
        assert store.get_payment(PAYMENT.key) == PAYMENT


def test_a_plan_whose_table_has_changed_is_made_again(database: str) -> None:
    with opened(database) as store:
        assert store.get_payment(PAYMENT.key) == PAYMENT
        table = "ALTER TABLE paymentapp.disbursements"
        postgresql.run(database, f"{table} ALTER COLUMN email TYPE varchar(300)")
        assert store.get_payment(PAYMENT.key) == PAYMENT


def test_a_pooler_that_keeps_no_statements_is_named_as_the_cause(database: str) -> None:
    program = pgbouncer.pgbouncer_program()
    if program is None:
        pytest.skip(pgbouncer.MISSING)
    with (
        pgbouncer.pooled(database, program, size=1) as url,
        pytest.raises(StoreUnavailable, match="PAYMENTAPP_POSTGRESQL_PREPARED"),
        opened(url, "on"),
        opened(url, "on") as store,
    ):
        store.get_customer("nobody")


def test_plans_that_are_kept_find_rows_by_key_whatever_a_table_holds(database: str) -> None:
    """Plan them while the tables are empty, and the server knows nothing of them."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        for statement in sorted(PREPARED):
            values = defaultdict[str, Any](lambda: None) if "%(" in statement else None
            nothing = [None] * statement.count("%s")
            with suppress(psycopg.errors.IntegrityError):
                connection.execute(statement, nothing if values is None else values, prepare=True)
        found = connection.execute(
            "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements"
        ).fetchall()
        plans = [plan(connection, name, count) for name, count in found]
    assert len(plans) == len(PREPARED)
    assert [each for each in plans if "Seq Scan" in each] == []


def plan(connection: psycopg.Connection[Any], name: str, count: int) -> str:
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    return "\n".join(line for (line,) in connection.execute(f"EXPLAIN EXECUTE {name}{values}"))


def test_what_is_prepared_after_a_rollback_in_a_pipeline_stays_prepared(database: str) -> None:
    """The driver drops all statements of a connection after it, with the next call at the latest.

    That was the call which had prepared one anew: the next use of it found nothing.
    """
    with opened(database) as store:
        first = run(store, PID)

        def refused(connection: DeadlineConnection) -> None:
            with begun(connection):
                connection.execute(sql.GET_CUSTOMER, ("ada",))
                raise Conflict("no")

        for _ in range(3):
            with pytest.raises(Conflict):
                store._connections().run(refused)
            for _ in range(3):
                assert store.get_customer("ada") == a_customer()
                assert store.accept(Acceptance(PAYMENT, CLAIM)).payment == PAYMENT
        assert run(store, PID) == first  # no connection was given up
        assert len(run(store, NAMES)) >= 2
