"""The whole service on PostgreSQL: how it starts, a full server, a network that loses answers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from bench.filling import History
from bench.filling_postgresql import fill_postgresql
from tests.support.gunicorn import running_gunicorn
from tests.support.postgresql import PostgreSQLServer
from tests.support.postgresql_proxy import PostgreSQLProxy
from tests.support.service import Service, clean_environ, free_port, running_service

PERSON = {"customer_id": "ann", "email": "ann@example.com"}
ORDER = {**PERSON, "amount": 3, "currency": "USD"}
WITHOUT_DRIVER = """
import runpy, sys
sys.modules["psycopg"] = None
sys.argv = ["paymentapp", "run"]
runpy.run_module("paymentapp", run_name="__main__")
"""


def start(folder: Path, store: str, *command: str) -> tuple[int, str]:
    """Start the service, which is to be refused; return its status and what it says."""
    done = subprocess.run(
        [sys.executable, *(command or ("-m", "paymentapp", "run"))],
        env=clean_environ() | {"PAYMENTAPP_STORE": store, "PORT": str(free_port())},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_server_that_is_down_refuses_the_start(tmp_path: Path) -> None:
    status, said = start(tmp_path, f"postgresql://ada:secret@127.0.0.1:{free_port()}/payments")
    assert status == 2
    assert said.startswith("paymentapp: database: not reachable (the store: PostgreSQL 127.0.0.1:")
    assert "secret" not in said


@pytest.mark.parametrize(
    ("replaced", "by", "cause"),
    [
        ("on%20loopback", "secret", "the server refuses the user or the password"),
        ("/test_", "/nothing_", "no such database"),
        ("", "", "no tables; has `paymentapp init` run?"),
    ],
)
def test_a_database_that_cannot_serve_refuses_the_start(
    tmp_path: Path, postgresql_environ: dict[str, str], replaced: str, by: str, cause: str
) -> None:
    url = postgresql_environ["PAYMENTAPP_STORE"]
    status, said = start(tmp_path, url.replace(replaced, by) if replaced else url)
    assert status == 2
    assert said.startswith(f"paymentapp: database: {cause} (the store: PostgreSQL ")
    assert "secret" not in said


def test_a_missing_driver_is_named_with_what_installs_it(
    tmp_path: Path, postgresql_environ: dict[str, str]
) -> None:
    status, said = start(tmp_path, postgresql_environ["PAYMENTAPP_STORE"], "-c", WITHOUT_DRIVER)
    assert status == 2
    assert "pip install 'paymentapp[postgresql]'" in said


def pay(service: Service, key: str) -> tuple[int, Any]:
    return service.call("POST", "/v1/api/payment", ORDER, {"Idempotency-Key": key})


def pay_until_accepted(service: Service, key: str) -> str:
    """Repeat a request as a caller does; return the payment's id."""
    end = time.monotonic() + 40
    while True:
        status, answer = pay(service, key)
        if status == 202:
            found: str = answer["payment_id"]
            return found
        assert status == 503, answer
        assert time.monotonic() < end, answer
        time.sleep(0.1)


def all_paid_once(service: Service, count: int) -> None:
    """Wait until all payments have succeeded, and compare them with the simulator's ledger."""
    end = time.monotonic() + 40
    statuses: list[str] = []
    while statuses != ["succeeded"] * count:
        assert time.monotonic() < end, statuses
        time.sleep(0.2)
        _, page = service.call("GET", "/v1/api/payment?limit=100")
        statuses = [each["status"] for each in page["payments"]]
    command = ["-m", "paymentapp", "reconcile"]
    shell = f". var/dev.env && {sys.executable} {' '.join(command)}"
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=service.log.parent,
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def proxy(postgresql_environ: dict[str, str]) -> Iterator[PostgreSQLProxy]:
    with closing(PostgreSQLProxy(postgresql_environ["PAYMENTAPP_STORE"])) as proxy:
        yield proxy


@pytest.mark.slow
def test_a_network_that_loses_answers_loses_no_payment_and_pays_none_twice(
    tmp_path: Path, proxy: PostgreSQLProxy
) -> None:
    with running_service(tmp_path, PAYMENTAPP_STORE=proxy.url) as service:
        service.call("POST", "/v1/api/customer", PERSON)
        with ThreadPoolExecutor(8) as threads:
            work = [threads.submit(pay_until_accepted, service, f"key-{n}") for n in range(60)]
            while not all(each.done() for each in work):
                proxy.lost_answers, proxy.lost_requests = 3, 2
                time.sleep(0.05)
                proxy.cut()
                time.sleep(0.1)
            ids = {each.result() for each in work}
        proxy.lost_answers = proxy.lost_requests = 0
        assert len(ids) == 60
        assert proxy.losses > 20
        all_paid_once(service, 60)


@pytest.mark.slow
def test_a_full_server_refuses_payments_and_loses_none(
    tmp_path: Path, own_postgresql: PostgreSQLServer
) -> None:
    with running_service(tmp_path, PAYMENTAPP_STORE=own_postgresql.url) as service:
        service.call("POST", "/v1/api/customer", PERSON)
        with ExitStack() as others:
            end_connections(own_postgresql.url)
            assert fill(own_postgresql.url, others) > 50
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda n: pay(service, f"key-{n}"), range(24)))
            assert {status for status, _ in answers} <= {202, 503}
            assert service.call("GET", "/healthz")[0] == 200
        for n in range(24):
            pay_until_accepted(service, f"key-{n}")
        all_paid_once(service, 24)


def fill(url: str, others: ExitStack) -> int:
    """Open connections until the server takes no more; return how many there were."""
    count = 0
    while True:
        try:
            others.enter_context(psycopg.connect(url))
        except psycopg.OperationalError:
            return count
        count += 1


def end_connections(url: str) -> None:
    """End the service's connections, so that it has to open new ones."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'paymentapp'"
        )


@pytest.mark.slow
def test_a_report_whose_server_ends_is_an_error_to_its_reader(
    tmp_path: Path, own_postgresql: PostgreSQLServer
) -> None:
    with running_gunicorn(
        tmp_path,
        PAYMENTAPP_STORE=own_postgresql.url,
        PAYMENTAPP_DISPATCHER="off",
        PAYPAL_CLIENT_ID="id",
        PAYPAL_CLIENT_SECRET="secret",
    ) as service:
        fill_postgresql(own_postgresql.url, History.of(20_000, 100), range(20_000), int)
        url = f"http://127.0.0.1:{service.port}/v1/api/reports/payments"
        headers = {"Authorization": f"Bearer {service.key}", "Accept": "application/jsonl"}
        with requests.get(url, headers=headers, timeout=60, stream=True) as answer:
            parts = answer.iter_content(65536)
            assert next(parts)
            own_postgresql.kill()
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                for _ in parts:
                    pass
        assert "a report of payments ends before its end: " in service.output()
        assert "Traceback" not in service.output()
        own_postgresql.start()
        assert len(requests.get(url, headers=headers, timeout=60).text.splitlines()) == 20_000
