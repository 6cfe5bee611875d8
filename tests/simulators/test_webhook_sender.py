"""Delivery of webhook events: on changes, late, twice, out of order, lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from simulators import PayPalSimulatorSettings, create_simulator
from simulators.common.webhook_queue import QueuedWebhook
from simulators.common.webhook_sender import ATTEMPTS
from simulators.paypal.core import PayPalSimulator
from simulators.paypal.raw_json import raw_member
from simulators.paypal.webhook_sender import PayPalWebhookSender

from .support import Api, FakeClock, item, lend_keys

BASE = "http://127.0.0.1:1"


class Listener:
    """Receives events on loopback with scripted answers, then 200."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers: list[int] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = listener.answers.pop(0) if listener.answers else 200
                if answer == 200:
                    listener.heard.append(json.loads(body))
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/paypal"

    def kinds(self) -> list[str]:
        return [event["event_type"].removeprefix("PAYMENT.") for event in self.heard]


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


class Mail:
    """A simulator that sends its webhooks when a test says so."""

    def __init__(self, listener: Listener, **settings: Any) -> None:
        self.clock = FakeClock()
        app = create_simulator(
            PayPalSimulatorSettings(webhook_url=listener.url, **settings), self.clock
        )
        self.api = Api(app, self.clock)
        self.simulator: PayPalSimulator = app.extensions["simulator"]
        lend_keys(self.simulator)
        self.sender = PayPalWebhookSender(self.simulator, BASE)

    def after(self, **duration: float) -> int:
        self.clock.pass_by(**duration)
        return self.sender.deliver_due()

    def waiting(self) -> int:
        waiting: int = self.api.control("GET", "outbox").get_json()["waiting"]
        return waiting


def test_events_come_when_something_changes(listener: Listener) -> None:
    mail = Mail(listener)
    batch_id = mail.api.pay(item("ann@example.com"), item("fail@example.com"))
    assert mail.after() == 0
    assert mail.after(seconds=1) == 1
    assert mail.after(seconds=1) == 3
    assert listener.kinds() == [
        "PAYOUTSBATCH.PROCESSING",
        "PAYOUTS-ITEM.SUCCEEDED",
        "PAYOUTS-ITEM.FAILED",
        "PAYOUTSBATCH.SUCCESS",
    ]
    header = listener.heard[0]["resource"]["batch_header"]
    assert header["payout_batch_id"] == batch_id
    assert header["sender_batch_header"]["sender_batch_id"] == "b-1"
    told = listener.heard[1]["resource"]
    assert (told["transaction_status"], told["sender_batch_id"]) == ("SUCCESS", "b-1")
    assert "errors" not in listener.heard[2]["resource"]
    assert mail.waiting() == 0


@pytest.mark.parametrize("later", ["refunded", "reversed"])
def test_what_comes_back_is_told_later(listener: Listener, later: str) -> None:
    mail = Mail(listener)
    mail.api.pay(item(f"{later}@example.com"))
    mail.after(seconds=5)
    assert listener.kinds()[1] == "PAYOUTS-ITEM.SUCCEEDED"
    mail.after(seconds=10)
    assert listener.kinds()[-1] == f"PAYOUTS-ITEM.{later.upper()}"


def test_a_late_event_tells_of_its_own_time(listener: Listener) -> None:
    mail = Mail(listener)
    mail.api.pay(item("refunded@example.com"))
    mail.after(days=1)
    assert listener.kinds() == [
        "PAYOUTSBATCH.PROCESSING",
        "PAYOUTS-ITEM.SUCCEEDED",
        "PAYOUTSBATCH.SUCCESS",
        "PAYOUTS-ITEM.REFUNDED",
    ]


def test_a_cancellation_is_told(listener: Listener) -> None:
    mail = Mail(listener)
    found = mail.api.pay_one("unclaimed@example.com")
    mail.after()
    mail.api.post(f"/v1/payments/payouts-item/{found['payout_item_id']}/cancel")
    mail.after()
    assert listener.kinds()[-1] == "PAYOUTS-ITEM.RETURNED"


