"""The SQLite engine: the file, processes that share it, group commit, and errors."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import pytest

from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.customer_history import (
    CustomerAction,
    CustomerEvent,
    registered,
    with_history,
)
from paymentapp.models.customers import CustomerQuery
from paymentapp.models.payments import Cause, PaymentKey, Status
from paymentapp.storage.account_reading import index_of
from paymentapp.storage.base import PageQuery
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.sqlite import SQLiteStore, customers, database, operations
from paymentapp.storage.sqlite.account_payments import step_statement
from paymentapp.storage.sqlite.group_commit import Writer
from paymentapp.storage.sqlite.json_documents import to_json
from paymentapp.storage.sqlite.sql import CUSTOMERS_BY_EMAIL
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_payment,
    add_claim,
    add_payment,
    later,
    members,
    payments_of_many,
    stamped,
)

TABLES = ["Customers", "Disbursements", "Operations"]
ADD_EXTRA = "UPDATE {} SET document = json_set(document, '$.extra', json('[1, null]'))"
READ_EXTRA = "SELECT json_extract(document, '$.extra') FROM {}"
DIED = 9  # the exit status of a process that ends itself within a write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of the store's file."""
    return tmp_path / "var" / "test.db"


def sql(path: Path, statement: str, *values: Any) -> list[Any]:
    """Run a statement as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def wait_for_queue(writer: Writer, length: int) -> None:
    """Wait until so many writes are queued, besides the one that the writer works on."""
    while writer._queue.qsize() < length:
        time.sleep(0.01)


# The file


def test_the_file_is_its_owners_alone(sqlite_store: SQLiteStore, path: Path) -> None:
    add_payment(sqlite_store, a_payment())
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file.name


def test_tables_are_made_once(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "new" / "deep" / "x.db")
    assert store.create_tables() == TABLES
    assert store.create_tables() == []
    store.close()


def test_what_was_answered_is_there_after_a_restart(sqlite_store: SQLiteStore, path: Path) -> None:
    payment = add_payment(sqlite_store, a_payment())
    sqlite_store.close()
    again = SQLiteStore(path)
    assert again.get_payment(payment.key) == payment
    again.close()


def test_commits_are_synced(sqlite_store: SQLiteStore, path: Path) -> None:
    sqlite_store.ping()
    assert sql(path, "PRAGMA journal_mode") == [("wal",)]
    with closing(database.connect(path)) as connection:
        full = 2
        assert connection.execute("PRAGMA synchronous").fetchone() == (full,)


def test_a_file_of_an_earlier_version_gets_the_index_that_it_lacks(
    sqlite_store: SQLiteStore, path: Path
) -> None:
    sql(path, "DROP INDEX customer_email")
    customer = sqlite_store.add_customer(a_customer())
    query = CustomerQuery(5, customer.email)
    assert sqlite_store.list_customers(query).customers == [customer]
    assert sqlite_store.create_tables() == []
    plan = sql(path, f"EXPLAIN QUERY PLAN {CUSTOMERS_BY_EMAIL}", customer.email, "", 5)
    assert "USING INDEX customer_email" in plan[0][3]
    assert sqlite_store.list_customers(query).customers == [customer]


def test_no_query_reads_a_whole_table(sqlite_store: SQLiteStore, path: Path) -> None:
    from paymentapp.storage.sqlite import sql as statements

    sqlite_store.ping()
    for name, statement in vars(statements).items():
        if not name.isupper() or not isinstance(statement, str) or "?" not in statement:
            continue
        values = ["[]"] * statement.count("?")
        plan = [row[3] for row in sql(path, f"EXPLAIN QUERY PLAN {statement}", *values)]
        steps = [step for step in plan if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
        scans = [step for step in steps if "wanted" not in step]
        assert not scans, f"{name}: {scans}"
        assert not any("TEMP B-TREE" in step for step in plan), name


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "payment_newest"),
        ({"currency": "USD", "status": Status.FAILED}, "payment_newest"),
        ({"reference": "r", "status": Status.PENDING}, "payment_reference"),
        ({"created_by": "payroll"}, "payment_maker"),
        ({"created_by": "payroll", "status": Status.SUBMITTED}, "payment_open"),
        ({"status": Status.AWAITING_APPROVAL}, "payment_open"),
    ],
)
def test_a_filter_of_the_account_is_read_by_its_index_in_its_order(
    sqlite_store: SQLiteStore, path: Path, filters: dict[str, Any], index: str
) -> None:
    query = AccountQuery(5, **filters)
    statement, values = step_statement(query, index_of(query), frozenset(), None, 5)
    sqlite_store.ping()
    (step,) = [row[3] for row in sql(path, f"EXPLAIN QUERY PLAN {statement}", *values)]
    assert f"USING INDEX {index} (" in step


def test_an_id_of_a_provider_is_found_by_indexes(sqlite_store: SQLiteStore, path: Path) -> None:
    query = AccountQuery(5, provider_id="B-1")
    statement, values = step_statement(query, "provider_id", frozenset({"b1"}), None, 5)
    sqlite_store.ping()
    plan = [row[3] for row in sql(path, f"EXPLAIN QUERY PLAN {statement}", *values)]
    assert not any(step.startswith("SCAN") for step in plan), plan
    assert plan[0] == "SEARCH Disbursements USING INTEGER PRIMARY KEY (rowid=?)"
    for index in ("payment_item", "payment_transaction", "payment_batch"):
        assert any(index in step for step in plan), plan


# Versions


def test_a_newer_schema_is_refused(sqlite_store: SQLiteStore, path: Path) -> None:
    sqlite_store.close()
    sql(path, f"PRAGMA user_version = {database.SCHEMA_VERSION + 1}")
    for use in (sqlite_store.create_tables, sqlite_store.ping):
        with pytest.raises(StoreUnavailable, match="schema 2, this version knows 1"):
            use()
    with pytest.raises(StoreUnavailable, match="schema 2"):
        add_payment(sqlite_store, a_payment())


def test_a_change_keeps_what_a_later_version_added(sqlite_store: SQLiteStore, path: Path) -> None:
    payment, batch = a_payment(), a_batch()
    add_payment(sqlite_store, payment)
    sqlite_store.add_batch(batch, members(2))
    for table in ("Disbursements", "Operations"):
        sql(path, ADD_EXTRA.format(table))
    held = stamped(payment)
    assert sqlite_store.change_payments([PaymentChange(payment, held)]) == [True]
    assert sqlite_store.change_batch(batch, batch.changed(attention_at=None))
    assert sqlite_store.get_payment(payment.key) == held
    for table in ("Disbursements", "Operations"):
        extras = sql(path, READ_EXTRA.format(table))
        new = 1 if table == "Operations" else 0  # the event of the change
        assert extras.count(("[1,null]",)) == len(extras) - new > 0


def test_what_has_expired_goes_a_part_at_a_time(
    sqlite_store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are four records a payment: a file that only grew would fill its disk."""
    monkeypatch.setattr(operations, "EXPIRED_MAX", 2)
    for number in range(3):
        add_payment(sqlite_store, a_payment(payment_id=to_text(later(number))))
    left = []
    for age in (34, 36, 36, 36):
        sqlite_store.delete_expired(NOW + timedelta(days=age))
        left.append(len(sqlite_store.list_events(None, 10).events))
    assert left == [3, 1, 0, 0]
    assert sql(path, "SELECT count(*) FROM Disbursements") == [(3,)]


