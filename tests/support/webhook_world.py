"""Services with a webhook endpoint, and a client that records what is posted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from paymentapp.bootstrap import Services
from paymentapp.clock import utc_now
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.models.webhook_endpoints import WebhookDelivery
from paymentapp.services.outbound.deliverer import Deliverer, WebhookAttempt
from paymentapp.services.outbound.endpoints import EndpointWithSecret
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import Store
from paymentapp.vault.sealing import new_key
from paymentapp.webhook_client.client import NotDelivered
from paymentapp.worker.threaded import Worker
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://example.com/events"
VAULT_KEY = new_key()


class PostedWebhook(NamedTuple):
    """A webhook that was posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_by(self, secret: str) -> bool:
        """Check a signature, whatever the clock says: the library checks the time as well."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signature = Webhook(secret).sign(self.event_id, at, self.body.decode())
        return signature in self.headers["webhook-signature"].split(" ")


@dataclass
class RecordingClient:
    """Records what is posted, and answers a status, or None for no answer."""

    answer: Callable[[PostedWebhook], int | None] = lambda _webhook: 204
    posted: list[PostedWebhook] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        webhook = PostedWebhook(url, headers, body)
        with self.lock:
            self.posted.append(webhook)
        status = self.answer(webhook)
        if status is None:
            raise NotDelivered("no answer within 15 s")
        return status

    def close(self) -> None:
        pass

    @property
    def event_ids(self) -> list[str]:
        return [each.event_id for each in self.posted]


def one_by_one(
    jobs: Sequence[Callable[[], WebhookAttempt]],
) -> Sequence[WebhookAttempt | None]:
    return [job() for job in jobs]


class WebhookWorld:
    """A process of the service whose clock the test sets, with an endpoint."""

    def __init__(self, store: Store | None = None, **settings: Any) -> None:
        self.now = START
        self.store = store or MemoryStore()
        self.client = RecordingClient()
        self.settings = settings = {"vault_keys": VAULT_KEY, **settings}
        self.process: Services = a_process(
            self.store, self.clock, LedgerProvider(), worker=StillWorker(), **settings
        )
        self.deliverer: Deliverer = replace(self.process.deliverer, client=self.client)
        self.endpoints = self.process.webhook_endpoints
        self.process.customers.register("ada", "ada@example.com", {})
        self.made = self.register()
        self.id = self.made.endpoint.endpoint_id

    def worker(self) -> Worker:
        """Return another process over the same store, with a worker: not started."""
        provider = LedgerProvider()
        return a_process(self.store, utc_now, provider, **self.settings).worker

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def register(self, *event_types: str) -> EndpointWithSecret:
        return self.endpoints.create(URL, event_types, "")

    def pay(self, count: int = 1) -> list[Payment]:
        order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), "paypal")
        return [self.process.payments.request(order).payment for _ in range(count)]

    def deliver(self, run: Any = one_by_one) -> bool:
        """Do one round of the first endpoint."""
        return self.deliverer.deliver(self.id, run)

    def deliveries(self) -> list[WebhookDelivery]:
        return self.endpoints.deliveries(self.id, None, 100, None).deliveries
