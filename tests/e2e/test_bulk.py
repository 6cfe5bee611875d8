"""A long file under gunicorn: sent in pieces, kept on disk, worked off by the service itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.e2e.conftest import STORES, new_store
from tests.support.gunicorn import Gunicorn, answer_on, running_gunicorn

ROWS = 4000
HEADER = "customer_id,email,amount,currency,description\n"
FILE = HEADER + "".join(
    f"c{n % 5},c{n % 5}@example.com,{n + 1}.00,USD,{'x' * 60} {n}\n" for n in range(ROWS)
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=STORES)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    """Return a service with the customers of the file; nothing is sent to a provider."""
    folder = tmp_path_factory.mktemp("bulk")
    with (
        new_store(request, request.param, folder) as environ,
        running_gunicorn(folder, settings=environ, PAYPAL_BASE_URL="http://127.0.0.1:9") as service,
    ):
        for n in range(5):
            body = {"customer_id": f"c{n}", "email": f"c{n}@example.com"}
            ask(service, "POST", "/v1/api/customer", json=body).raise_for_status()
        yield service


def ask(service: Gunicorn, method: str, path: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {service.key}", **options.pop("headers", {})}
    url = f"http://127.0.0.1:{service.port}{path}"
    return requests.request(method, url, headers=headers, timeout=30, **options)


def send_in_pieces(service: Gunicorn, data: bytes, key: str) -> Any:
    """Send a file in pieces, its head first and alone; return the run."""
    lines = ("Content-Type: text/csv", f"Content-Length: {len(data)}", f"Idempotency-Key: {key}")
    with service.connect() as client:
        client.sendall(service.head("POST", "/v1/api/bulk?mode=each", *lines) + b"\r\n")
        time.sleep(0.3)
        for start in range(0, len(data), 50_000):
            client.sendall(data[start : start + 50_000])
            time.sleep(0.02)
        answer = answer_on(client)
    assert answer.status == 202, answer.body
    return answer.json


def test_a_long_file_in_pieces_is_one_run_of_which_each_row_is_paid_once(
    service: Gunicorn,
) -> None:
    data = FILE.encode()
    assert len(data) > 2 * 128 * 1024  # more than the worker keeps in memory
    run = send_in_pieces(service, data, "june")
    assert (run["total"], run["created_by"]) == (ROWS, "test")
    assert send_in_pieces(service, data, "june")["bulk_id"] == run["bulk_id"]
    end = time.monotonic() + 120
    while run["status"] != "completed":
        assert time.monotonic() < end, run
        time.sleep(0.2)
        run = ask(service, "GET", f"/v1/api/bulk/{run['bulk_id']}").json()
    assert (run["accepted"], run["rejected"]) == (ROWS, 0)
    assert run["sums"] == [{"currency": "USD", "amount": ROWS * (ROWS + 1) / 2}]


def test_a_file_longer_than_any_and_one_without_a_length_are_refused(service: Gunicorn) -> None:
    lines = ("Content-Type: text/csv", "Content-Length: 40000000")
    with service.connect() as client:
        client.sendall(service.head("POST", "/v1/api/bulk", *lines) + b"\r\n")
        assert answer_on(client).status == 413
    chunks = (FILE.encode()[i : i + 60_000] for i in range(0, len(FILE), 60_000))
    refused = ask(
        service, "POST", "/v1/api/bulk", data=chunks, headers={"Content-Type": "text/csv"}
    )
    assert refused.status_code == 413


def test_a_stranger_is_refused_before_the_file_has_come(service: Gunicorn) -> None:
    lines = ("Content-Type: text/csv", "Content-Length: 3000000")
    with service.connect() as client:
        client.sendall(service.head("POST", "/v1/api/bulk", *lines, key=False) + b"\r\n")
        assert answer_on(client).status == 401
