"""PostgreSQL itself, killed while payments are accepted and sent: nothing lost or paid twice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.faults.test_kill import FAULTS, compare, settle
from tests.support.callers import Accepted, Caller
from tests.support.cluster import Cluster
from tests.support.postgresql import PostgreSQLServer

PAYMENTS = int(os.environ.get("KILL_TEST_PAYMENTS", "800"))
CLIENTS = 4
KILLS = int(os.environ.get("KILL_TEST_KILLS", "10"))
SETTLE_SECONDS = 90

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(own_postgresql: PostgreSQLServer, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, {"PAYMENTAPP_STORE": own_postgresql.url}, FAULTS)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_of_the_server_loses_nothing_and_pays_nothing_twice(
    cluster: Cluster, own_postgresql: PostgreSQLServer
) -> None:
    seed = int(os.environ.get("KILL_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"KILL_TEST_SEED={seed}")
    random = Random(seed)
    accepted = Accepted()
    clients = [Caller(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    began = time.monotonic()
    for client in clients:
        client.start()
    for number in range(KILLS):
        time.sleep(random.uniform(0.3, 1.5))
        own_postgresql.kill()
        if number % 3 == 0:
            cluster.kill_one(random)
        time.sleep(random.uniform(0, 0.5))
        own_postgresql.start()
    for client in clients:
        client.join(SETTLE_SECONDS)
    cluster.set_simulator(**dict.fromkeys(FAULTS, 0))
    cluster.wait_until_up()
    # A batch is polled again after half of its age, so one that was sent at the start may wait.
    end = time.monotonic() + SETTLE_SECONDS + (time.monotonic() - began) / 2
    counts = settle(cluster, accepted, end)
    print(f"{len(accepted.payments)} payments, {accepted.retries} retries, {dict(counts)}")
    assert counts == {"succeeded": PAYMENTS}
    assert accepted.twice == []
    compare(cluster, accepted)
