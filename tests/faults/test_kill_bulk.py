"""Real processes, killed while they take in and work off a bulk run: each row is paid once."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

from tests.support.cluster import Cluster

ROWS = int(os.environ.get("KILL_TEST_ROWS", "3000"))
KILLS = 3  # of every process at once
CUSTOMERS = 50
END_SECONDS = 300

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", "dynamodb", "postgresql"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if request.param == "sqlite":
        return {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db"}
    return dict(request.getfixturevalue(f"{request.param}_environ"))


@pytest.fixture
def cluster(environ: dict[str, str], tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, environ)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_loses_no_row_and_pays_none_twice(cluster: Cluster) -> None:
    random = Random(7)
    register(cluster)
    text = "customer_id,email,amount,currency,reference\n" + "".join(
        f"c{n % CUSTOMERS},c{n % CUSTOMERS}@example.com,{1 + n / 100:.2f},USD,row-{n}\n"
        for n in range(ROWS)
    )
    bulk_id = ask(cluster, text)
    for number in range(1, KILLS + 1):
        wait(cluster, bulk_id, lambda run, n=number: run["accepted"] > ROWS * n / (KILLS + 2))
        kill_all(cluster, random)
    run = wait(cluster, bulk_id, lambda run: run["status"] == "completed")
    assert (run["accepted"], run["rejected"]) == (ROWS, 0)
    assert ask(cluster, text) == bulk_id
    references = Counter(each["reference"] for each in payments(cluster))
    assert references == Counter(f"row-{n}" for n in range(ROWS))
    paid = wait_for_ledger(cluster)
    assert [item for item, times in paid.items() if times > 1] == []
    assert len(paid) == ROWS


def register(cluster: Cluster) -> None:
    for n in range(CUSTOMERS):
        body = {"customer_id": f"c{n}", "email": f"c{n}@example.com"}
        requests.post(f"{cluster.url}/v1/api/customer", json=body, timeout=30).raise_for_status()


def ask(cluster: Cluster, text: str) -> str:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "june"}
    answer = requests.post(
        f"{cluster.url}/v1/api/bulk?mode=each", data=text.encode(), headers=headers, timeout=60
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["bulk_id"])


def wait(cluster: Cluster, bulk_id: str, until: Any) -> dict[str, Any]:
    """Wait until a run is as wanted; return it."""
    end = time.monotonic() + END_SECONDS
    run: dict[str, Any] = {}
    while time.monotonic() < end:
        try:
            run = requests.get(f"{cluster.url}/v1/api/bulk/{bulk_id}", timeout=10).json()
            if "status" in run and "total" in run and until(run):
                return run
        except requests.RequestException:
            pass  # it is being started again
        time.sleep(0.05)
    raise AssertionError(f"not in time: {run}")


def kill_all(cluster: Cluster, random: Random) -> None:
    """Kill every process of the service, in any order."""
    processes = cluster.processes()
    random.shuffle(processes)
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cluster.wait_until_up()


def payments(cluster: Cluster) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "100", **({"cursor": cursor} if cursor else {})}
        page = requests.get(f"{cluster.url}/v1/api/payment", params=query, timeout=30).json()
        yield from page["payments"]
        cursor = page["next_cursor"]


def wait_for_ledger(cluster: Cluster) -> Counter[str]:
    """Wait until the simulator was asked for every payment; return how often for each."""
    end = time.monotonic() + END_SECONDS
    while True:
        paid = Counter(item["sender_item_id"] for item in cluster.ledger())
        if len(paid) >= ROWS or time.monotonic() > end:
            return paid
        time.sleep(0.5)
