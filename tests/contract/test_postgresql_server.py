"""PostgreSQL as a server: full, killed, hung, forgetful, behind a pooler, with few rights."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from paymentapp.clock import to_text
from paymentapp.config import Settings, load_settings
from paymentapp.errors import PaymentAppError, StoreUnavailable
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.postgresql import PostgreSQLStore, connections, migrations
from paymentapp.storage.postgresql.addresses import database_address
from tests.contract.test_store_accept_many import acceptance, request
from tests.contract.test_store_races import at_once
from tests.support import pgbouncer, pki, postgresql
from tests.support.postgresql import PostgreSQLServer
from tests.support.records import a_claim, a_customer, a_payment, add_payment, later, stamped

THREADS = 8


def opened(url: str, **settings: Any) -> PostgreSQLStore:
    return PostgreSQLStore.of(Settings(store=url, **settings))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    """Run a server of this module's own, which its tests may kill."""
    if postgresql.programs() is None:
        if os.environ.get("CI"):
            pytest.fail(postgresql.MISSING)
        pytest.skip(postgresql.MISSING)
    with postgresql.new_server(max_connections="30") as server:
        yield server


@pytest.fixture
def database(server: PostgreSQLServer) -> Iterator[str]:
    with postgresql.new_database(server.url) as url:
        yield url


@pytest.fixture
def store(database: str) -> Iterator[PostgreSQLStore]:
    store = opened(database)
    assert "disbursements" in store.create_tables()
    yield store
    store.close()


def payments(count: int) -> list[Payment]:
    return [a_payment(payment_id=to_text(later(n))) for n in range(count)]


# Crashes of the server


def test_what_was_answered_outlives_kill_9_of_the_server(
    server: PostgreSQLServer, store: PostgreSQLStore, database: str
) -> None:
    """Threads accept and change payments while the server is killed five times."""
    answered: list[Payment] = []
    ending = threading.Event()
    numbers = iter(range(10**6))

    def work() -> None:
        while not ending.is_set():
            payment = a_payment(payment_id=to_text(later(next(numbers))))
            try:
                store.accept(Acceptance(payment))
                answered.append(payment)
                if store.change_payments([PaymentChange(payment, moved := stamped(payment))])[0]:
                    answered[answered.index(payment)] = moved
            except StoreUnavailable:
                time.sleep(0.05)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(0.4)
        server.kill()
        server.start()
    time.sleep(0.4)
    ending.set()
    for thread in threads:
        thread.join(30)
    found = store.get_payments([each.key for each in answered])
    assert len(answered) > 100
    for each in answered:
        stored = found[each.key]
        assert stored == each or stored.history[: len(each.history)] == each.history
    lines = sum(len(each.history) for each in store.scan_payments(later(-1), later(10**6)))
    events = postgresql.run(database, "SELECT count(*) FROM paymentapp.events")
    assert events == [(lines,)]


