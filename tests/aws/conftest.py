"""The handlers over a store in memory, a provider with a ledger, and a movable clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.aws_lambda import gateway
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.models.payments import Payment, Status
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.lambda_events import LambdaContext, rest_event
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.records import usd


@dataclass
class Cloud:
    """One service and its handlers; `caller` is a key with every scope."""

    settings: Settings = field(
        default_factory=lambda: Settings(follow_seconds=0, senders=1, sweep_seconds=60)
    )
    store: MemoryStore = field(default_factory=MemoryStore)
    provider: LedgerProvider = field(default_factory=LedgerProvider)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.services = build_services(
            self.settings,
            store=self.store,
            providers={"paypal": self.provider},
            clock=self.clock,
        )
        _, self.token = self.services.api_keys.create("test", ["read", "write"])
        self.context = LambdaContext()
        self.gateway = gateway(self.services)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def call(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> tuple[dict[str, Any], Any]:
        """Send a request through the gateway; return its response, and the decoded body."""
        key = {"Authorization": f"Bearer {self.token}"}
        headers = {**key, **options.pop("headers", {})}
        answer = self.gateway(rest_event(method, path, body, headers, **options), self.context)
        return answer, json.loads(answer["body"], parse_float=Decimal)

    def accept(self, *names: str) -> list[Payment]:
        """Accept payments, each to its own customer."""
        accepted = []
        for name in names:
            email = f"{name}@example.com"
            self.services.customers.register(name, email, {})
            order = PaymentOrder(name, email, usd("12.5"), "paypal")
            accepted.append(self.services.payments.request(order).payment)
        return accepted

    def stored(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)

    def status(self, payment: Payment) -> Status:
        return self.stored(payment).status


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()
