"""Real processes, killed while events are sent: each final one is received, none is false."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import requests

from paymentapp.vault.sealing import new_key
from tests.support.callers import Accepted, Caller, listed
from tests.support.cluster import Cluster
from tests.support.service import ROOT, clean_environ, free_port

PAYMENTS = int(os.environ.get("KILL_TEST_WEBHOOK_PAYMENTS", "120"))
KILLS = int(os.environ.get("KILL_TEST_WEBHOOK_KILLS", "14"))
CLIENTS = 4
RECEIVED_WITHIN = 120  # seconds of the last kill; DynamoDB lists an event half a minute late
ENDPOINTS = "/v1/api/webhook-endpoints"
FAULTS = {"latency": 0.02, "settle_delay": 1, "drop_after": 0.03}

pytestmark = pytest.mark.slow

Line = tuple[str, str, str, str]  # customer, payment, type of event, time


class ReceivedEvent(NamedTuple):
    """What a webhook has said, and the id that it came under."""

    event_id: str
    line: Line


@dataclass
class ReceiverProcess:
    """The example of a receiver, as a process that may be killed and started again."""

    folder: Path
    secret: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0

    @property
    def database(self) -> Path:
        return self.folder / "received.db"

    def start(self) -> None:
        """Start it; do not wait for it."""
        command = [sys.executable, "-m", "tests.support.webhook_receiver"]
        self.process = subprocess.Popen(
            [*command, str(self.port), str(self.database)],
            cwd=ROOT,
            env=clean_environ() | {"WEBHOOK_SECRET": self.secret},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """End it where it is."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None
            self.kills += 1

    def received(self) -> list[ReceivedEvent]:
        """Return what it has verified and stored."""
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self.database)) as rows:
            return [
                ReceivedEvent(event_id, _line(json.loads(body)))
                for event_id, body in rows.execute("SELECT id, body FROM Events")
            ]
        return []

    def refused(self) -> int:
        """Return how many webhooks it could not verify."""
        path = self.database.with_suffix(".refused")
        return len(path.read_text().splitlines()) if path.exists() else 0


def _line(event: dict[str, Any]) -> Line:
    data, kind = event["data"], event["type"]
    assert data["status"] == kind.removeprefix("payment.")
    return data["customer_id"], data["payment_id"], kind, event["timestamp"]


@pytest.fixture(params=["sqlite", "dynamodb", "postgresql"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    store = {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db"}
    if request.param != "sqlite":
        store = request.getfixturevalue(f"{request.param}_environ")
    webhooks = {
        "PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK": "on",
        "PAYMENTAPP_WEBHOOKS_TIMEOUT": "3",
        "PAYMENTAPP_VAULT_KEYS": new_key(),
    }
    cluster = Cluster(tmp_path, store | webhooks, FAULTS)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_loses_no_event_and_sends_none_that_did_not_happen(
    cluster: Cluster, tmp_path: Path
) -> None:
    seed = int(os.environ.get("KILL_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"KILL_TEST_SEED={seed}")
    random, accepted = Random(seed), Accepted()
    receiver = ReceiverProcess(tmp_path, "")
    endpoint_id = register(cluster, receiver)
    receiver.start()
    callers = [Caller(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    try:
        for caller in callers:
            caller.start()
        while cluster.kills < KILLS or any(caller.is_alive() for caller in callers):
            cluster.pause(random, 0.1, 0.8, KILLS)
            cluster.kill_one(random)
            if receiver.process is None:
                receiver.start()
            elif random.random() < 0.5:
                receiver.kill()
        if receiver.process is None:
            receiver.start()
        last_kill = time.monotonic()
        cluster.set_simulator(**dict.fromkeys(FAULTS, 0))
        cluster.wait_until_up()
        missing = wait_for_all(cluster, endpoint_id, receiver, accepted)
        seconds = time.monotonic() - last_kill
        print(
            f"{len(accepted.payments)} payments, {cluster.kills} kills of the service "
            f"({cluster.master_kills} of a master), {receiver.kills} of the receiver, "
            f"{len(receiver.received())} events, the last after {seconds:.0f} s"
        )
        assert missing == set()
        assert accepted.twice == []
        assert len(accepted.payments) == PAYMENTS
        check_truth(cluster, receiver, accepted)
    finally:
        receiver.kill()


def register(cluster: Cluster, receiver: ReceiverProcess) -> str:
    """Register the receiver; return the id of its endpoint."""
    url = f"http://127.0.0.1:{receiver.port}/events"
    answer = requests.post(f"{cluster.url}{ENDPOINTS}", json={"url": url}, timeout=15)
    assert answer.status_code == 201, answer.text
    receiver.secret = answer.json()["secret"]
    endpoint_id: str = answer.json()["id"]
    return endpoint_id


def wait_for_all(
    cluster: Cluster, endpoint_id: str, receiver: ReceiverProcess, accepted: Accepted
) -> set[tuple[str, str]]:
    """Wait until the final event of each payment is received; return the payments without one."""
    end = time.monotonic() + RECEIVED_WITHIN
    while True:
        done = {line[:2] for _, line in receiver.received() if line[2] == "payment.succeeded"}
        missing = accepted.payments.keys() - done
        if not missing or time.monotonic() > end:
            return missing
        redeliver_pending(cluster, endpoint_id)
        time.sleep(1)


def redeliver_pending(cluster: Cluster, endpoint_id: str) -> None:
    """Have sent at once what has failed twice: its next attempt would be in five minutes."""
    deliveries = f"{cluster.url}{ENDPOINTS}/{endpoint_id}/deliveries"
    with suppress(requests.ConnectionError):  # of a worker that was killed last
        query = {"status": "pending", "limit": "100"}
        page = requests.get(deliveries, params=query, timeout=15).json()
        for each in page["deliveries"]:
            if each["attempts"] > 1:
                requests.post(f"{deliveries}/{each['id']}/redeliver", timeout=15)


def check_truth(cluster: Cluster, receiver: ReceiverProcess, accepted: Accepted) -> None:
    """Compare with the histories: all was verified, has one id each time, and has happened."""
    received = receiver.received()
    histories = {
        (customer, payment["payment_id"], f"payment.{line['status']}", line["at"])
        for customer in sorted({customer for customer, _ in accepted.payments})
        for payment in listed(cluster, customer)
        for line in payment["history"]
    }
    assert receiver.refused() == 0
    assert len({each.event_id for each in received}) == len(received)
    assert {each.line for each in received} <= histories
