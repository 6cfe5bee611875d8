"""A store that freezes again and again: everything drains by itself, nothing is lost or doubled."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
import requests

from tests.faults.test_kill import compare, settle
from tests.support.callers import Accepted, Caller
from tests.support.cluster import Cluster
from tests.support.frozen import (
    Freezable,
    FrozenServer,
    LockedFile,
    dynamodb_local,
    emulated_dynamodb,
)

PAYMENTS = 600
CLIENTS = 4
FREEZES = 4
FREEZE_SECONDS = 12
SETTLE_DELAY = 20  # seconds that a payment takes at the provider
DRAIN_SECONDS = 60  # after the last freeze

pytestmark = pytest.mark.slow


class SlowCaller(Caller):
    """Posts through all of the freezes, and asks again until it has an answer."""

    customers = 10  # so that all payments are counted within a second

    def record(self, payment: dict[str, object], key: str) -> None:
        super().record(payment, key)
        time.sleep(0.15)


@pytest.fixture(params=["sqlite", "dynamodb", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Freezable]:
    with ExitStack() as stack:
        found: Freezable | None
        if request.param == "sqlite":
            path = tmp_path / "paymentapp.db"
            found = LockedFile({"PAYMENTAPP_STORE": f"sqlite:///{path}"}, path)
        elif request.param == "postgresql":
            own = request.getfixturevalue("own_postgresql")
            found = FrozenServer({"PAYMENTAPP_STORE": own.url}, own)
        else:
            found = stack.enter_context(dynamodb_local(tmp_path))
            found = found or stack.enter_context(emulated_dynamodb(tmp_path))
        if found is None:
            pytest.skip("neither DynamoDB Local nor ministack is installed")
        yield found


@pytest.fixture
def cluster(store: Freezable, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, store.environ, {"settle_delay": SETTLE_DELAY})
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def wait_for(accepted: Accepted, count: int) -> None:
    """Wait until so many payments are accepted, however fast the machine is."""
    end = time.monotonic() + DRAIN_SECONDS
    while len(accepted.payments) < count:
        assert time.monotonic() < end, f"{len(accepted.payments)} of {count} were accepted"
        time.sleep(0.05)


def test_four_freezes_under_load_drain_within_a_minute(cluster: Cluster, store: Freezable) -> None:
    seed = int(os.environ.get("FREEZE_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"FREEZE_TEST_SEED={seed}")
    random = Random(seed)
    accepted = Accepted()
    clients = [SlowCaller(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for count in sorted(random.sample(range(PAYMENTS // 10, PAYMENTS * 9 // 10), FREEZES)):
        wait_for(accepted, count)
        time.sleep(random.uniform(0, 2))
        store.freeze(FREEZE_SECONDS)
    thawed = time.monotonic()
    for client in clients:
        client.join(DRAIN_SECONDS)
    counts = settle(cluster, accepted, thawed + DRAIN_SECONDS)
    print(
        f"{len(accepted.payments)} payments, {accepted.retries} retries; {dict(counts)} "
        f"{time.monotonic() - thawed:.0f} s after the last freeze"
    )
    assert counts == {"succeeded": PAYMENTS}
    assert accepted.twice == []
    compare(cluster, accepted)
    assert requests.get(f"{cluster.url}/healthz", timeout=10).status_code == 200
