"""The benchmark of a store of many payments: what it fills in, and that it measures."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench import operations
from bench.filling import SPAN, History, client, fill, item_id, reference
from bench.history import Plan, check_room, measure, write
from bench.say import Failed
from paymentapp.clock import to_text, utc_now
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.payments import PaymentKey, Status
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.sqlite import SQLiteStore

HISTORY = History(60, 4, utc_now())
NUMBER = 13


def opened(path: Path) -> SQLiteStore:
    store = SQLiteStore(path)
    store.create_tables()
    return store


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = opened(tmp_path / "filled.db")
    fill(tmp_path / "filled.db", HISTORY, range(HISTORY.count), lambda _: None)
    yield store
    store.close()


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_each_payment_is_there_and_settled(filled: SQLiteStore) -> None:
    end = HISTORY.end
    payments = list(filled.scan_payments(end - SPAN, end))
    assert len(payments) == HISTORY.count
    assert {payment.status for payment in payments} == {Status.SUCCEEDED}
    assert {payment.customer_id for payment in payments} == {"c0", "c1", "c2", "c3"}


def test_a_payment_is_found_by_its_reference_provider_id_and_client(filled: SQLiteStore) -> None:
    wanted = PaymentKey(HISTORY.customer(NUMBER), to_text(HISTORY.at(NUMBER)))
    for query in (
        AccountQuery(5, reference=reference(NUMBER)),
        AccountQuery(5, provider_id=item_id(NUMBER)),
        AccountQuery(5, created_by=client(NUMBER).name),
    ):
        found = filled.list_account_payments(query).payments
        assert [payment.key for payment in found if payment.key == wanted] == [wanted]


def test_the_rows_are_those_that_the_store_writes(filled: SQLiteStore, tmp_path: Path) -> None:
    """An event is written for each line of a history; filled in is that of the acceptance."""
    first = filled.get_payment(PaymentKey("c0", to_text(HISTORY.at(0))))
    assert first is not None
    (pk,) = rows(tmp_path / "filled.db", FIRST_KEY)[0]
    key_hash = pk.removeprefix("key#")
    record = filled.read_for_payment("c0", [key_hash]).idempotency_records[key_hash]
    store = opened(tmp_path / "other.db")
    store.accept(Acceptance(first, record))
    store.close()
    for statement in FIRST_ROWS:
        (wanted, *_), (found, *_) = (
            rows(tmp_path / f"{name}.db", statement) for name in ("other", "filled")
        )
        assert found == wanted


FIRST_KEY = "SELECT pk FROM Operations WHERE sk = 'claim' ORDER BY expires_at, rowid"
FIRST_ROWS = (
    "SELECT * FROM Disbursements ORDER BY payment_id",
    "SELECT * FROM Operations WHERE sk = 'claim' ORDER BY expires_at, rowid",
    "SELECT * FROM Operations WHERE pk = 'events' ORDER BY sk",
)


@pytest.mark.usefixtures("filled")
def test_the_file_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "filled.db"
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_nothing_that_is_filled_in_has_expired(filled: SQLiteStore, tmp_path: Path) -> None:
    filled.delete_expired(utc_now())
    count = "SELECT count(*) FROM Operations WHERE sk = 'claim'"
    assert rows(tmp_path / "filled.db", count) == [(HISTORY.count,)]


def test_a_run_compares_each_operation(tmp_path: Path) -> None:
    section = measure(tmp_path, Plan(100, rounds=1, calls=2))
    ratios = [each for each in section.findings if each.target]
    assert len(ratios) == 22
    assert all(float(each.value) > 0 for each in ratios)
    write(section, tmp_path / "results.md", seconds=1, busy=0)
    assert "| find by reference: time, empty / filled |" in (tmp_path / "results.md").read_text()


def test_a_wrong_answer_is_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        operations, "reference", lambda _: "unknown"
    )  # what is looked for is not there
    with pytest.raises(Failed, match="0 payments found, not 1"):
        measure(tmp_path, Plan(100, rounds=1, calls=2))


def test_a_run_says_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_room(tmp_path, Plan(1000))
    assert "1,000 payments take 1.1 GB" in capsys.readouterr().out


def test_a_disk_with_too_little_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="too little room"):
        check_room(tmp_path, Plan(10**12))
