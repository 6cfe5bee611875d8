"""During outages requests are accepted where possible, causes are named, and all work drains."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.cluster import Cluster
from tests.support.proxy import Proxy

DRAIN_SECONDS = 60

pytestmark = pytest.mark.slow


class Caller:
    """Pays customers one by one and records what was accepted."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.accepted: dict[str, dict[str, Any]] = {}
        self.count = 0

    def register(self, count: int) -> None:
        for number in range(count):
            person = {"customer_id": f"c{number}", "email": f"c{number}@example.com"}
            self.post("/v1/api/customer", person).raise_for_status()

    def pay(self, customers: int, key: str | None = None) -> requests.Response:
        self.count += 1
        number = self.count % customers
        key = key or f"key-{self.count}"
        order = {
            "customer_id": f"c{number}",
            "email": f"c{number}@example.com",
            "amount": self.count,
            "currency": "USD",
        }
        answer = self.post("/v1/api/payment", order, {"Idempotency-Key": key})
        if answer.status_code == 202:
            payment = answer.json(parse_float=Decimal)
            self.accepted[f"{payment['customer_id']}/{payment['payment_id']}"] = payment
        return answer

    def post(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> requests.Response:
        return requests.post(self.cluster.url + path, json=body, headers=headers, timeout=40)

    def pay_amount(self, number: int, amount: int) -> str:
        """Pay a customer; return the path of the payment."""
        order = {
            "customer_id": f"c{number}",
            "email": f"c{number}@example.com",
            "amount": amount,
            "currency": "USD",
        }
        payment = self.post("/v1/api/payment", order).json()
        return f"/v1/api/payment/{payment['customer_id']}/{payment['payment_id']}"

    def until(self, path: str, **shown: str) -> None:
        """Wait until a payment shows some values."""
        end = time.monotonic() + DRAIN_SECONDS
        while True:
            payment = requests.get(self.cluster.url + path, timeout=20).json()
            if shown.items() <= payment.items():
                return
            assert time.monotonic() < end, payment
            time.sleep(0.2)

    def cancelled(self, path: str) -> dict[str, Any]:
        """Cancel a payment, if need be once more: an attempt to send it may be under way."""
        for _ in range(10):
            answer = self.post(f"{path}/cancel", None)
            if answer.status_code != 409:
                break
            time.sleep(0.5)
        payment: dict[str, Any] = answer.json()
        return payment

    def statuses(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for where in self.accepted:
            answer = requests.get(f"{self.cluster.url}/v1/api/payment/{where}", timeout=20)
            counts[answer.json()["status"]] += 1
        return counts

    def readiness(self) -> tuple[int, dict[str, str]]:
        """Return the status of /readyz, and the detail of each failing check."""
        answer = requests.get(f"{self.cluster.url}/readyz", timeout=20)
        readiness = requests.get(f"{self.cluster.url}/v1/api/readiness", timeout=20).json()
        checks = readiness["checks"]
        return answer.status_code, {c["name"]: c["detail"] for c in checks if not c["ok"]}

    def until_ready(self, ready: bool, seconds: float = 30) -> dict[str, str]:
        end = time.monotonic() + seconds
        while True:
            status, wrong = self.readiness()
            if (status == 200) is ready and bool(wrong) is not ready:  # they are asked in turn
                return wrong
            assert time.monotonic() < end, (status, wrong)
            time.sleep(0.2)

    def drain(self) -> None:
        """Wait until everything accepted has succeeded, and the ledger has it once."""
        end = time.monotonic() + DRAIN_SECONDS
        while (counts := self.statuses()).keys() != {"succeeded"}:
            assert time.monotonic() < end, counts
            assert "failed" not in counts
            time.sleep(0.5)
        ledger = Counter((i["receiver"], Decimal(i["amount"])) for i in self.cluster.ledger())
        owed = Counter((p["email"], Decimal(p["amount"])) for p in self.accepted.values())
        assert ledger == owed


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    made: list[Cluster] = []

    def make(**environ: str) -> Cluster:
        environ = {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/paymentapp.db"} | environ
        made.append(Cluster(tmp_path, environ, {"settle_delay": 0.2}))
        made[0].wait_until_up()
        return made[0]

    yield make
    for cluster in made:
        cluster.close()


@pytest.mark.parametrize(
    ("broken", "mended", "said"),
    [
        ({"down": "closed"}, {"down": "no"}, ("OutcomeUnknown", "NotSent")),
        ({"down": "503"}, {"down": "no"}, ("OutcomeUnknown", "NotSent")),
        (
            {"client_id": "other", "client_secret": "other"},
            {"client_id": None, "client_secret": None},
            ("Misconfigured",),
        ),
        ({"balance": {"USD": "0.50"}}, {"balance": {}}, ("InsufficientFunds: INSUFFICIENT_FUNDS",)),
        ({"error_before": 1}, {"error_before": 0}, ("OutcomeUnknown",)),
    ],
    ids=["unreachable", "unavailable", "wrong credentials", "no funds", "server errors"],
)
def test_a_provider_that_cannot_pay(
    make_cluster: Callable[..., Cluster],
    broken: dict[str, object],
    mended: dict[str, object],
    said: tuple[str, ...],
) -> None:
    cluster = make_cluster()
    cluster.set_simulator(**broken)
    caller = Caller(cluster)
    caller.register(10)
    answers = [caller.pay(10).status_code for _ in range(60)]
    assert answers == [202] * 60
    wrong = caller.until_ready(False)
    assert wrong.keys() == {"provider paypal"}
    assert wrong["provider paypal"].startswith(said)
    time.sleep(3)
    assert caller.statuses().keys() <= {"pending", "submitting"}
    answers = [caller.pay(10).status_code for _ in range(20)]
    assert answers == [202] * 20
    cluster.set_simulator(**mended)
    caller.drain()
    caller.until_ready(True)


def test_small_payments_do_not_wait_behind_a_large_one_which_can_be_cancelled(
    make_cluster: Callable[..., Cluster],
) -> None:
    """With a balance of 10 USD, one of 6,000 and two of 3, which leave together after a hold."""
    cluster = make_cluster()
    cluster.set_simulator(balance={"USD": "10.00"})
    caller = Caller(cluster)
    caller.register(3)
    hold = caller.post("/v1/api/holds", {"scope": "all", "reason": "to gather them"}).json()
    large, *small = [caller.pay_amount(n, amount) for n, amount in enumerate((6000, 3, 3))]
    requests.delete(f"{cluster.url}/v1/api/holds/{hold['hold_id']}", timeout=10).raise_for_status()
    for path in small:
        caller.until(path, status="succeeded")
    caller.until(large, waiting_for="funds")
    assert "InsufficientFunds: INSUFFICIENT_FUNDS" in caller.until_ready(False)["provider paypal"]
    assert caller.cancelled(large)["status"] == "cancelled"
    time.sleep(3)
    assert sorted(item["amount"] for item in cluster.ledger()) == ["3.00", "3.00"]


class Proxied(NamedTuple):
    """A store of the service's own behind a proxy."""

    proxy: Proxy
    environ: dict[str, str]


@pytest.fixture(params=["dynamodb", "postgresql"])
def proxied(request: pytest.FixtureRequest) -> Iterator[Proxied]:
    environ: dict[str, str] = dict(request.getfixturevalue(f"{request.param}_environ"))
    name = "AWS_ENDPOINT_URL_DYNAMODB" if request.param == "dynamodb" else "PAYMENTAPP_STORE"
    target = urlsplit(environ[name])
    proxy = Proxy(target.hostname or "", target.port or 0)
    user = target.netloc.rpartition("@")[:2]
    address = target._replace(netloc=f"{''.join(user)}127.0.0.1:{proxy.port}")
    yield Proxied(proxy, environ | {name: address.geturl()})
    proxy.close()


def test_a_store_that_refuses_hangs_or_crawls(
    make_cluster: Callable[..., Cluster], proxied: Proxied
) -> None:
    proxy = proxied.proxy
    cluster = make_cluster(**proxied.environ)
    caller = Caller(cluster)
    caller.register(10)
    for mode in ("refuse", "hang"):
        proxy.set(mode)
        answer = caller.pay(10, key=f"in {mode}")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"] == "application/problem+json"
        wrong = caller.until_ready(False)
        assert "store" in wrong
        assert requests.get(f"{cluster.url}/healthz", timeout=10).status_code == 200
        proxy.set()
        caller.until_ready(True, DRAIN_SECONDS)
        caller.count -= 1
        assert caller.pay(10, key=f"in {mode}").status_code == 202
    proxy.set(delay=0.2)
    assert [caller.pay(10).status_code for _ in range(5)] == [202] * 5
    proxy.set()
    caller.drain()


def test_a_disk_that_is_full_under_sqlite(
    make_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root")
    try:
        cluster = make_cluster(PAYMENTAPP_STORE=f"sqlite:///{disk}/paymentapp.db")
        caller = Caller(cluster)
        caller.register(10)
        assert [caller.pay(10).status_code for _ in range(20)] == [202] * 20
        filler = disk / "filler"
        _fill(filler)
        refused = _pay_until_refused(caller)
        assert int(refused.headers["Retry-After"]) > 0
        assert caller.statuses()  # what is on record can be read
        filler.unlink()
        answer = caller.pay(10)
        assert answer.status_code == 202, answer.text
        caller.drain()
        cluster.close()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _fill(path: Path) -> None:
    """Fill the rest of a disk."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def _pay_until_refused(caller: Caller) -> requests.Response:
    """Pay until refused: the write-ahead log has some room left in its file."""
    for _ in range(3000):
        answer = caller.pay(10)
        if answer.status_code != 202:
            assert answer.status_code == 503, answer.text
            return answer
    raise AssertionError("the disk is never full")
