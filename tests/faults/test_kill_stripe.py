"""Real processes, killed at random while they pay by Stripe: each payment moves money once."""

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

from paymentapp.vault.sealing import new_key
from tests.support.callers import (
    Accepted,
    Caller,
    Statuses,
    kill_while_calling,
    wait_for_statuses,
)
from tests.support.cluster import Cluster
from tests.support.global_backend import FINANCIAL_ACCOUNT, PERSON

PAYMENTS = int(os.environ.get("KILL_TEST_STRIPE_PAYMENTS", "200"))
KILLS = int(os.environ.get("KILL_TEST_STRIPE_KILLS", "16"))
CLIENTS = 4
CUSTOMERS = 12  # of each client
SETTLE_SECONDS = 60  # a batch whose process was killed is left alone for half of that
WEBHOOK_SECRET = "whsec_ofthetests0001"
ENVIRON = {
    "PAYMENTAPP_STRIPE_SECRET_KEY": "sk_test_simulated0001",
    "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    "PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT": FINANCIAL_ACCOUNT,
    "PAYMENTAPP_VAULT_KEYS": new_key(),
    "PAYMENTAPP_PROVIDER_TIMEOUT": "5",
}
FAULTS = {
    "drop_before": 0.02,
    "drop_after": 0.03,
    "error_before": 0.01,
    "error_after": 0.03,
    "garbage": 0.02,
    "rate_limited": 0.01,
    "lock_timeout": 0.01,
}
# Left in the connected account, paid on to a bank, and back from it; to a recipient's bank account,
# and to one that declines.
ACCOUNTS = [
    {"account": "acct_simok{}", "payout": "none"},
    {"account": "acct_simok{}", "payout": "standard"},
    {"account": "acct_simpayoutfailsaccountclosed{}", "payout": "standard"},
    PERSON | {"account_number": "0001{}"},
    PERSON | {"account_number": "FAILS02{}"},
]

pytestmark = pytest.mark.slow


class StripeCluster(Cluster):
    """The service and the Stripe simulator, which reports outcomes by webhook."""

    def change_stripe(self, **settings: object) -> None:
        """Change the settings of the Stripe simulator while it runs."""
        answer = requests.put(
            f"{self.simulator_url}/_simulator/stripe/settings", json=settings, timeout=10
        )
        assert answer.status_code == 200, answer.text

    def moves(self) -> list[dict[str, Any]]:
        """Return all money that the Stripe simulator ever moved."""
        url = f"{self.simulator_url}/_simulator/stripe/ledger"
        items: list[dict[str, Any]] = []
        after = 0
        while after is not None:
            page = requests.get(url, params={"limit": 5000, "after": after}, timeout=30).json()
            items += page["items"]
            after = page["next"]
        return items

    def _start_simulator(self) -> subprocess.Popen[str]:
        process = super()._start_simulator()
        base_url = f"{self.simulator_url.rstrip('/')}/stripe"
        self.environ = {**self.environ, "PAYMENTAPP_STRIPE_BASE_URL": base_url}
        self.change_stripe(
            balance={"USD": "10000000.00"},
            latency=0.01,
            payout_delay=1,
            webhook_url=f"{self.url}/webhooks/stripe",
            webhook_secret=WEBHOOK_SECRET,
            webhook_loss=0.3,
            webhook_shuffle=0.3,
            **FAULTS,
        )
        return process


class Payer(Caller):
    """Registers customers with a connected account, and pays them by Stripe."""

    prefix = "s"
    customers = CUSTOMERS
    method = {"payment_method": "stripe"}

    def tell_more(self, customer: str, place: int) -> None:
        details = {k: v.format(f"{self.number}X{place:04d}") for k, v in kind_of(customer).items()}
        path = f"/v1/api/customer/{customer}/payment-methods/stripe"
        self.send(path, {"details": details}, {}, "PUT")


def kind_of(customer: str) -> dict[str, str]:
    """Return the kind of outcome of a customer's payments."""
    return ACCOUNTS[int(customer.partition("-")[2]) % len(ACCOUNTS)]