def test_amounts_are_text_in_the_document(sqlite_store: SQLiteStore, path: Path) -> None:
    add_payment(sqlite_store, a_payment())
    assert sql(path, "SELECT json_extract(document, '$.amount') FROM Disbursements") == [("12.5",)]


def test_claims_that_ran_out_go_at_a_start(sqlite_store: SQLiteStore) -> None:
    old, new = a_claim(key_hash="old", expires_at=NOW.replace(year=2020)), a_claim(key_hash="new")
    add_claim(sqlite_store, old)
    add_claim(sqlite_store, new)
    sqlite_store.create_tables()
    again = a_claim(key_hash="old")
    assert add_claim(sqlite_store, again) == again
    assert add_claim(sqlite_store, a_claim(key_hash="new")) == new


# Processes


def _add_all(path: Path, owner: str, count: int, answers: Queue[Any]) -> None:
    store = SQLiteStore(path)
    payments = [a_payment(customer_id=f"c{n}", request_id=owner) for n in range(count)]
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(partial(add_payment, store), payments))
    answers.put((owner, [payment.request_id for payment in stored]))
    store.close()


def test_processes_agree_on_who_was_first(sqlite_store: SQLiteStore, path: Path) -> None:
    count = 200
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    crew = [
        spawn.Process(target=_add_all, args=(path, owner, count, answers)) for owner in ("a", "b")
    ]
    for process in crew:
        process.start()
    told = dict(answers.get(timeout=30) for _ in crew)
    for process in crew:
        process.join(30)
    assert told["a"] == told["b"]
    keys = [PaymentKey(f"c{n}", a_payment().payment_id) for n in range(count)]
    found = sqlite_store.get_payments(keys)
    assert [found[key].request_id for key in keys] == told["a"]


