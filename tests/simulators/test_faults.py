"""Faults as a client sees them, through a real socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from simulators import PayPalSimulatorSettings

from .support import PAYOUTS, Description, batch, serving

ACTED = {"drop_after": True, "error_after": True, "garbage": True}
FAULTS = ACTED | {"drop_before": False, "error_before": False, "rate_limited": False}


class Live:
    """A client with one pooled session, like the real one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        auth, form = ("id", "secret"), {"grant_type": "client_credentials"}
        answer = self.session.post(f"{url}/v1/oauth2/token", auth=auth, data=form, timeout=5)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def pay(self, sender_batch_id: str = "b-1", timeout: float = 5) -> requests.Response:
        body = batch(sender_batch_id=sender_batch_id)
        return self.session.post(self.url + PAYOUTS, json=body, timeout=timeout)

    def set(self, **settings: Any) -> None:
        url = f"{self.url}/_simulator/settings"
        assert requests.put(url, json=settings, timeout=5).status_code == 200

    def read(self, path: str) -> Any:
        return requests.get(f"{self.url}/_simulator/{path}", timeout=5).json()

    def paid(self) -> int:
        return len(self.read("ledger")["items"])


@pytest.fixture
def live() -> Iterator[Live]:
    with serving(PayPalSimulatorSettings(settle_delay=0)) as url:
        client = Live(url)
        yield client
        client.session.close()


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_dropped_connection_is_a_connection_error(live: Live, fault: str) -> None:
    live.set(**{fault: 1})
    with pytest.raises(requests.ConnectionError):
        live.pay()
    assert live.paid() == (1 if FAULTS[fault] else 0)
    live.set(**{fault: 0})
    assert live.pay().status_code == (400 if FAULTS[fault] else 201)
    assert live.paid() == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("error_before", 500), ("error_after", 500), ("rate_limited", 429)]
)
def test_an_error_is_answered(
    live: Live, description: Description, fault: str, status: int
) -> None:
    live.set(**{fault: 1})
    answer = live.pay()
    assert answer.status_code == status
    description.check("POST", PAYOUTS, status, answer.json())
    assert live.paid() == (1 if FAULTS[fault] else 0)


def test_garbage_is_no_json_but_the_payout_was_made(live: Live) -> None:
    live.set(garbage=1)
    answer = live.pay()
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert live.paid() == 1


def test_faults_strike_only_the_calls_named(live: Live) -> None:
    live.set(error_before=1, faults_on=["token"])
    assert live.pay().status_code == 201
    with pytest.raises(requests.HTTPError):
        requests.post(f"{live.url}/v1/oauth2/token", timeout=5).raise_for_status()
    live.set(faults_on=["read"])
    assert live.session.get(f"{live.url}{PAYOUTS}/POSPYO002", timeout=5).status_code == 500


def test_down_is_503_or_closed_but_the_controls_work(live: Live) -> None:
    live.set(down="503")
    assert (live.pay().status_code, live.pay().json()["name"]) == (503, "SERVICE_UNAVAILABLE")
    live.set(down="closed")
    with pytest.raises(requests.ConnectionError):
        live.pay()
    live.set(down="no")
    assert live.pay().status_code == 201
    answers = live.read("calls")["endpoints"]["POST /v1/payments/payouts"]["answers"]
    assert answers == {"down_503": 2, "down_closed": 1, "201": 1}


def test_a_seed_repeats_the_faults(live: Live) -> None:
    def statuses() -> list[int]:
        live.set(fault_seed=42, error_before=0.3, rate_limited=0.3)
        return [live.pay(f"{n}").status_code for n in range(20)]

    first = statuses()
    assert {201, 429, 500} == set(first)
    requests.delete(f"{live.url}/_simulator/ledger", timeout=5)
    assert statuses() == first


def test_every_call_is_counted_whatever_became_of_it(live: Live) -> None:
    for fault in FAULTS:
        live.set(**dict.fromkeys(FAULTS, 0), fault_seed=1)
        live.set(**{fault: 1})
        try:
            live.pay(fault)
        except requests.ConnectionError:
            assert fault in ("drop_before", "drop_after")
    counted = live.read("calls")["endpoints"]["POST /v1/payments/payouts"]["answers"]
    assert counted == dict.fromkeys(FAULTS, 1)
    paid = {entry["sender_batch_id"] for entry in live.read("ledger")["items"]}
    assert paid == set(ACTED)


def test_latency_delays_payouts_calls_alone(live: Live) -> None:
    live.set(latency=0.3)
    before = time.monotonic()
    assert live.pay().status_code == 201
    assert time.monotonic() - before >= 0.3
    with pytest.raises(requests.Timeout):
        live.pay("b-2", timeout=0.05)
    live.set(latency=0)
    deadline = time.monotonic() + 5
    while live.paid() < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert live.paid() == 2


def test_a_connection_stays_open_and_never_stalls(live: Live) -> None:
    durations = []
    request = b"POST /v1/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b"
    with socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2]))) as connection:
        for _ in range(10):
            before = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            durations.append(time.perf_counter() - before)
            assert answer.startswith(b"HTTP/1.1 401 ")
            assert b"connection: close" not in answer.lower()
    assert min(durations) < 0.03, durations


def test_a_body_that_is_too_large_is_refused_unread(live: Live) -> None:
    with socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()


def test_a_chunked_body_is_read(live: Live) -> None:
    text = json.dumps(batch()).encode()
    headers = {"Content-Type": "application/json"}
    chunks = iter([text[:20], text[20:]])
    answer = live.session.post(live.url + PAYOUTS, data=chunks, headers=headers, timeout=5)
    assert answer.status_code == 201