def is_recipient(customer: str) -> bool:
    return "account" not in kind_of(customer)


def comes_back(customer: str) -> bool:
    return "fails" in kind_of(customer).get("account", "")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[StripeCluster]:
    store = {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db"}
    cluster = StripeCluster(tmp_path, store | ENVIRON)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


def test_kill_9_loses_nothing_and_moves_money_once(cluster: StripeCluster) -> None:
    seed = int(os.environ.get("KILL_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"KILL_TEST_SEED={seed}")
    random = Random(seed)
    accepted = Accepted()
    payers = [Payer(n, cluster, accepted, PAYMENTS // CLIENTS) for n in range(CLIENTS)]
    last_kill = kill_while_calling(cluster, payers, KILLS, random, (0.1, 0.8))
    cluster.change_stripe(**dict.fromkeys(FAULTS, 0.0))
    cluster.wait_until_up()
    settled = wait_for_statuses(cluster, accepted, are_right, last_kill + SETTLE_SECONDS)
    print(
        f"{len(accepted.payments)} payments, {accepted.retries} retries, {cluster.kills} kills "
        f"({cluster.master_kills} of a master), settled in {time.monotonic() - last_kill:.0f} s"
    )
    assert accepted.twice == []
    assert len(accepted.payments) == PAYMENTS
    assert {
        key: status for key, status in settled.items() if not as_it_should(key[0], status)
    } == {}
    compare(cluster, accepted)


def as_it_should(customer: str, status: str) -> bool:
    declined = kind_of(customer).get("account_number", "").startswith("FAILS")
    return status == ("failed" if declined else "returned" if comes_back(customer) else "succeeded")


def are_right(found: Statuses) -> bool:
    return all(as_it_should(key[0], status) for key, status in found.items())


def compare(cluster: StripeCluster, accepted: Accepted) -> None:
    """Check the simulator's ledger against the accepted payments.

    It has one transfer or outbound payment for each payment, one payout where one was requested,
    one reversal where the payout failed, and nothing else.
    """
    compare_outbound(cluster, accepted)
    moves = cluster.moves()
    of_kind = {
        kind: Counter(move["metadata"]["item_id"] for move in moves if move["kind"] == kind)
        for kind in ("transfer", "payout", "reversal")
    }
    for kind, items in of_kind.items():
        assert [item for item, times in items.items() if times > 1] == [], kind
    payments = [p for p in accepted.payments.values() if not is_recipient(p["customer_id"])]
    assert len(of_kind["transfer"]) == len(payments)
    assert Counter(Decimal(each["amount"]) for each in payments) == Counter(
        Decimal(move["amount"]) for move in moves if move["kind"] == "transfer"
    )
    customers = [each["customer_id"] for each in payments]
    paid_out = [name for name in customers if kind_of(name)["payout"] != "none"]
    back = [name for name in customers if comes_back(name)]
    assert owners(of_kind["payout"]) == Counter(paid_out)
    assert owners(of_kind["reversal"]) == Counter(back)
    left = [move for move in moves if move["kind"] == "transfer" and move["status"] == "made"]
    assert len(left) == len(customers) - len(back)


def compare_outbound(cluster: StripeCluster, accepted: Accepted) -> None:
    """Check that each payment to a recipient is there once, to a recipient who was made once."""
    url = f"{cluster.simulator_url}/_simulator/stripe/outbound"
    books = requests.get(url, timeout=30).json()
    payments = [p for p in accepted.payments.values() if is_recipient(p["customer_id"])]
    items = Counter(each["metadata"]["item_id"] for each in books["items"])
    assert [item for item, times in items.items() if times > 1] == []
    assert owners(items) == Counter(p["customer_id"] for p in payments)
    assert len(books["recipients"]) == len({p["customer_id"] for p in payments})


def owners(items: Counter[str]) -> Counter[str]:
    """Count the items of each customer; the id of an item ends with the customer's."""
    return Counter(item.partition(".")[2] for item in items)
