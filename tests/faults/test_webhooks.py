"""The service and the simulator over real sockets, settled by webhooks.

The webhooks come late, twice, out of order, before the answer to the call, or never.
"""

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
from paymentapp.services.payment_orders import PaymentOrder
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
class Network:
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
        """Return whether each payment has the status that its recipient's name asks for."""

        def are() -> bool:
            payments = [self.payment(key) for key in keys]
            return all(p.status is _end_of(p.customer_id) for p in payments)

        return are

    def paid(self) -> list[str | None]:
        """Return what the simulator has accepted."""
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
def make_network(tmp_path: Path) -> Iterator[Callable[..., Network]]:
    with ExitStack() as stack:

        def build(environ: dict[str, str] | None = None, **simulator: Any) -> Network:
            return Network(tmp_path, stack, environ or {}, simulator)

        yield build


@pytest.mark.parametrize("verify", ["offline", "paypal"])
def test_webhooks_alone_settle_payments(make_network: Callable[..., Network], verify: str) -> None:
    network = make_network({"PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY": verify}, **BLIND)
    keys = network.pay(*(f"ann-{n}" for n in range(20)), *(f"unclaimed-{n}" for n in range(5)))
    network.until(network.settled(keys))
    causes = {network.payment(key).history[-1].cause for key in keys}
    assert causes == {Cause.WEBHOOK}
    assert len(network.paid()) == len(set(network.paid())) == 25


def test_late_twice_and_out_of_order(make_network: Callable[..., Network]) -> None:
    network = make_network(webhook_delay=2.0, webhook_duplicates=0.5, webhook_shuffle=0.3)
    keys = network.pay(*(f"{name}-{n}" for name in ENDS for n in range(5)))
    network.until(network.settled(keys))
    network.until(lambda: not network.simulator.queue.due(network.simulator.now() + HOUR, 1))
    time.sleep(0.5)
    assert network.settled(keys)()
    for key in keys:
        statuses = [move.status for move in network.payment(key).history]
        assert len(statuses) == len(set(statuses))
    assert len(network.paid()) == len(set(network.paid())) == 30


def test_before_the_answer_to_the_call(make_network: Callable[..., Network]) -> None:
    """Lose every answer, so that only the events report the batch."""
    network = make_network(settle_delay=0.0, drop_after=1.0, faults_on=["create"])
    (key,) = network.pay("ann-1")
    network.until(network.settled([key]))
    assert network.payment(key).history[-1].cause is Cause.WEBHOOK
    assert Status.SUBMITTED not in {move.status for move in network.payment(key).history}
    network.simulator.change({"drop_after": 0.0})
    batch_id = network.payment(key).batch_id or ""

    def closed() -> bool:
        batch = network.services.store.get_batch(batch_id)
        return batch is not None and batch.state.value == "closed"

    network.until(closed, 60)
    assert len(network.paid()) == 1


def test_lost_every_time(make_network: Callable[..., Network]) -> None:
    """Lose every webhook: polling is enough."""
    network = make_network(webhook_loss=1.0)
    names = [name for name in ENDS if name not in {"refunded", "reversed"}]
    keys = network.pay(*(f"{name}-1" for name in names))
    network.until(network.settled(keys))
    assert Cause.WEBHOOK not in {
        move.cause for key in keys for move in network.payment(key).history
    }


def test_money_comes_back_long_after_the_batch_is_closed(
    make_network: Callable[..., Network],
) -> None:
    network = make_network(reversal_delay=3.0)
    keys = network.pay("refunded-1", "reversed-1")
    network.until(lambda: all(network.payment(key).status is Status.SUCCEEDED for key in keys))
    network.until(lambda: all(network.payment(key).status is Status.RETURNED for key in keys))


def test_while_the_service_cannot_check_or_keep_them_they_come_again(
    make_network: Callable[..., Network],
) -> None:
    network = make_network(**(BLIND | {"faults_on": ["read", "certificate"]}))
    (key,) = network.pay("ann-1")
    network.until(lambda: network.payment(key).status is Status.SUBMITTED)
    network.until(lambda: network.simulator.queue.count() == 3)
    time.sleep(1)
    assert (network.payment(key).status, network.simulator.queue.count()) == (Status.SUBMITTED, 3)
    network.simulator.change({"faults_on": ["read"]})
    network.until(network.settled([key]))


def test_a_forger_on_the_spot_changes_nothing(make_network: Callable[..., Network]) -> None:
    """Send genuine headers with another body, and a genuine body with other headers."""
    network = make_network(settle_delay=3600.0, webhook_loss=1.0)
    (key,) = network.pay("ann-1")
    network.until(lambda: network.payment(key).status is Status.SUBMITTED)
    (item,) = network.simulator.state.ledger(network.simulator.now(), after=0, limit=1)
    signed = _signed(network, {"event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", "resource": {}})
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
    assert _post(network.url, signed["headers"], json.dumps(event)) == 400
    assert _post(network.url, {}, json.dumps(event)) == 400
    time.sleep(0.5)
    assert network.payment(key).status is Status.SUBMITTED
    genuine = _signed(network, {"event_type": event["event_type"], "resource": resource})
    assert _post(network.url, genuine["headers"], genuine["body"]) == 200
    network.until(network.settled([key]))


def test_news_of_payments_that_are_not_ours_are_set_aside(
    make_network: Callable[..., Network], caplog: pytest.LogCaptureFixture
) -> None:
    network = make_network(webhook_loss=1.0)
    resource = {
        "transaction_status": "SUCCESS",
        "payout_batch_id": "ELSEWHERE",
        "payout_item": {"sender_item_id": "order-17"},
    }
    event = {"event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", "resource": resource}
    signed = _signed(network, event)
    assert _post(network.url, signed["headers"], signed["body"]) == 200
    network.until(lambda: f"{json.loads(signed['body'])['id']} set aside" in caplog.text)


def _signed(network: Network, wanted: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{network.base}/_simulator/events", json.dumps(wanted).encode(), method="POST"
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