def test_without_an_address_nothing_is_kept(listener: Listener) -> None:
    mail = Mail(listener)
    mail.simulator.change({"webhook_url": None})
    mail.api.pay(item("ann@example.com"))
    assert mail.waiting() == 0


def test_an_event_that_is_not_taken_comes_again(listener: Listener) -> None:
    mail = Mail(listener)
    mail.api.pay(item("ann@example.com"))
    mail.clock.pass_by(seconds=2)
    listener.answers = [503, 400, 500]
    assert mail.sender.deliver_due() == 0
    assert mail.after(seconds=0.4) == 0
    assert mail.after(seconds=0.2) == 3
    assert mail.waiting() == 0
    ids = [event["id"] for event in listener.heard]
    assert len(set(ids)) == 3


def test_it_is_given_up_in_the_end(listener: Listener) -> None:
    mail = Mail(listener)
    mail.api.pay(item("ann@example.com"))
    listener.answers = [500] * 3 * ATTEMPTS
    for _ in range(ATTEMPTS):
        assert mail.waiting() == 3
        mail.after(hours=1)
    assert mail.waiting() == 0
    assert listener.heard == []


def test_events_can_be_lost(listener: Listener) -> None:
    mail = Mail(listener, webhook_loss=1.0)
    mail.api.pay(item("ann@example.com"))
    assert mail.waiting() == 0


def test_events_can_come_twice(listener: Listener) -> None:
    mail = Mail(listener, webhook_duplicates=1.0)
    mail.api.pay(item("ann@example.com"))
    mail.after(seconds=2)
    assert set(Counter(event["id"] for event in listener.heard).values()) == {2}
    assert len(listener.heard) == 6


def test_events_can_come_late(listener: Listener) -> None:
    mail = Mail(listener, webhook_delay=1000.0, fault_seed=1)
    mail.api.pay(*(item(f"a{number}@example.com") for number in range(20)))
    assert mail.after(seconds=3) < 5
    mail.after(seconds=1000)
    assert len(listener.heard) == 22


def test_events_can_come_out_of_order_and_a_seed_repeats_it(listener: Listener) -> None:
    orders = []
    for _ in range(2):
        listener.heard.clear()
        mail = Mail(listener, webhook_shuffle=0.5, fault_seed=7)
        mail.api.pay(*(item(f"a{number}@example.com") for number in range(9)))
        for _ in range(20):
            mail.after(seconds=0.5)
        told = [
            event["resource"].get("payout_item", {}).get("receiver") for event in listener.heard
        ]
        orders.append(told)
    assert orders[0] == orders[1]
    assert sorted(map(str, orders[0])) != list(map(str, orders[0]))
    assert len(orders[0]) == 11


def test_the_thread_survives_errors(listener: Listener) -> None:
    mail = Mail(listener)
    mail.api.pay(item("ann@example.com"))
    mail.clock.pass_by(seconds=2)
    real, broken = mail.simulator.queue.due, threading.Event()

    def fail(now: int, limit: int) -> list[QueuedWebhook]:
        mail.simulator.queue.due = real
        broken.set()
        raise OSError(f"for the test: {now}, {limit}")

    mail.simulator.queue.due = fail
    mail.sender.start()
    assert broken.wait(5)
    end = time.monotonic() + 10
    while len(listener.heard) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    mail.sender.stop()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1", "", "http://"])
def test_an_address_is_one(api: Api, url: str) -> None:
    answer = api.control("PUT", "settings", json={"webhook_url": url})
    assert (answer.status_code, answer.get_json()["key"]) == (400, "webhook_url")


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ('{"a":1}', "1"),
        (' { "b" : [1, {"a": 2}] , "a" :\t{ "x" : "é}" } , "c":"," } ', '{ "x" : "é}" }'),
        ('{"a": 1, "a": 2.50}', "2.50"),
        ('{"\\u0061": "\\u0041"}', '"\\u0041"'),
    ],
)
def test_a_member_is_taken_as_it_stands(text: str, member: str) -> None:
    assert raw_member(text.encode(), "a") == member.encode()
