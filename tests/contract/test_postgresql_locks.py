"""PostgreSQL: locks are waited for in bounds, and what lost against others is made again, once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal

import psycopg
import pytest

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.limits import Charge
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.postgresql import PostgreSQLStore, sql
from paymentapp.storage.postgresql.connections import DeadlineConnection
from paymentapp.storage.postgresql.transactions import begun
from tests.support import postgresql
from tests.support.records import a_customer, a_payment, add_payment, later, stamped

CHARGE = Charge("all//USD/day", "2026-03-01", Decimal(1), Decimal(1000))
COUNTERS = "SELECT FROM paymentapp.operations FOR UPDATE"


def charged(number: int) -> Acceptance:
    payment = a_payment(payment_id=to_text(later(number)), charges=(str(CHARGE),))
    return Acceptance(payment, charges=[CHARGE])


@contextmanager
def transaction(url: str, statement: str) -> Iterator[psycopg.Connection]:
    """Have a transaction open that somebody else has begun."""
    with closing(psycopg.connect(url)) as other:
        other.execute(statement)
        yield other


def bounded(monkeypatch: pytest.MonkeyPatch, name: str, seconds: str) -> None:
    """Have a bound of transactions that is shorter, so that the test is."""
    monkeypatch.setattr(
        sql, "BOUNDED", sql.BOUNDED.replace(f"'{name}', '{seconds}'", f"'{name}', '300ms'")
    )


def test_a_lock_that_others_keep_is_given_up_and_nothing_is_written(
    postgresql_store: PostgreSQLStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, "lock_timeout", "5s")
    second = charged(2)
    postgresql_store.accept(charged(1))
    with transaction(postgresql_url, COUNTERS):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="locked"):
            postgresql_store.accept(second)
        assert time.monotonic() - began < 3
    assert postgresql_store.get_payment(second.payment.key) is None
    assert postgresql_store.accept(second).payment == second.payment
    assert postgresql_store.count_of([CHARGE]) == [{CHARGE.slot: Decimal(2)}]


def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    postgresql_store: PostgreSQLStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the client was suspended, and watches no clock."""
    bounded(monkeypatch, "statement_timeout", "9s")
    postgresql_store.accept(charged(1))
    with transaction(postgresql_url, COUNTERS), pytest.raises(StoreUnavailable, match="time-out"):
        postgresql_store.accept(charged(2))
    assert postgresql_store.get_payment(charged(2).payment.key) is None


def test_a_process_that_stalls_within_a_transaction_gives_its_locks_back(
    postgresql_store: PostgreSQLStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, "idle_in_transaction_session_timeout", "10s")
    postgresql_store.accept(charged(1))
    stalled = PostgreSQLStore.of(Settings(store=postgresql_url))
    second, tried = charged(2), []

    def work(connection: DeadlineConnection) -> None:
        tried.append(connection)
        with begun(connection) as pipeline:
            connection.execute(COUNTERS)
            pipeline.sync()
            if len(tried) == 1:
                began = time.monotonic()
                assert postgresql_store.accept(second).payment == second.payment
                assert time.monotonic() - began < 3
            connection.execute(sql.COMMIT)

    stalled._connections().run(work)
    stalled.close()
    assert len(set(tried)) == 2  # the second time on a new connection
    assert postgresql_store.count_of([CHARGE]) == [{CHARGE.slot: Decimal(2)}]


# What has lost against another transaction


def test_a_deadlock_is_ended_and_what_lost_is_made_again_once(
    postgresql_store: PostgreSQLStore, postgresql_url: str
) -> None:
    """Two payments are locked in one order by another program, and in the other one by ours."""
    first, second = (add_payment(postgresql_store, a_payment(customer_id=n)) for n in ("a", "b"))
    lock = "SELECT FROM paymentapp.disbursements WHERE customer_id = '{}' FOR UPDATE"
    changes = [PaymentChange(each, stamped(each)) for each in (first, second)]
    with (
        transaction(postgresql_url, lock.format("b")) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        ours = threads.submit(postgresql_store.change_payments, changes)
        time.sleep(0.2)
        other.execute(lock.format("a"))  # the server ends ours: it has waited for longer
        time.sleep(0.3)
        other.rollback()
        assert ours.result(15) == [True, True]
    found = [each.event.type for each in postgresql_store.list_events(None, 9).events]
    assert sorted(found) == ["payment.pending"] * 2 + ["payment.submitting"] * 2


@pytest.mark.usefixtures("postgresql_store")  # whose rows are deleted at the end
def test_a_serialization_failure_is_made_again_once(postgresql_url: str) -> None:
    """The server of somebody who has set another level for the database."""
    base = postgresql_url.rpartition("/")[2]
    setting = "default_transaction_isolation"
    postgresql.run(postgresql_url, f'ALTER DATABASE "{base}" SET {setting} = serializable')
    strict = PostgreSQLStore.of(Settings(store=postgresql_url))
    try:
        rivals = [charged(number) for number in range(16)]
        with ThreadPoolExecutor(8) as threads:
            accepted = list(threads.map(lambda each: strict.accept(each).payment, rivals))
        assert accepted == [each.payment for each in rivals]
        assert strict.count_of([CHARGE]) == [{CHARGE.slot: Decimal(16)}]
        assert len(strict.list_events(None, 100).events) == 16
    finally:
        strict.close()
        postgresql.run(postgresql_url, f'ALTER DATABASE "{base}" RESET {setting}')


def test_an_error_that_would_come_again_is_not_repeated(postgresql_store: PostgreSQLStore) -> None:
    tried = []

    def work(connection: DeadlineConnection) -> None:
        tried.append(connection)
        connection.execute("SELECT 1 / 0")

    with pytest.raises(StoreUnavailable, match="22012"):
        postgresql_store._connections().run(work)
    assert len(tried) == 1


# A database that is gone, or another one


def alone(server: str, statement: str) -> None:
    """Run a statement that cannot be in a transaction."""
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(statement)


def test_a_database_that_is_replaced_under_the_service_takes_no_write_until_init(
    postgresql_server: str,
) -> None:
    with postgresql.new_database(postgresql_server) as url:
        name = url.rpartition("/")[2]
        with closing(PostgreSQLStore.of(Settings(store=url))) as store:
            store.create_tables()
            payment = add_payment(store, a_payment())
            alone(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)')
            with pytest.raises(StoreUnavailable, match="no such database"):
                store.add_customer(a_customer())
            alone(postgresql_server, f'CREATE DATABASE "{name}"')
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="has `paymentapp init` run"):
                    store.add_customer(a_customer())
            assert "disbursements" in store.create_tables()
            assert store.add_customer(a_customer()) == a_customer()
            assert store.get_payment(payment.key) is None


def test_an_address_of_another_machine_takes_no_server_without_encryption(
    postgresql_url: str,
) -> None:
    with (
        closing(PostgreSQLStore.of(Settings(store=f"{postgresql_url}?sslmode=require"))) as store,
        pytest.raises(StoreUnavailable, match="no trusted encryption"),
    ):
        store.ping()
