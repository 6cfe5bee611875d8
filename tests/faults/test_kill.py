"""Real processes, killed at random while they accept and pay: nothing lost, nothing paid twice."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from tests.support.callers import (
    Accepted,
    Caller,
    Statuses,
    kill_while_calling,
    wait_for_statuses,
)
from tests.support.cluster import Cluster

PAYMENTS = int(os.environ.get("KILL_TEST_PAYMENTS", "5000"))
KILLS = int(os.environ.get("KILL_TEST_KILLS", "200"))
CLIENTS = 8
SETTLE_SECONDS = 60
FAULTS = {
    "latency": 0.05,
    "settle_delay": 1,
    "drop_before": 0.04,
    "drop_after": 0.04,
    "error_after": 0.03,
    "garbage": 0.02,
    "rate_limited": 0.02,
}

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", "dynamodb", "postgresql"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    unique = {"PAYMENTAPP_UNIQUE_REFERENCES": "on"}  # every second payment has a reference
    if request.param == "sqlite":
        return unique | {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db"}
    found = unique | dict(request.getfixturevalue(f"{request.param}_environ"))
    if request.param == "postgresql":
        # It accepts so quickly that each process leaves several small batches when it is killed,
        # and polls have a budget of about two a second: 150 batches took longer than the limit.
        found["PAYMENTAPP_LINGER_MS"] = "200"
    return found


@pytest.fixture
def cluster(environ: dict[str, str], tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, environ, FAULTS)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_loses_nothing_and_pays_nothing_twice(cluster: Cluster, tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"KILL_TEST_SEED={seed}")
    random = Random(seed)
    accepted = Accepted()
    clients = [Caller(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    began = time.monotonic()
    last_kill = kill_while_calling(cluster, clients, KILLS, random, (0.05, 0.4))
    cluster.set_simulator(**dict.fromkeys(FAULTS, 0))
    cluster.wait_until_up()
    # A batch is polled again after half of its age, so one that was sent at the start may wait.
    end = last_kill + SETTLE_SECONDS + (last_kill - began) / 2
    counts = settle(cluster, accepted, end)
    print(
        f"{len(accepted.payments)} payments, {accepted.retries} retries, {cluster.kills} kills "
        f"({cluster.master_kills} of a master), settled in {time.monotonic() - last_kill:.0f} s"
    )
    assert counts == {"succeeded": PAYMENTS}
    assert accepted.twice == []
    compare(cluster, accepted)
    database = tmp_path / "paymentapp.db"
    if database.exists():
        (verdict,) = sqlite3.connect(database).execute("PRAGMA integrity_check").fetchone()
        assert verdict == "ok"


def settle(cluster: Cluster, accepted: Accepted, end: float) -> Counter[str]:
    """Wait until every payment has succeeded; return the number of each status."""

    def are_succeeded(found: Statuses) -> bool:
        return set(found.values()) == {"succeeded"}

    return Counter(wait_for_statuses(cluster, accepted, are_succeeded, end).values())


def compare(cluster: Cluster, accepted: Accepted) -> None:
    """Check that the simulator's ledger has each accepted payment once, and nothing else."""
    paid = Counter(item["sender_item_id"] for item in cluster.ledger())
    assert [item for item, times in paid.items() if times > 1] == []
    assert len(paid) == len(accepted.payments)
    owed = Counter(
        (payment["email"], Decimal(payment["amount"])) for payment in accepted.payments.values()
    )
    moved = Counter((item["receiver"], Decimal(item["amount"])) for item in cluster.ledger())
    assert moved == owed