def test_a_store_that_was_used_before_a_fork_is_used_after_it(
    sqlite_store: SQLiteStore, path: Path
) -> None:
    add_payment(sqlite_store, a_payment())
    child = os.fork()
    if child == 0:  # no pytest from here on
        with suppress(BaseException):
            add_payment(sqlite_store, a_payment(customer_id="child"))
            found = sqlite_store.get_payment(a_payment().key)
            sqlite_store.close()
            os._exit(0 if found else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    add_payment(sqlite_store, a_payment(customer_id="parent"))
    assert sql(path, "SELECT count(*) FROM Disbursements") == [(3,)]
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]


def test_readers_do_not_wait_for_a_writer(sqlite_store: SQLiteStore, path: Path) -> None:
    payment = add_payment(sqlite_store, a_payment())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert sqlite_store.get_payment(payment.key) == payment
        assert sqlite_store.list_payments("ada", PageQuery(5)).payments == [payment]


# Group commit


@pytest.mark.usefixtures("sqlite_store")
def test_writes_that_wait_share_a_commit(path: Path) -> None:
    """Queue writes while another holds the lock; one transaction then writes them all."""
    writer = Writer(path)
    committed: list[int] = []

    def add(number: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO Customers VALUES (?, '{}')", (f"c{number}",))
            committed.extend(sql(path, "SELECT count(*) FROM Customers")[0])

        writer.run(work)

    with ThreadPoolExecutor(10) as pool:
        with database.write_lock(path):
            answers = [pool.submit(add, number) for number in range(10)]
            wait_for_queue(writer, 9)
            assert not any(answer.done() for answer in answers)
        for answer in answers:
            answer.result(5)
    writer.close()
    assert committed == [0] * 10
    assert sql(path, "SELECT count(*) FROM Customers") == [(10,)]


@pytest.mark.usefixtures("sqlite_store")
def test_a_failure_is_its_own(path: Path) -> None:
    """Undo the work that fails, and keep the rest of its transaction."""
    writer = Writer(path)

    def add(customer_id: str) -> Callable[[sqlite3.Connection], None]:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO Customers VALUES (?, '{}')", (customer_id,))
            if customer_id == "bad":
                raise LookupError("on purpose")

        return work

    names = ["one", "bad", "two"]
    with ThreadPoolExecutor(3) as pool:
        with database.write_lock(path):
            answers = {name: pool.submit(writer.run, add(name)) for name in names}
            wait_for_queue(writer, 2)
        with pytest.raises(LookupError):
            answers["bad"].result(5)
        answers["one"].result(5)
        answers["two"].result(5)
    writer.close()
    assert sql(path, "SELECT customer_id FROM Customers ORDER BY 1") == [("one",), ("two",)]


def test_a_closed_writer_has_done_what_it_took(sqlite_store: SQLiteStore, path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(add_payment, sqlite_store, p) for p in payments_of_many(100)]
        for answer in answers[:20]:
            answer.result(10)
        sqlite_store.close()
        done = [answer.exception(10) is None for answer in answers]
    assert sql(path, "SELECT count(*) FROM Disbursements")[0][0] == sum(done)


# What goes wrong


def test_a_store_without_a_file_says_what_to_do(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "nowhere" / "none.db")
    uses: list[Callable[[], object]] = [store.ping, lambda: add_payment(store, a_payment())]
    for use in uses:
        with pytest.raises(StoreUnavailable, match="has `paymentapp init` run"):
            use()
    assert not (tmp_path / "nowhere").exists()
    store.close()


def test_a_file_without_tables_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    store = SQLiteStore(tmp_path / "empty.db")
    with pytest.raises(StoreUnavailable, match="no tables; has `paymentapp init` run"):
        store.ping()
    with pytest.raises(StoreUnavailable, match="no tables; has `paymentapp init` run"):
        add_payment(store, a_payment())
    store.close()


def test_a_file_that_is_no_database_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("something else entirely, " * 100)
    store = SQLiteStore(tmp_path / "x.db")
    for use in (store.create_tables, store.ping):
        with pytest.raises(StoreUnavailable, match="not a database"):
            use()
    with pytest.raises(StoreUnavailable, match="not a database"):
        add_payment(store, a_payment())
    store.close()


def test_a_full_disk_fails_writes_and_nothing_else(sqlite_store: SQLiteStore) -> None:
    """Write again with the same store once there is room."""
    payment = add_payment(sqlite_store, a_payment())
    writer = sqlite_store._connections().writer
    assert writer._connection is not None
    pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
    writer.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))
    batch = a_batch(size=1200)
    with pytest.raises(StoreUnavailable, match="disk full"):
        sqlite_store.add_batch(batch, members(1200))
    assert sqlite_store.get_batch(batch.batch_id) is None
    assert sqlite_store.get_payment(payment.key) == payment
    sqlite_store.add_batch(batch, members(1200))  # the connection is a new one
    assert sqlite_store.get_members(batch) == members(1200)


