"""A database file that is deleted or replaced under the service: no write is lost in it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.sqlite import SQLiteStore
from tests.support.records import a_customer, a_payment, add_payment

FILES = ("", "-wal", "-shm")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """Yield a store in use: its writer and a reader have the file open."""
    store = SQLiteStore(path)
    store.create_tables()
    add_payment(store, a_payment())
    assert store.get_payment(a_payment().key)
    yield store
    store.close()


def delete(path: Path) -> None:
    for suffix in FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def move_away(path: Path) -> None:
    for suffix in FILES:
        Path(f"{path}{suffix}").rename(f"{path}.old{suffix}")


def on_record(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT customer_id FROM Customers")}


@pytest.mark.parametrize("remove", [delete, move_away])
def test_a_write_into_a_file_that_is_gone_is_refused(
    store: SQLiteStore, path: Path, remove: Callable[[Path], None]
) -> None:
    remove(path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            store.add_customer(a_customer())
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        store.ping()


def test_a_file_that_goes_during_a_write_is_noticed_before_it_is_answered(
    store: SQLiteStore, path: Path
) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO Customers VALUES ('lost', '{}')")
        delete(path)

    with pytest.raises(StoreUnavailable, match="its file was deleted or replaced"):
        store._connections().writer.run(work)


def test_a_log_that_is_gone_is_noticed_as_well(store: SQLiteStore, path: Path) -> None:
    """What is committed to it alone would be lost with it."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO Customers VALUES ('lost', '{}')")
        Path(f"{path}-wal").unlink()

    with pytest.raises(StoreUnavailable, match="its file was deleted or replaced") as failure:
        store._connections().writer.run(work)
    assert failure.value.reason == "its file was deleted or replaced"


def test_a_file_that_is_back_is_used_again(store: SQLiteStore, path: Path) -> None:
    move_away(path)
    with pytest.raises(StoreUnavailable):
        store.add_customer(a_customer())
    for suffix in FILES:
        if Path(f"{path}.old{suffix}").exists():
            Path(f"{path}.old{suffix}").rename(f"{path}{suffix}")
    store.add_customer(a_customer())
    assert store.get_payment(a_payment().key)
    assert on_record(path) == {"ada"}


def test_another_database_in_its_place_is_read_and_written(store: SQLiteStore, path: Path) -> None:
    with closing(SQLiteStore(path.with_name("other.db"))) as other:
        other.create_tables()
        other.add_customer(a_customer(customer_id="restored"))
    delete(path)
    shutil.move(path.with_name("other.db"), path)
    assert store.get_payment(a_payment().key) is None
    store.add_customer(a_customer())
    assert on_record(path) == {"restored", "ada"}


def test_a_file_of_another_kind_in_its_place_is_refused(store: SQLiteStore, path: Path) -> None:
    delete(path)
    path.touch()
    with pytest.raises(StoreUnavailable, match="no tables; has `paymentapp init` run"):
        store.add_customer(a_customer())
    with pytest.raises(StoreUnavailable, match="no tables; has `paymentapp init` run"):
        store.ping()


def test_after_init_the_same_store_goes_on(store: SQLiteStore, path: Path) -> None:
    delete(path)
    with pytest.raises(StoreUnavailable):
        store.add_customer(a_customer())
    assert store.create_tables() == ["Customers", "Disbursements", "Operations"]
    store.add_customer(a_customer())
    assert on_record(path) == {"ada"}
