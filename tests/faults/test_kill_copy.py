"""A copy that is killed again and again is completed, and nothing is due before its last step."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from paymentapp.clock import utc_now
from paymentapp.config import Settings
from paymentapp.storage import open_store
from paymentapp.storage.copying import CopyableStore
from tests.support.filled_store import due_payment, fill
from tests.support.records import add_payment
from tests.support.service import ROOT, clean_environ

PAYMENTS, KILLS = 3_000, 6
FAR = timedelta(days=4000)

pytestmark = pytest.mark.slow


def copy(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    stores = ("--from", f"sqlite:///{folder}/source.db", "--to", f"sqlite:///{folder}/target.db")
    command = [sys.executable, "-m", "paymentapp", "copy", *stores, *options]
    return subprocess.Popen(command, env=clean_environ(), cwd=ROOT, stdout=subprocess.DEVNULL)


def opened(folder: Path, name: str) -> CopyableStore:
    store = open_store(Settings(store=f"sqlite:///{folder}/{name}.db"))
    store.create_tables()
    return store


def test_a_copy_that_is_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    chance = random.Random(61)
    with closing(opened(tmp_path, "source")) as source:
        fill(source)
        wanted = [add_payment(source, due_payment(number)) for number in range(9, PAYMENTS)]
    for number in range(KILLS):
        process = copy(tmp_path, *(["--finish"] if number % 2 else []))
        try:
            process.wait(0.8 + chance.random())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert copy(tmp_path, "--finish").wait(60) == 0
    with (
        closing(opened(tmp_path, "source")) as source,
        closing(opened(tmp_path, "target")) as target,
    ):
        until = utc_now() + FAR
        due = [store.due_payments(1, until, 2 * PAYMENTS) for store in (source, target)]
        assert sorted(due[0], key=lambda p: p.key) == sorted(due[1], key=lambda p: p.key)
        assert {each.key for each in wanted} <= {each.key for each in due[1]}
        assert [hold.scope for hold in target.list_holds() if not hold.value] == ["all"]
