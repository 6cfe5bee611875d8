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


@pytest.fixture
def source_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/source.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/target.db"
    environ: dict[str, str] = request.getfixturevalue("postgresql_environ")
    return environ["PAYMENTAPP_STORE"]


def copy(source: str, target: str, *options: str) -> subprocess.Popen[bytes]:
    stores = ("--from", source, "--to", target)
    command = [sys.executable, "-m", "paymentapp", "copy", *stores, *options]
    return subprocess.Popen(command, env=clean_environ(), cwd=ROOT, stdout=subprocess.DEVNULL)


def opened(url: str) -> CopyableStore:
    store = open_store(Settings(store=url))
    store.create_tables()
    return store


def test_a_copy_that_is_killed_is_completed_by_the_next(source_url: str, target_url: str) -> None:
    chance = random.Random(61)
    with closing(opened(source_url)) as source:
        fill(source)
        wanted = [add_payment(source, due_payment(number)) for number in range(9, PAYMENTS)]
    for number in range(KILLS):
        process = copy(source_url, target_url, *(["--finish"] if number % 2 else []))
        try:
            process.wait(chance.uniform(0.8, 2.3))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert copy(source_url, target_url, "--finish").wait(60) == 0
    with (
        closing(opened(source_url)) as source,
        closing(opened(target_url)) as target,
    ):
        until = utc_now() + FAR
        due = [store.due_payments(1, until, 2 * PAYMENTS) for store in (source, target)]
        assert sorted(due[0], key=lambda p: p.key) == sorted(due[1], key=lambda p: p.key)
        assert {each.key for each in wanted} <= {each.key for each in due[1]}
        assert [hold.scope for hold in target.list_holds() if not hold.value] == ["all"]