def test_a_line_of_history_that_cannot_be_written_undoes_its_change(
    sqlite_store: SQLiteStore, path: Path
) -> None:
    first, begun = registered(a_customer(), "payroll")
    sqlite_store.add_customer(first, begun)
    sql(path, "CREATE TRIGGER no BEFORE INSERT ON Operations BEGIN SELECT RAISE(ABORT, 'no'); END")
    event = CustomerEvent(NOW, CustomerAction.METHOD_PUT, Cause.REQUEST)
    with pytest.raises(StoreUnavailable):
        sqlite_store.change_customer(first, *with_history(first, first.changed(), event))
    with pytest.raises(StoreUnavailable):
        sqlite_store.add_customer(*registered(a_customer(customer_id="bob"), "payroll"))
    assert sqlite_store.get_customer("ada") == first
    assert sqlite_store.get_customer("bob") is None
    assert sqlite_store.customer_history("ada", 10) == begun


@pytest.mark.parametrize("function", ["_add_with_history", "_change_with_history"])
def test_a_process_that_dies_within_the_write_leaves_neither_change_nor_line(
    sqlite_store: SQLiteStore, path: Path, function: str
) -> None:
    """Die after the customer's statement and before that of the history, then make the change."""
    first, begun = registered(a_customer(), "payroll")
    if function == "_change_with_history":
        sqlite_store.add_customer(first, begun)
    before = sqlite_store.get_customer("ada"), sqlite_store.customer_history("ada", 10)
    dying = multiprocessing.get_context("spawn").Process(target=_die_within, args=(path, function))
    dying.start()
    dying.join(30)
    assert dying.exitcode == DIED
    assert before == (sqlite_store.get_customer("ada"), sqlite_store.customer_history("ada", 10))
    _write_customer(sqlite_store, function)
    assert len(sqlite_store.customer_history("ada", 10)) == len(before[1]) + 1


