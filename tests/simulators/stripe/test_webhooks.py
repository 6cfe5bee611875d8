"""Events: content, signatures, and faults in their delivery."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import stripe

from simulators.common.times import utc_now
from simulators.stripe import StripeSimulatorSettings
from simulators.stripe.wiring import stripe_webhook_sender

from .support import OK, Live, living

SECRET = "whsec_simulator"


class Listener:
    """Receives events on loopback with scripted answers, then 200."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []  # body, signature
        self.answers: list[int] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                answer = listener.answers.pop(0) if listener.answers else 200
                if answer == 200:
                    listener.heard.append((body, self.headers["Stripe-Signature"]))
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/stripe"

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in self.heard]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


def after(live: Live, **duration: float) -> int:
    live.clock.pass_by(**duration)
    return stripe_webhook_sender(live.stripe).deliver_due()


def verified(body: str, signature: str, secret: str = SECRET) -> Any:
    # The test's clock stands still: the library's tolerance does not.
    return stripe.Webhook.construct_event(body, signature, secret, tolerance=0)


def test_the_library_believes_an_event(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url)
    made = live.transfer(metadata={"payment": "p-ü"})
    assert after(live) == 1
    body, signature = listener.heard[0]
    event = verified(body, signature)
    assert (event.object, event.type) == ("event", "transfer.created")
    assert event.data.object.id == made.id
    assert event.data.object.metadata["payment"] == "p-ü"
    with pytest.raises(stripe.SignatureVerificationError):
        verified(body, signature, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        verified(body.replace("1000", "9000"), signature)


def test_an_event_is_signed_at_the_time_of_its_delivery(listener: Listener) -> None:
    with living(clock=utc_now) as live:
        live.set(webhook_url=listener.url)
        live.transfer()
        assert stripe_webhook_sender(live.stripe).deliver_due() == 1
    event = stripe.Webhook.construct_event(*listener.heard[0], SECRET)
    assert event.type == "transfer.created"


def test_an_event_says_what_made_it(live: Live) -> None:
    answer = live.raw(
        "POST",
        "transfers",
        data={"amount": 1000, "currency": "usd", "destination": OK},
        headers={"Idempotency-Key": "k-1"},
    )
    (event,) = live.events()
    assert event["request"] == {"id": answer.headers["Request-Id"], "idempotency_key": "k-1"}
    assert "account" not in event
    assert (event["livemode"], event["pending_webhooks"]) == (False, 0)
    assert event["api_version"] == "2026-10-28.endive"
    assert event["created"] == answer.json()["created"]
    assert event["data"] == {"object": answer.json()}


def test_the_life_of_a_payout_is_told(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url)
    live.paid_out(OK)
    after(live)
    assert listener.types() == ["transfer.created", "payout.created"]
    after(live, seconds=1)
    after(live, seconds=1)
    told = listener.events()[1:]
    assert [event["type"] for event in told] == ["payout.created", "payout.updated", "payout.paid"]
    assert [event["data"]["object"]["status"] for event in told] == [
        *("pending", "in_transit", "paid")
    ]
    assert {event["account"] for event in told} == {OK}
    assert told[1]["data"]["previous_attributes"] == {"status": "pending"}
    assert told[2]["request"] == {"id": None, "idempotency_key": None}
    assert live.control("GET", "outbox").json() == {"waiting": 0}


@pytest.mark.parametrize(
    ("account", "types"),
    [
        ("acct_simpayoutfailsdeclined", ["payout.updated", "payout.failed"]),
        ("acct_simfailslaterdeclined", ["payout.updated", "payout.paid", "payout.failed"]),
        ("acct_simstuck", ["payout.updated"]),
    ],
)
def test_a_failure_is_told(live: Live, listener: Listener, account: str, types: list[str]) -> None:
    live.set(webhook_url=listener.url)
    live.paid_out(account)
    after(live, days=5)
    assert listener.types()[2:] == types
    objects = [event["data"]["object"] for event in listener.events()[2:]]
    codes = [each["failure_code"] for each in objects]
    failed = types[-1] == "payout.failed"
    assert codes == [None] * (len(types) - 1) + (["declined"] if failed else [None])


def test_a_late_event_tells_of_its_own_time(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url)
    live.paid_out(OK)
    after(live, days=1)
    statuses = [event["data"]["object"].get("status") for event in listener.events()]
    assert statuses == [None, "pending", "in_transit", "paid"]


def test_a_cancellation_takes_back_what_will_not_be(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url)
    made = live.paid_out(OK)
    live.client.v1.payouts.cancel(made.id, options={"stripe_account": OK})
    after(live, days=1)
    assert listener.types() == ["transfer.created", "payout.created", "payout.canceled"]


def test_a_reversal_is_told(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url)
    made = live.transfer()
    live.client.v1.transfers.reversals.create(made.id, params={"amount": 1})
    after(live)
    assert listener.types() == ["transfer.created", "transfer.reversed"]
    assert listener.events()[1]["data"]["object"]["amount_reversed"] == 1


def test_connected_accounts_have_their_own_secret(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url, connect_webhook_secret="whsec_connect")
    live.paid_out(OK)
    after(live)
    (platforms, connects) = listener.heard
    assert verified(*platforms).type == "transfer.created"
    assert verified(*connects, "whsec_connect").account == OK
    with pytest.raises(stripe.SignatureVerificationError):
        verified(*connects)


def test_an_event_that_is_not_taken_comes_again(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url)
    live.transfer()
    listener.answers = [503]
    assert after(live) == 0
    assert after(live, seconds=0.4) == 0
    assert after(live, seconds=0.2) == 1


def test_events_can_be_lost_and_are_still_events(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url, webhook_loss=1)
    live.transfer()
    assert after(live, days=1) == 0
    assert [event["type"] for event in live.events()] == ["transfer.created"]


def test_events_can_come_twice(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url, webhook_duplicates=1)
    live.paid_out(OK)
    after(live, days=1)
    counted = Counter(event["id"] for event in listener.events())
    assert (len(counted), set(counted.values())) == (4, {2})


def test_events_can_come_late(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url, webhook_delay=1000, fault_seed=1)
    for _ in range(20):
        live.transfer()
    assert after(live) < 5
    after(live, seconds=1000)
    assert len(listener.heard) == 20


def test_events_can_come_out_of_order(live: Live, listener: Listener) -> None:
    live.set(webhook_url=listener.url, webhook_shuffle=0.5, fault_seed=7)
    made = [live.transfer().id for _ in range(9)]
    for _ in range(10):
        after(live, seconds=0.5)
    told = [event["data"]["object"]["id"] for event in listener.events()]
    assert sorted(told) == sorted(made)
    assert told != made


def test_what_was_not_done_is_not_told(live: Live) -> None:
    live.set(error_rolled_back=1)
    with pytest.raises(stripe.APIError):
        live.transfer()
    assert live.events() == []
    live.set(error_rolled_back=0, error_after=1)
    with pytest.raises(stripe.APIError):
        live.transfer()
    assert [event["type"] for event in live.events()] == ["transfer.created"]


def test_webhooks_are_sent_without_being_asked_for(listener: Listener) -> None:
    with living(clock=utc_now) as live:
        live.set(webhook_url=listener.url, payout_delay=0.1)
        sender = stripe_webhook_sender(live.stripe)
        sender.start()
        live.paid_out(OK)
        end = time.monotonic() + 10
        while len(listener.heard) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        sender.stop()
    assert sorted(listener.types()) == sorted(
        ["transfer.created", "payout.created", "payout.updated", "payout.paid"]
    )


def test_an_early_api_version_calls_payouts_transfers() -> None:
    settings = StripeSimulatorSettings(api_version="2016-10-19")
    with living(settings) as live:
        made = live.paid_out(OK)
        told = [(event["type"], event["data"]["object"]["id"]) for event in live.events()]
    assert [event_type for event_type, _ in told] == ["transfer.created", "transfer.created"]
    assert told[1][1] == made.id
