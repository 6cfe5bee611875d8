"""A service that moves to another store under load: callers retry, and nobody is paid twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.test_kill import FAULTS, compare, settle
from tests.support.callers import Accepted, Caller
from tests.support.cluster import Cluster
from tests.support.service import ROOT

PAYMENTS = 240
CLIENTS = 4
SETTLE_SECONDS = 90
LEASES_SECONDS = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def old_store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/paymentapp.db"


@pytest.fixture
def new_store(postgresql_environ: dict[str, str]) -> str:
    return postgresql_environ["PAYMENTAPP_STORE"]


@pytest.fixture
def cluster(old_store: str, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, {"PAYMENTAPP_STORE": old_store}, FAULTS)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def run(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does, with the settings of the service."""
    command = [sys.executable, "-m", "paymentapp", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=cluster.environment, capture_output=True, text=True, check=False
    )


def finish(cluster: Cluster, *stores: str) -> None:
    """Make the last pass, once the leases of the processes that were stopped have ended."""
    end = time.monotonic() + LEASES_SECONDS
    while (done := run(cluster, "copy", *stores, "--finish")).returncode == 2:
        assert "a process works with the source" in done.stderr
        assert time.monotonic() < end, done.stderr
        time.sleep(1)
    assert done.returncode == 0, done.stdout + done.stderr


def callers(cluster: Cluster, accepted: Accepted, numbers: range) -> list[Caller]:
    started = [Caller(n, cluster, accepted, PAYMENTS // CLIENTS) for n in numbers]
    for each in started:
        each.start()
    return started


def test_a_move_under_load_loses_nothing_and_pays_nothing_twice(
    cluster: Cluster, old_store: str, new_store: str
) -> None:
    """What is requested shortly before the stop waits, since the provider is down by then.

    A quarter of the requests meets a service that is stopped: they are repeated until it answers.
    """
    stores = ("--from", old_store, "--to", new_store)
    accepted = Accepted()
    clients = callers(cluster, accepted, range(CLIENTS // 2))
    done = run(cluster, "copy", *stores)
    assert done.returncode == 0, done.stderr
    assert "a process works with the source" in run(cluster, "copy", *stores, "--finish").stderr
    cluster.set_simulator(down="503")
    clients += callers(cluster, accepted, range(CLIENTS // 2, CLIENTS - 1))
    time.sleep(1)
    with cluster.stopped():
        clients += callers(cluster, accepted, range(CLIENTS - 1, CLIENTS))
        finish(cluster, *stores)
        cluster.environment["PAYMENTAPP_STORE"] = new_store
        sent = len(cluster.ledger())
    cluster.set_simulator(**dict.fromkeys(FAULTS, 0), down="no")
    cluster.wait_until_up()
    for client in clients:
        client.join(SETTLE_SECONDS)
    assert len(cluster.ledger()) == sent < PAYMENTS  # while the target is held
    assert run(cluster, "release", "--all").returncode == 0
    counts = settle(cluster, accepted, time.monotonic() + SETTLE_SECONDS)
    print(f"{accepted.retries} retries, {sent} of {PAYMENTS} sent before the move")
    assert accepted.retries  # while no process served
    assert counts == {"succeeded": PAYMENTS}
    assert accepted.twice == []
    compare(cluster, accepted)
