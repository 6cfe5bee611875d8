"""Real processes that pay by files, killed at random: each accepted payment is credited once.

Windows end every few seconds, and the bank takes files as soon as it sees them: nothing is left in
the folder that could tell the next process what became of a file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from paymentapp.vault.sealing import new_key
from simulators.bank import BankBooks
from tests.support.ach_backend import ach_environ, bank_account
from tests.support.callers import Accepted, Caller, listed
from tests.support.cluster import Cluster
from tests.support.service import ROOT, clean_environ

PAYMENTS = int(os.environ.get("KILL_ACH_PAYMENTS", "300"))
KILLS = int(os.environ.get("KILL_ACH_KILLS", "16"))
CLIENTS = 6
ACCOUNTS = 10  # customers of each client
RETURNED = 7  # every so manieth account sends its money back
SETTLE_SECONDS = 60

pytestmark = pytest.mark.slow


class Payer(Caller):
    """Registers customers with their accounts, and pays them by ACH."""

    customers = ACCOUNTS
    method = {"payment_method": "ach"}

    def tell_more(self, customer: str, place: int) -> None:  # noqa: ARG002
        path = f"/v1/api/customer/{customer}/payment-methods/ach"
        self.send(path, {"details": bank_account(account_of(customer))}, {}, "PUT")


def account_of(customer: str) -> str:
    caller, place = map(int, customer[1:].split("-"))
    number = caller * ACCOUNTS + place
    magic = "R22" if number % RETURNED == 0 else "100"  # R03 would block the account
    return f"{magic}{number:07d}"


@contextmanager
def local_bank(folder: Path) -> Iterator[BankBooks]:
    """Run the bank simulator in a process of its own; yields its ledger."""
    command = ["-m", "simulators.bank", "--every", "0.001"]
    for name in ("outgoing", "incoming"):
        command += [f"--{name}", str(folder / name)]
    process = subprocess.Popen(
        [sys.executable, *command, "--state", str(folder / "bank")],
        cwd=ROOT, env=clean_environ(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "takes files" in process.stdout.readline()
        yield BankBooks(folder / "bank" / "books.db")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    environ = {
        "PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db",
        "PAYMENTAPP_VAULT_KEYS": new_key(),
        "PAYMENTAPP_COLLECT_SECONDS": "1",
        "PAYMENTAPP_SWEEP_SECONDS": "1",
    }
    ach = ach_environ(tmp_path, rehearsal_seconds="2", hold_days="1", attempt_seconds="4")
    cluster = Cluster(tmp_path, environ | ach)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_credits_every_payment_once(cluster: Cluster, tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"KILL_TEST_SEED={seed}")
    random = Random(seed)
    accepted = Accepted()
    clients = [Payer(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    with local_bank(tmp_path) as books:
        for client in clients:
            client.start()
        while cluster.kills < KILLS or any(client.is_alive() for client in clients):
            cluster.pause(random, 0.2, 1.2, KILLS)
            if random.random() < 1 / 2 and is_taken(tmp_path / "bank" / "taken"):
                kill_senders(cluster)
            else:
                cluster.kill_one(random)
        last_kill = time.monotonic()
        cluster.wait_until_up()
        parked = Operator(cluster, books)
        counts = settle(cluster, accepted, parked, last_kill + SETTLE_SECONDS)
        print(
            f"{len(accepted.payments)} payments in {len(books.files())} files, {cluster.kills} "
            f"kills ({cluster.master_kills} of a master), {parked.settled} batches parked, settled "
            f"in {time.monotonic() - last_kill:.0f} s: {dict(counts)}"
        )
        assert len(accepted.payments) == PAYMENTS
        assert accepted.twice == []
        back = returned(accepted)
        assert counts == {"succeeded": PAYMENTS - back, "returned": back}
        compare(books, accepted)


def is_taken(folder: Path) -> bool:
    """Wait until the bank has taken a file that the sender may not know of yet."""
    before, end = len(list(folder.iterdir())), time.monotonic() + 3
    while time.monotonic() < end:
        if len(list(folder.iterdir())) > before:
            return True
    return False


def kill_senders(cluster: Cluster) -> None:
    """Send SIGKILL to all workers at once: any of them may be the sender."""
    for pid in cluster.processes()[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            cluster.kills += 1


@dataclass
class Operator:
    """An operator who resolves parked batches by the bank's ledger."""

    cluster: Cluster
    books: BankBooks
    settled: int = 0

    def look(self) -> None:
        """Resolve every parked batch whose file the bank has as accepted."""
        listed = json.loads(self.run("parked", "list", "--json"))
        files = self.books.files()
        for batch_id in [each["batch_id"] for each in listed["parked"]]:
            name = next((name for name in files if batch_id in name), None)
            if name is not None:
                self.run(
                    *("parked", "resolve", batch_id, "--as", "accepted", "--reference", name),
                    *("--by", "the test", "--note", "the bank has it", "--confirm", batch_id),
                )
                self.settled += 1

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "paymentapp", *arguments],
            cwd=ROOT, env=self.cluster.environment, capture_output=True, text=True, timeout=60,
            check=True,
        )  # fmt: skip
        return done.stdout


def settle(cluster: Cluster, accepted: Accepted, operator: Operator, end: float) -> Counter[str]:
    """Wait until every payment has an outcome; return the number of each status."""
    customers = sorted({customer for customer, _ in accepted.payments})
    while True:
        counts = Counter(p["status"] for each in customers for p in listed(cluster, each))
        if counts.keys() <= {"succeeded", "returned"} and returned(accepted) == counts["returned"]:
            return counts
        if time.monotonic() > end:
            return counts
        if not counts["pending"]:
            operator.look()
        time.sleep(1)


def returned(accepted: Accepted) -> int:
    return sum(account_of(customer).startswith("R") for customer, _ in accepted.payments)


def compare(books: BankBooks, accepted: Accepted) -> None:
    """Check that the bank's ledger has each accepted payment once, and nothing else."""
    paid = Counter((credit.account, credit.cents) for credit in books.credits())
    assert paid == Counter(
        (account_of(customer), int(payment["amount"] * 100))
        for (customer, _), payment in accepted.payments.items()
    )
    traces = [credit.trace for credit in books.credits()]
    assert len(traces) == len(set(traces))
