"""A process whose metrics are on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.metrics.prometheus import PrometheusMetrics
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.exposed import Samples, samples_of
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider


class MeasuredWorld:
    """A process whose metrics are on, over a store in memory; the clock ticks by seconds."""

    def __init__(self, **settings: Any) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.store = FailingStore()
        self.provider = LedgerProvider()
        self.metrics = PrometheusMetrics()
        self.services: Services = build_services(
            Settings(**settings),
            store=self.store,
            providers={"paypal": self.provider},
            clock=self.clock,
            metrics=self.metrics,
        )
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def pay(self) -> Payment:
        order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), "paypal")
        return self.services.payments.request(order).payment

    def sweep(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.now += timedelta(minutes=1)
            self.services.sweeper.run()

    def samples(self) -> Samples:
        return samples_of(self.metrics)
