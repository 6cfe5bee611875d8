"""Real processes, killed at random while they pay by OpenACH: each payment is made once."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

from paymentapp.models.item_ids import key_of
from paymentapp.vault.sealing import new_key
from simulators.openach.settings import CREDIT_TYPE
from tests.support.ach_backend import bank_account
from tests.support.callers import (
    Accepted,
    Caller,
    Statuses,
    kill_while_calling,
    wait_for_statuses,
)
from tests.support.cluster import Cluster
from tests.support.openach_backend import PREFIX

PAYMENTS = int(os.environ.get("KILL_TEST_OPENACH_PAYMENTS", "60"))
KILLS = int(os.environ.get("KILL_TEST_OPENACH_KILLS", "8"))
CLIENTS = 4
CUSTOMERS = 12  # of each client
# A batch whose process was killed is left alone for 30 of them; then sweeps send three a second.
SETTLE_SECONDS = 120
FAULTS = {
    "drop_before": 0.02,
    "drop_after": 0.04,
    "html_after": 0.02,
    "sql_before": 0.02,
    "sql_after": 0.02,
    "session_ended": 0.03,
    "run_before": 0.03,
}

pytestmark = pytest.mark.slow


class OpenAchCluster(Cluster):
    """The service and the OpenACH simulator."""

    def change_openach(self, **settings: object) -> None:
        """Change the settings of the OpenACH simulator while it runs."""
        url = f"{self.simulator_url}/_simulator/openach/settings"
        answer = requests.put(url, json=settings, timeout=10)
        assert answer.status_code == 200, answer.text

    def books(self) -> dict[str, Any]:
        """Return all schedules and entries of the OpenACH simulator."""
        url = f"{self.simulator_url}/_simulator/openach/ledger"
        found: dict[str, Any] = requests.get(url, timeout=30).json()
        return found

    def _start_simulator(self) -> subprocess.Popen[str]:
        process = super()._start_simulator()
        base_url = f"{self.simulator_url.rstrip('/')}/openach/api"
        self.environ = {**self.environ, "PAYMENTAPP_OPENACH_BASE_URL": base_url}
        self.change_openach(latency=0.01, **FAULTS)
        return process


class OpenAchPayer(Caller):
    """Registers customers with a bank account, and pays them by OpenACH."""

    prefix = "o"
    customers = CUSTOMERS
    method = {"payment_method": "openach"}

    def tell_more(self, customer: str, place: int) -> None:
        details = bank_account(f"{self.number:04d}{place:04d}77")
        path = f"/v1/api/customer/{customer}/payment-methods/openach"
        self.send(path, {"details": details}, {}, "PUT")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[OpenAchCluster]:
    environ = {
        "PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db",
        "PAYMENTAPP_VAULT_KEYS": new_key(),
        "PAYMENTAPP_OPENACH_TOKEN": "simulator",
        "PAYMENTAPP_OPENACH_SECRET_KEY": "simulator",
        "PAYMENTAPP_OPENACH_PAYMENT_TYPE": CREDIT_TYPE,
        "PAYMENTAPP_PROVIDER_TIMEOUT": "5",
    }
    cluster = OpenAchCluster(tmp_path, environ)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_loses_nothing_and_pays_once(cluster: OpenAchCluster) -> None:
    seed = int(os.environ.get("KILL_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"KILL_TEST_SEED={seed}")
    random = Random(seed)
    accepted = Accepted()
    payers = [OpenAchPayer(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    last_kill = kill_while_calling(cluster, payers, KILLS, random, (0.1, 0.8))
    cluster.change_openach(**dict.fromkeys(FAULTS, 0.0))
    cluster.wait_until_up()
    found = wait_for_statuses(cluster, accepted, are_submitted, last_kill + SETTLE_SECONDS)
    print(f"{len(accepted.payments)} payments, {cluster.kills} kills")
    assert accepted.twice == []
    assert len(accepted.payments) == PAYMENTS
    assert {key: status for key, status in found.items() if status != "submitted"} == {}
    compare(cluster, accepted)


def are_submitted(found: Statuses) -> bool:
    return set(found.values()) == {"submitted"}


def compare(cluster: OpenAchCluster, accepted: Accepted) -> None:
    """Check that the books have what was accepted: one schedule of each, run at most once."""
    books = cluster.books()
    made = {
        key_of(each["payment_profile_external_id"].removeprefix(PREFIX)): Decimal(
            each["payment_schedule_amount"]
        )
        for each in books["schedules"]
    }
    assert len(made) == len(books["schedules"])
    assert made == {key: Decimal(each["amount"]) for key, each in accepted.payments.items()}
    entered = Counter(each["schedule"] for each in books["entries"])
    assert [schedule for schedule, times in entered.items() if times > 1] == []
