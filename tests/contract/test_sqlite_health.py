"""What `/readyz` says of a SQLite file that can be read and not written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paymentapp.services.health import HealthCheck
from paymentapp.storage.sqlite import SQLiteStore, database
from tests.support.processes import StillWorker, a_process


class Probed:
    """A store in use, and its health at a time that moves at each look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.store = SQLiteStore(path)
        self.store.create_tables()
        services = a_process(self.store, lambda: self.now, worker=StillWorker())
        self.health = services.health

    def look(self) -> HealthCheck:
        self.now += timedelta(minutes=1)
        return self.health.checks()[0]


@pytest.fixture
def probed(tmp_path: Path) -> Iterator[Probed]:
    probed = Probed(tmp_path / "test.db")
    assert probed.look().ok
    yield probed
    probed.store.close()


def failed(reason: str) -> HealthCheck:
    return HealthCheck("store", False, f"answers, and cannot be written: {reason}")


def test_a_lock_of_another_program_is_told(probed: Probed) -> None:
    with closing(sqlite3.connect(probed.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert probed.look() == failed("locked")
    assert probed.look().ok


def test_our_own_lock_held_for_long_is_told(
    probed: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paymentapp.storage.sqlite.group_commit._WAIT_SECONDS", 0.2)
    with database.write_lock(probed.path):
        assert probed.look() == failed("busy")
    monkeypatch.undo()
    assert probed.look().ok


def test_a_file_that_was_deleted_is_told(probed: Probed) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{probed.path}{suffix}").unlink()
    look = probed.look()
    assert not look.ok
    assert str(probed.path) not in look.detail
