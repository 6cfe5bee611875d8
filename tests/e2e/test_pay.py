"""Payments through gunicorn, the dispatcher and the simulator."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from paymentapp.config import Settings
from paymentapp.models.batches import BatchState
from paymentapp.storage import open_store
from paymentapp.storage.base import PageQuery
from tests.support.service import ROOT, Service, running_service

OUTCOMES = {
    "happy": "succeeded",
    "fail": "failed",
    "unclaimed": "unclaimed",
    "returned": "returned",
    "held": "submitted",
}


@pytest.fixture(params=["sqlite", "dynamodb", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    environ = {}
    if request.param != "sqlite":
        environ = dict(request.getfixturevalue(f"{request.param}_environ"))
    with running_service(tmp_path, **environ) as service:
        yield service


def test_the_story_in_curl(service: Service) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = subprocess.run(
        [ROOT / "curl" / "story.sh"],
        env=os.environ | {"PAYMENTAPP_URL": service.url},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr + service.output()
    assert "Done: every result is the expected one" in told.stdout


def test_a_hundred_payments_end_as_their_addresses_say(service: Service) -> None:
    kinds = [kind for kind in OUTCOMES for _ in range(20)]

    def pay(number: int, kind: str) -> str:
        customer = f"{kind}-{number}"
        person = {"customer_id": customer, "email": f"{customer}@example.com"}
        assert service.call("POST", "/v1/api/customer", person)[0] == 201
        order = person | {"amount": number + 1, "currency": "USD"}
        status, payment = service.call("POST", "/v1/api/payment", order)
        assert status == 202
        return f"/v1/api/payment/{customer}/{payment['payment_id']}"

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(pay, range(len(kinds)), kinds))
    wanted = dict(zip(paths, (OUTCOMES[kind] for kind in kinds), strict=True))
    end = time.monotonic() + 60
    waiting = set(paths)
    while waiting and time.monotonic() < end:
        for path in list(waiting):
            if service.call("GET", path)[1]["status"] == wanted[path]:
                waiting.remove(path)
        time.sleep(0.2)
    found = Counter((wanted[p], service.call("GET", p)[1]["status"]) for p in paths)
    assert found == {(status, status): 20 for status in OUTCOMES.values()}


def test_a_payment_outlives_a_kill(tmp_path: Path, store_environ: dict[str, str]) -> None:
    """Kill all processes right after acceptance: the next start finds and pays the payment."""
    environ = store_environ
    person = {"customer_id": "ann", "email": "ann@example.com"}
    with running_service(tmp_path, PAYMENTAPP_DISPATCHER="off", **environ) as service:
        service.call("POST", "/v1/api/customer", person)
        _, payment = service.call(
            "POST", "/v1/api/payment", person | {"amount": 3, "currency": "EUR"}
        )
        for pid in (service.process.pid, *service.descendants()):
            os.kill(pid, 9)
        service.process.wait(10)
    with running_service(tmp_path, **environ) as service:
        path = f"/v1/api/payment/ann/{payment['payment_id']}"
        end = time.monotonic() + 20
        while service.call("GET", path)[1]["status"] != "succeeded":
            assert time.monotonic() < end, service.call("GET", path)
            time.sleep(0.1)


def test_a_caller_can_wait_for_the_outcome(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        person = {"customer_id": "ann", "email": "ann@example.com"}
        service.call("POST", "/v1/api/customer", person)
        order = person | {"amount": 3, "currency": "EUR"}
        status, payment = service.call(
            "POST", "/v1/api/payment", order, {"Prefer": "wait=20", "Idempotency-Key": "k"}
        )
        assert (status, payment["status"]) == (202, "succeeded")


def test_sigterm_finishes_the_call_that_is_in_flight(tmp_path: Path) -> None:
    """Send SIGTERM a second before the provider's answer; the answer is stored afterwards."""
    environ = {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/kept.db"}
    with running_service(
        tmp_path, PAYMENTAPP_SIMULATOR_LATENCY="1", PAYMENTAPP_WORKERS="1", **environ
    ) as service:
        person = {"customer_id": "ann", "email": "ann@example.com"}
        service.call("POST", "/v1/api/customer", person)
        service.call("POST", "/v1/api/payment", person | {"amount": 3, "currency": "EUR"})
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 0
    store = open_store(Settings(store=environ["PAYMENTAPP_STORE"]))
    (payment,) = store.list_payments("ann", PageQuery(limit=1)).payments
    batch = store.get_batch(payment.batch_id or "")
    assert batch is not None
    assert batch.state is BatchState.ACCEPTED
    assert batch.reference


def test_money_that_comes_back_later_is_told_by_webhook(tmp_path: Path) -> None:
    """Return money when the batch is closed and no longer polled."""
    with running_service(tmp_path) as service:
        person = {"customer_id": "refunded", "email": "refunded@example.com"}
        service.call("POST", "/v1/api/customer", person)
        order = person | {"amount": 3, "currency": "EUR"}
        _, payment = service.call("POST", "/v1/api/payment", order, {"Prefer": "wait=20"})
        assert payment["status"] == "succeeded"
        path = f"/v1/api/payment/refunded/{payment['payment_id']}"
        end = time.monotonic() + 40
        while service.call("GET", path)[1]["status"] != "returned":
            assert time.monotonic() < end, service.output()
            time.sleep(0.2)
        assert "set aside" not in service.output()