def test_a_server_that_hangs_is_waited_for_in_bounds(
    server: PostgreSQLServer, store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.ping()
    monkeypatch.setattr(connections, "CALL_SECONDS", 0.5)
    server.pause()
    began = time.monotonic()
    try:
        with pytest.raises(StoreUnavailable, match="time-out"):
            store.ping()
    finally:
        server.resume()
    assert time.monotonic() - began < 5
    monkeypatch.undo()
    store.ping()


def test_requests_that_wait_for_a_server_that_hangs_are_all_refused_in_bounds(
    server: PostgreSQLServer, store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are accepted in groups, and none waits for the time-outs of several."""
    wanted = [acceptance(number) for number in range(12)]

    def accept(one: Acceptance) -> str:
        with pytest.raises(StoreUnavailable) as caught:
            store.accept_at_once(*request(one))
        return str(caught.value.reason)

    store.ping()
    monkeypatch.setattr(connections, "CALL_SECONDS", 0.5)
    server.pause()
    began = time.monotonic()
    try:
        causes = at_once(accept, wanted)
    finally:
        server.resume()
    assert set(causes) <= {"time-out", "busy"}
    assert time.monotonic() - began < 12  # one of them opens a connection, which has five
    monkeypatch.undo()
    for one in wanted:
        assert store.accept_at_once(*request(one)).result == one[:2]


def test_a_write_that_waits_too_long_is_not_made_later(
    store: PostgreSQLStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = add_payment(store, a_payment())
    with closing(psycopg.connect(database)) as other:
        other.execute("SELECT * FROM paymentapp.disbursements FOR UPDATE")
        monkeypatch.setattr(connections, "CALL_SECONDS", 0.5)
        with pytest.raises(StoreUnavailable, match="time-out"):
            store.change_payments([PaymentChange(payment, stamped(payment))])
    monkeypatch.undo()
    time.sleep(0.2)
    assert store.get_payment(payment.key) == payment


# Connections


def test_a_server_that_is_full_says_so_and_is_used_again(
    server: PostgreSQLServer, store: PostgreSQLStore, database: str
) -> None:
    fresh = opened(database)
    with all_connections(server), pytest.raises(StoreUnavailable, match="too many connections"):
        fresh.ping()
    fresh.ping()
    fresh.close()
    store.ping()


def test_a_process_with_one_connection_to_a_full_server_shares_it(
    server: PostgreSQLServer, store: PostgreSQLStore
) -> None:
    store.ping()
    with all_connections(server):
        rivals = payments(THREADS)
        at_once(lambda payment: store.accept(Acceptance(payment)), rivals)
    assert len(store.get_payments([each.key for each in rivals])) == THREADS


class all_connections:  # noqa: N801  # used as a function
    """Takes all connections that are left."""

    def __init__(self, server: PostgreSQLServer) -> None:
        self._server = server
        self._held: list[psycopg.Connection[Any]] = []

    def __enter__(self) -> None:
        with suppress(psycopg.OperationalError):
            while True:
                self._held.append(psycopg.connect(self._server.url))

    def __exit__(self, *_: object) -> None:
        for each in self._held:
            each.close()


def test_calls_beyond_the_connections_of_a_process_wait(
    store: PostgreSQLStore, database: str
) -> None:
    small = opened(database, postgresql_connections=2)
    rivals = payments(16)
    at_once(lambda payment: small.accept(Acceptance(payment)), rivals)
    assert small._connections()._count <= 2
    small.close()
    assert len(store.get_payments([each.key for each in rivals])) == 16


def test_a_closed_store_opens_again(store: PostgreSQLStore) -> None:
    store.ping()
    store.close()
    store.ping()


@pytest.mark.parametrize("name", ["synchronous_commit"])
def test_a_server_that_may_forget_is_refused(
    store: PostgreSQLStore, database: str, name: str
) -> None:
    store.close()
    base = database.rpartition("/")[2]
    postgresql.run(database, f'ALTER DATABASE "{base}" SET {name} = off')
    with pytest.raises(StoreUnavailable, match=f"{name} is off"):
        store.ping()


def test_a_password_is_in_no_text(store: PostgreSQLStore, database: str) -> None:
    settings = load_settings({"PAYMENTAPP_STORE": database})
    shown = repr(settings) + store.description + repr(store._address)
    assert "for%20tests" not in shown
    assert "for tests" not in shown


def test_a_password_is_read_for_each_connection(database: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("an expired token")
    url = database.replace(":for%20tests%20on%20loopback@", "@")
    store = opened(url, postgresql_password_file=str(file))
    with pytest.raises(StoreUnavailable, match="password"):
        store.create_tables()
    file.write_text(postgresql.PASSWORD + "\n")
    store.create_tables()
    store.ping()
    store.close()


# Encryption


def test_a_server_is_known_by_its_certificate(tmp_path: Path) -> None:
    """Another machine's server has to encrypt, and with verify-full to be the one it says."""
    if postgresql.programs() is None:
        pytest.skip(postgresql.MISSING)
    signer = pki.authority()
    right, wrong = tmp_path / "right.pem", tmp_path / "wrong.pem"
    right.write_bytes(signer.pem)
    wrong.write_bytes(pki.authority("Another").pem)
    with postgresql.new_server() as server:
        certificate = signer.issue("localhost", days=(-30, 3600))
        server.encrypt(certificate, pki.private_pem(pki.rsa_key()))
        url = server.url.replace("127.0.0.1", "localhost")
        for query, problem in (
            (f"sslmode=verify-full&sslrootcert={right}", ""),
            (f"sslmode=verify-full&sslrootcert={wrong}", "no trusted encryption"),
        ):
            store = opened(f"{url}?{query}")
            if problem:
                with pytest.raises(StoreUnavailable, match=problem):
                    store.create_tables()
            else:
                store.create_tables()
                (encrypted,) = store._rows(
                    "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                )
                assert encrypted == (True,)
            store.close()


def test_a_server_on_another_machine_has_to_encrypt() -> None:
    settings = {
        url: database_address(url).parameters.get("sslmode")
        for url in (
            "postgresql://db.example/paymentapp",
            "postgresql://127.0.0.1/paymentapp",
            "postgresql:///paymentapp",
            "postgresql://127.0.0.1,db.example/paymentapp",
            "postgresql://db.example/paymentapp?sslmode=verify-full",
        )
    }
    assert list(settings.values()) == ["require", None, None, "require", "verify-full"]


# The schema, and who may change it


def test_tables_are_made_once_by_many_at_once(database: str) -> None:
    stores = [opened(database) for _ in range(4)]
    made = at_once(lambda each: each.create_tables(), stores)
    assert len(stores[0].create_tables()) == 0
    assert any("disbursements" in each for each in made)
    rows = postgresql.run(database, "SELECT number, name FROM paymentapp.migrations")
    assert rows == [(each.number, each.name) for each in migrations.MIGRATIONS]


def test_a_database_without_tables_says_what_to_do(database: str) -> None:
    with closing(opened(database)) as store:
        with pytest.raises(StoreUnavailable, match="has `paymentapp init` run"):
            store.ping()
        with pytest.raises(StoreUnavailable, match="has `paymentapp init` run"):
            store.get_customer("ada")


def test_a_schema_of_an_earlier_version_says_what_to_do(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LATEST", migrations.LATEST + 1)
    with pytest.raises(StoreUnavailable, match="earlier version"):
        store.ping()


def test_a_schema_of_a_later_version_is_used(store: PostgreSQLStore, database: str) -> None:
    postgresql.run(
        database, "INSERT INTO paymentapp.migrations (number, name) VALUES (99, 'later')"
    )
    store.ping()
    assert store.create_tables() == []


def test_the_role_that_serves_owns_nothing(server: PostgreSQLServer, database: str) -> None:
    name = f"serving_{os.getpid()}"
    postgresql.run(database, f"CREATE ROLE {name} LOGIN PASSWORD 'pw'")
    owner = opened(database, postgresql_role=name)
    owner.create_tables()
    base = database.rpartition("/")[2]
    url = server.address(base, name, "pw")
    with closing(opened(url, postgresql_role=name)) as serving:
        assert serving.create_tables() == []
        serving.ping()
        serving.accept(Acceptance(a_payment(), a_claim()))
        assert len(serving.list_events(None, 9).events) == 1
        serving.delete_expired(later(10**9))
    for statement in (
        "DROP TABLE paymentapp.events",
        "TRUNCATE paymentapp.disbursements",
        "CREATE TABLE paymentapp.mine (a integer)",
        "DELETE FROM paymentapp.migrations",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgresql.run(url, statement)
    owner.close()
    postgresql.run(database, f"DROP OWNED BY {name}")
    postgresql.run(database, f"DROP ROLE {name}")


# A pooler in transaction mode


@pytest.fixture
def pooled(store: PostgreSQLStore, database: str) -> Iterator[PostgreSQLStore]:
    """Return the store behind a pooler with three connections to the server."""
    store.ping()
    program = pgbouncer.pgbouncer_program()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(pgbouncer.MISSING)
        pytest.skip(pgbouncer.MISSING)
    with pgbouncer.pooled(database, program) as url, closing(opened(url)) as pooled:
        yield pooled


def test_behind_a_pooler_payments_are_accepted_and_counted_exactly(
    pooled: PostgreSQLStore,
) -> None:
    charge = Charge("all//USD/day", "2026-03-01", Decimal("12.5"), Decimal(100))
    rivals = [replace(each, charges=(str(charge),)) for each in payments(24)]

    def come_and_go(payment: Payment) -> int:
        try:
            pooled.accept(Acceptance(payment, charges=[charge]))
        except PaymentAppError:
            return 0
        cancelled = payment.moved(Status.CANCELLED, later(99), Cause.REQUEST, due_at=None)
        assert pooled.change_payments([PaymentChange(payment, cancelled)]) == [True]
        pooled.list_events(None, 10)
        return 1

    assert sum(at_once(come_and_go, rivals)) >= 8
    assert pooled.count_of([charge]) == [{}]


def test_behind_a_pooler_one_of_many_changes_wins(pooled: PostgreSQLStore) -> None:
    payment = add_payment(pooled, a_payment())
    rivals = [stamped(payment, f"b{n}") for n in range(24)]
    with ThreadPoolExecutor(24) as threads:
        made = list(
            threads.map(
                lambda new: pooled.change_payments([PaymentChange(payment, new)])[0], rivals
            )
        )
    assert sum(made) == 1
    assert pooled.add_customer(a_customer()) == a_customer()
