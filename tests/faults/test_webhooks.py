"""The service and the simulator over real sockets: settled by webhooks that come late, twice, out
of order, before the answer to the call, or never."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from paymentapp import create_app
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.services.payments import PaymentOrder
from simulators import PayPalSimulatorSettings, create_simulator
from simulators.common.server import build_server, listen
from simulators.paypal.core import PayPalSimulator
from simulators.paypal.webhook_sender import PayPalWebhookSender
from tests.support.service import free_port

BLIND: dict[str, object] = {"faults_on": ["read"], "error_before": 1.0}  # no look finds anything
HOUR = 3600 * 1_000_000
WEBHOOK_ID = "SIMULATORWEBHOOK01"
ENDS = {
    "ann": Status.SUCCEEDED,
    "unclaimed": Status.UNCLAIMED,
    "fail": Status.FAILED,
    "returned": Status.RETURNED,
    "refunded": Status.RETURNED,
    "reversed": Status.RETURNED,
}


@dataclass
class Town:
    """A service with its worker, and a simulator that sends webhooks, each on loopback."""

    folder: Path
    stack: ExitStack
    environ: dict[str, str] = field(default_factory=dict)
    simulator_settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/webhooks/paypal"
        app = create_simulator(
            PayPalSimulatorSettings(
                **{
                    "webhook_url": self.url,
                    "settle_delay": 0.5,
                    "reversal_delay": 1.0,
                    "fault_seed": 1,
                    **self.simulator_settings,
                }
            )
        )
        self.simulator: PayPalSimulator = app.extensions["simulator"]
        self._serve_simulator(app)
        self.services = self._services()
        self._serve(port)
        self.services.worker.start()
        self.stack.callback(self.services.worker.stop)

    def pay(self, *names: str) -> list[PaymentKey]:
        keys = []
        for name in names:
            email = f"{name}@example.com"
            self.services.customers.register(name, email, {})
            order = PaymentOrder(name, email, Money(Decimal(5), "USD"), "paypal")
            keys.append(self.services.payments.request(order).payment.key)
        return keys

    def payment(self, key: PaymentKey) -> Payment:
        return self.services.payments.get(key)

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.02)

    def settled(self, keys: list[PaymentKey]) -> Callable[[], bool]:
        """Whether each payment stands as its recipient's name says."""

        def are() -> bool:
            payments = [self.payment(key) for key in keys]
            return all(p.status is _end_of(p.customer_id) for p in payments)

        return are

    def paid(self) -> list[str | None]:
        """What the simulator took on: the truth."""
        ledger = self.simulator.state.ledger(self.simulator.now(), after=0, limit=1000)
        return [item.sender_item_id for item in ledger]

    def _serve_simulator(self, app: Any) -> None:
        listener = listen("127.0.0.1", 0)
        server = build_server(app, listener)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.base = f"http://127.0.0.1:{server.port}"
        sender = PayPalWebhookSender(self.simulator, self.base)
        sender.start()
        for end in (listener.close, server.shutdown, sender.stop):
            self.stack.callback(end)

    def _services(self) -> Services:
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.simulator.signer.ca())
        given = {
            "PAYMENTAPP_STORE": f"sqlite:///{self.folder}/test.db",
            "PAYMENTAPP_SWEEP_SECONDS": "1",
            "PAYPAL_BASE_URL": self.base,
            "PAYPAL_CLIENT_ID": "id",
            "PAYPAL_CLIENT_SECRET": "secret",
            "PAYMENTAPP_PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
            "PAYMENTAPP_PAYPAL_WEBHOOK_CA": str(ca),
            "PAYMENTAPP_PROVIDER_TIMEOUT": "5",
        }
        services = build_services(load_settings(given | self.environ))
        services.store.create_tables()
        self.stack.callback(services.store.close)
        return services

    def _serve(self, port: int) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server("127.0.0.1", port, create_app(self.services), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.stack.callback(server.server_close)
        self.stack.callback(server.shutdown)


def _end_of(customer_id: str) -> Status:
    return ENDS[customer_id.partition("-")[0]]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    with ExitStack() as stack:

        def build(environ: dict[str, str] | None = None, **simulator: Any) -> Town:
            return Town(tmp_path, stack, environ or {}, simulator)

        yield build


@pytest.mark.parametrize("verify", ["offline", "paypal"])
def test_webhooks_alone_settle_payments(town: Callable[..., Town], verify: str) -> None:
    here = town({"PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY": verify}, **BLIND)
    keys = here.pay(*(f"ann-{n}" for n in range(20)), *(f"unclaimed-{n}" for n in range(5)))
    here.until(here.settled(keys))
    causes = {here.payment(key).history[-1].cause for key in keys}
    assert causes == {Cause.WEBHOOK}
    assert len(here.paid()) == len(set(here.paid())) == 25


def test_late_twice_and_out_of_order(town: Callable[..., Town]) -> None:
    here = town(webhook_delay=2.0, webhook_duplicates=0.5, webhook_shuffle=0.3)
    keys = here.pay(*(f"{name}-{n}" for name in ENDS for n in range(5)))
    here.until(here.settled(keys))
    here.until(lambda: not here.simulator.queue.due(here.simulator.now() + HOUR, 1))
    time.sleep(0.5)
    assert here.settled(keys)()
    for key in keys:
        statuses = [move.status for move in here.payment(key).history]
        assert len(statuses) == len(set(statuses))
    assert len(here.paid()) == len(set(here.paid())) == 30


def test_before_the_answer_to_the_call(town: Callable[..., Town]) -> None:
    """The answer is lost every time, so that nothing but the events tells of the batch."""
    here = town(settle_delay=0.0, drop_after=1.0, faults_on=["create"])
    (key,) = here.pay("ann-1")
    here.until(here.settled([key]))
    assert here.payment(key).history[-1].cause is Cause.WEBHOOK
    assert Status.SUBMITTED not in {move.status for move in here.payment(key).history}
    here.simulator.change({"drop_after": 0.0})
    batch_id = here.payment(key).batch_id or ""

    def closed() -> bool:
        batch = here.services.store.get_batch(batch_id)
        return batch is not None and batch.state.value == "closed"

    here.until(closed, 60)
    assert len(here.paid()) == 1


def test_lost_every_time(town: Callable[..., Town]) -> None:
    """Looks alone are enough."""
    here = town(webhook_loss=1.0)
    names = [name for name in ENDS if name not in {"refunded", "reversed"}]
    keys = here.pay(*(f"{name}-1" for name in names))
    here.until(here.settled(keys))
    assert Cause.WEBHOOK not in {move.cause for key in keys for move in here.payment(key).history}


def test_money_comes_back_long_after_the_batch_is_closed(town: Callable[..., Town]) -> None:
    here = town(reversal_delay=3.0)
    keys = here.pay("refunded-1", "reversed-1")
    here.until(lambda: all(here.payment(key).status is Status.SUCCEEDED for key in keys))
    here.until(lambda: all(here.payment(key).status is Status.RETURNED for key in keys))


def test_while_the_service_cannot_check_or_keep_them_they_come_again(
    town: Callable[..., Town],
) -> None:
    here = town(**(BLIND | {"faults_on": ["read", "certificate"]}))
    (key,) = here.pay("ann-1")
    here.until(lambda: here.payment(key).status is Status.SUBMITTED)
    here.until(lambda: here.simulator.queue.count() == 3)
    time.sleep(1)
    assert (here.payment(key).status, here.simulator.queue.count()) == (Status.SUBMITTED, 3)
    here.simulator.change({"faults_on": ["read"]})
    here.until(here.settled([key]))


def test_a_forger_on_the_spot_changes_nothing(town: Callable[..., Town]) -> None:
    """Genuine headers under another body, and a genuine body under other headers."""
    here = town(settle_delay=3600.0, webhook_loss=1.0)
    (key,) = here.pay("ann-1")
    here.until(lambda: here.payment(key).status is Status.SUBMITTED)
    (item,) = here.simulator.state.ledger(here.simulator.now(), after=0, limit=1)
    signed = _signed(here, {"event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", "resource": {}})
    resource = {
        "payout_item_id": item.payout_item_id,
        "payout_batch_id": item.payout_batch_id,
        "transaction_status": "SUCCESS",
        "payout_item": {
            "receiver": item.receiver,
            "amount": {"currency": "USD", "value": "5.00"},
            "sender_item_id": item.sender_item_id,
        },
    }
    event = json.loads(signed["body"]) | {"resource": resource}
    assert _post(here.url, signed["headers"], json.dumps(event)) == 400
    assert _post(here.url, {}, json.dumps(event)) == 400
    time.sleep(0.5)
    assert here.payment(key).status is Status.SUBMITTED
    genuine = _signed(here, {"event_type": event["event_type"], "resource": resource})
    assert _post(here.url, genuine["headers"], genuine["body"]) == 200
    here.until(here.settled([key]))


def test_news_of_payments_that_are_not_ours_are_set_aside(
    town: Callable[..., Town], caplog: pytest.LogCaptureFixture
) -> None:
    here = town(webhook_loss=1.0)
    resource = {
        "transaction_status": "SUCCESS",
        "payout_batch_id": "ELSEWHERE",
        "payout_item": {"sender_item_id": "order-17"},
    }
    signed = _signed(here, {"event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", "resource": resource})
    assert _post(here.url, signed["headers"], signed["body"]) == 200
    here.until(lambda: f"{json.loads(signed['body'])['id']} set aside" in caplog.text)


def _signed(here: Town, wanted: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{here.base}/_simulator/events", json.dumps(wanted).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        signed: dict[str, Any] = json.loads(answer.read())
        return signed


def _post(url: str, headers: dict[str, str], body: str) -> int:
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