def _die_within(path: Path, function: str) -> None:
    """Make a write of a customer, and end the process at its first line of history."""

    def die(*_: object) -> NoReturn:
        os._exit(DIED)

    with mock.patch.object(customers, "_add_lines", die):
        _write_customer(SQLiteStore(path), function)


def _write_customer(store: SQLiteStore, function: str) -> None:
    first, begun = registered(a_customer(), "payroll")
    if function == "_add_with_history":
        assert store.add_customer(first, begun) == first
        return
    event = CustomerEvent(NOW, CustomerAction.METHOD_PUT, Cause.REQUEST)
    assert store.change_customer(first, *with_history(first, first.changed(), event))


def test_a_version_that_knows_no_history_changes_a_customer_beside_one_that_does(
    sqlite_store: SQLiteStore,
) -> None:
    first, begun = registered(a_customer(), "payroll")
    sqlite_store.add_customer(first, begun)
    known = replace(first, changes=0)  # as the version before reads it
    theirs = known.changed(default_method="paypal")
    assert sqlite_store.change_customer(known, theirs)
    assert sqlite_store.get_customer("ada") == replace(theirs, changes=1)
    assert sqlite_store.customer_history("ada", 10) == begun


def test_a_writer_that_stands_still_is_not_waited_for_for_ever(
    sqlite_store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its caller has given up before it began is not done afterwards."""
    monkeypatch.setattr("paymentapp.storage.sqlite.group_commit._WAIT_SECONDS", 0.2)
    sqlite_store.ping()
    with database.write_lock(path), pytest.raises(StoreUnavailable, match="busy"):
        add_payment(sqlite_store, a_payment())
    other = add_payment(sqlite_store, a_payment(customer_id="other"))
    assert sqlite_store.get_payment(a_payment().key) is None
    assert sqlite_store.get_payment(other.key) == other


def test_errors_name_no_path(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "secret-folder" / "x.db")
    with pytest.raises(StoreUnavailable) as failure:
        store.ping()
    assert "secret" not in str(failure.value)


def test_due_times_sort_as_text(sqlite_store: SQLiteStore) -> None:
    early, late = later(0.5), later(0.25)
    for number, due in enumerate((early, late)):
        add_payment(sqlite_store, a_payment(customer_id=f"c{number}", due_at=due))
    assert [p.due_at for p in sqlite_store.due_payments(1, later(1), 5)] == [late, early]


def test_a_store_that_is_closed_takes_no_write(path: Path) -> None:
    writer = Writer(path)
    writer.close()
    writer.close()  # a second time does nothing
    with pytest.raises(StoreUnavailable, match="database: closed"):
        writer.run(lambda connection: connection.execute("SELECT 1"))


def test_a_writer_that_is_closed_finishes_what_waits(sqlite_store: SQLiteStore, path: Path) -> None:
    sqlite_store.ping()
    writer = Writer(path)
    with ThreadPoolExecutor(3) as pool:
        with database.write_lock(path):
            waiting = [pool.submit(writer.run, lambda c: c.execute("SELECT 1")) for _ in range(2)]
            wait_for_queue(writer, 1)
            closing_it = pool.submit(writer.close)
            wait_for_queue(writer, 2)
        closing_it.result(10)
        assert [each.exception(10) for each in waiting] == [None, None]


def test_more_writes_than_one_commit_takes_are_done_in_several(
    sqlite_store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paymentapp.storage.sqlite.group_commit._GROUP_LIMIT", 2)
    with ThreadPoolExecutor(5) as pool, database.write_lock(path):
        answers = [pool.submit(add_payment, sqlite_store, each) for each in payments_of_many(5)]
    assert len({answer.result(10).customer_id for answer in answers}) == 5


def test_an_error_of_the_disk_names_no_path(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), f"{tmp_path}/secret/x.db")
    assert str(database.unavailable(error)) == "database: Permission denied"


def test_a_record_of_another_type_is_a_fault_and_not_stored() -> None:
    with pytest.raises(TypeError, match="does not hold a complex"):
        to_json({"amount": 1j})
