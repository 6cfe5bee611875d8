"""Real processes, killed at random while they accept and pay: nothing lost, nothing twice."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

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


@dataclass
class Accepted:
    """What clients got a 2xx for."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    payments: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    retries: int = 0
    twice: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Registers customers and pays them, again and again until it has an answer."""

    def __init__(self, number: int, cluster: Cluster, accepted: Accepted, count: int) -> None:
        super().__init__(daemon=True)
        self.number, self.cluster, self.accepted, self.count = number, cluster, accepted, count
        self.session = requests.Session()

    def run(self) -> None:
        for turn in range(self.count):
            customer = f"c{self.number}-{turn % 50}"
            person = {"customer_id": customer, "email": f"{customer}@example.com"}
            if turn < 50:
                self.send("/v1/api/customer", person, {})
            order = person | {"amount": turn % 97 + 1, "currency": "USD"}
            key = {"Idempotency-Key": f"{self.number}/{turn}"}
            self.record(self.send("/v1/api/payment", order, key), key["Idempotency-Key"])

    def send(self, path: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
        """Send until there is a 2xx, as a careful caller does."""
        while True:
            try:
                answer = self.session.post(
                    self.cluster.url + path, json=body, headers=headers, timeout=15
                )
                if answer.status_code < 300:
                    result: dict[str, Any] = answer.json(parse_float=Decimal)
                    return result
                assert answer.status_code >= 500, answer.text
            except requests.RequestException:
                pass
            with self.accepted.lock:
                self.accepted.retries += 1
            time.sleep(0.05)

    def record(self, payment: dict[str, Any], key: str) -> None:
        where = (payment["customer_id"], payment["payment_id"])
        with self.accepted.lock:
            if where in self.accepted.payments:
                self.accepted.twice.append(f"{where} for {key}")
            self.accepted.payments[where] = payment


@pytest.fixture(params=["sqlite", "dynamodb"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if request.param == "sqlite":
        return {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db"}
    return dict(request.getfixturevalue("dynamodb_environ"))


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
    clients = [Client(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    while cluster.kills < KILLS or any(client.is_alive() for client in clients):
        time.sleep(random.uniform(0.05, 0.4))
        cluster.kill_one(random)
    last_kill = time.monotonic()
    cluster.set_simulator(**dict.fromkeys(FAULTS, 0))
    cluster.wait_until_up()
    counts = settle(cluster, accepted, last_kill + SETTLE_SECONDS)
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
    """Wait until every payment has an outcome; returns how many stand where."""
    customers = sorted({customer for customer, _ in accepted.payments})
    while True:
        counts: Counter[str] = Counter()
        for customer in customers:
            counts.update(p["status"] for p in listed(cluster, customer))
        if counts.keys() == {"succeeded"} or time.monotonic() > end:
            return counts
        time.sleep(0.5)


def listed(cluster: Cluster, customer: str) -> Iterator[dict[str, Any]]:
    """All of a customer's payments, page by page."""
    query = {"limit": "100"}
    while True:
        url = f"{cluster.url}/v1/api/payment/{customer}"
        page = requests.get(url, params=query, timeout=15).json(parse_float=Decimal)
        yield from page["payments"]
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


def compare(cluster: Cluster, accepted: Accepted) -> None:
    """The simulator's ledger holds each accepted payment once, and nothing else."""
    paid = Counter(item["sender_item_id"] for item in cluster.ledger())
    assert [item for item, times in paid.items() if times > 1] == []
    assert len(paid) == len(accepted.payments)
    owed = Counter(
        (payment["email"], Decimal(payment["amount"])) for payment in accepted.payments.values()
    )
    moved = Counter((item["receiver"], Decimal(item["amount"])) for item in cluster.ledger())
    assert moved == owed
