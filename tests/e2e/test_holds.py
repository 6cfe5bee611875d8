"""The stop button of a running service: by one command, over a restart, and by the curl scripts."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.support.service import ROOT, Service, run, running_service

PERSON = {"customer_id": "ann", "email": "ann@example.com"}


def pay(service: Service) -> str:
    status, payment = service.call(
        "POST", "/v1/api/payment", PERSON | {"amount": 3, "currency": "USD"}
    )
    assert status == 202
    return f"/v1/api/payment/ann/{payment['payment_id']}"


def status_of(service: Service, path: str) -> tuple[str, str | None]:
    shown = service.call("GET", path)[1]
    return shown["status"], shown["waiting_for"]


def succeeds_within(service: Service, path: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while status_of(service, path)[0] != "succeeded":
        assert time.monotonic() < end, service.output()
        time.sleep(0.1)


def test_one_command_stops_all_processes_over_a_restart_until_the_release(
    tmp_path: Path, store_environ: dict[str, str]
) -> None:
    environ = store_environ
    paymentapp = (sys.executable, "-m", "paymentapp")
    with running_service(tmp_path, **environ) as service:
        service.call("POST", "/v1/api/customer", PERSON)
        succeeds_within(service, pay(service), 20)
        run(*paymentapp, "hold", "all", "--by", "Ada", "--note", "stop", environ=environ)
        time.sleep(2)
        paths = [pay(service) for _ in range(6)]
        time.sleep(4)
        assert {status_of(service, path) for path in paths} == {("pending", "hold")}
    with running_service(tmp_path, **environ) as service:
        time.sleep(4)
        assert {status_of(service, path) for path in paths} == {("pending", "hold")}
        run(*paymentapp, "release", "--all", "--by", "Ada", environ=environ)
        for path in paths:
            succeeds_within(service, path, 20)


def test_the_scripts_hold_and_release_a_payment(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        scripts, environ = ROOT / "curl", {"PAYMENTAPP_URL": service.url}
        service.call("POST", "/v1/api/customer", PERSON)
        run(scripts / "hold.sh", "customer", "ann", "a doubt", environ=environ)
        path = pay(service)
        value = path.removeprefix("/v1/api/payment/")
        run(scripts / "hold.sh", "payment", value, "another doubt", environ=environ)
        held = service.call("GET", "/v1/api/holds")[1]["holds"]
        assert [hold["scope"] for hold in held] == ["customer", "payment"]
        assert value in run(scripts / "hold.sh", environ=environ)
        run(scripts / "release.sh", *value.split("/"), environ=environ)
        run(scripts / "release.sh", held[0]["hold_id"], environ=environ)
        succeeds_within(service, path, 20)
