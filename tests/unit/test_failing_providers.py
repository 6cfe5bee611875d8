"""For how long a provider counts as failing: until any good answer, and never for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.services.dispatch.circuit_breaker import SHOWN_AFTER
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process


class Outage:
    """A provider that failed once in this process; no other call is under way."""

    def __init__(self, error: ProviderError) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.provider = LedgerProvider()
        self.services = a_process(
            MemoryStore(), self.clock, self.provider, worker=StillWorker(), due_shards=1
        )
        self.paid = self.pay()
        batch = self.services.dispatcher.submit([self.paid])
        assert batch is not None
        self.followed = batch
        self.fail(error)

    def clock(self) -> datetime:
        return self.now

    def pay(self) -> Payment:
        self.now += timedelta(seconds=1)
        self.services.customers.register("ann", "ann@example.com", {})
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal(5), "USD"), "paypal")
        return self.services.payments.request(order).payment

    def fail(self, error: ProviderError) -> None:
        def fail(_batch: Batch) -> None:
            raise error

        self.provider.before = fail
        self.services.dispatcher.submit([self.pay()])
        self.provider.before = lambda _batch: None

    def causes(self) -> dict[str, str]:
        return self.services.dispatcher.failing.causes()


@pytest.mark.parametrize("error", [NotSent("DOWN"), OutcomeUnknown("TIMEOUT")])
def test_a_poll_that_is_answered_ends_an_outage(error: ProviderError) -> None:
    outage = Outage(error)
    assert set(outage.causes()) == {"paypal"}
    assert outage.services.dispatcher.failing.is_open("paypal")
    outage.services.poller.follow(outage.followed)
    assert not outage.causes()
    assert not outage.services.dispatcher.failing.is_open("paypal")


def test_a_poll_that_is_not_answered_ends_nothing() -> None:
    outage = Outage(NotSent("DOWN"))
    outage.provider.can_fetch = False
    outage.services.poller.follow(outage.followed)
    assert set(outage.causes()) == {"paypal"}


def test_an_unclaimed_item_that_is_cancelled_ends_an_outage() -> None:
    outage = Outage(NotSent("DOWN"))
    outage.provider.status["ann@example.com"] = Status.UNCLAIMED
    outage.services.poller.follow(outage.followed)
    outage.fail(NotSent("DOWN AGAIN"))
    outage.services.payments.cancel(outage.paid.key)
    payment = outage.services.payments.get(outage.paid.key)
    outage.services.poller.cancel_unclaimed(payment)
    assert not outage.causes()


def test_an_empty_account_is_not_filled_by_a_poll() -> None:
    """It answers polls all the same."""
    outage = Outage(Misconfigured("INSUFFICIENT_FUNDS"))
    outage.services.poller.follow(outage.followed)
    assert set(outage.causes()) == {"paypal"}


def test_a_failure_ends_by_time_in_a_process_that_submits_no_more() -> None:
    """Another process has sent the batch; this one may submit nothing for hours."""
    outage = Outage(NotSent("DOWN"))
    outage.now += timedelta(seconds=SHOWN_AFTER)
    assert set(outage.causes()) == {"paypal"}
    outage.now += timedelta(seconds=2)
    assert not outage.causes()


def test_a_provider_that_was_never_called_is_not_failing() -> None:
    failing = FailingProviders(lambda: datetime(2026, 3, 1, tzinfo=UTC))
    failing.answered("paypal")
    assert not failing.causes()
    assert not failing.is_open("paypal")
