"""The cost of a payment's whole life on PostgreSQL, in statements and round trips."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paymentapp.bootstrap import Services
from paymentapp.clock import utc_now
from paymentapp.models.batches import BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.models.settled import Settled
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.postgresql import PostgreSQLStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.postgresql_proxy import PostgreSQLProxy
from tests.support.processes import a_process

EMAIL = "ada@example.com"
COUNT = 100


@pytest.fixture
def provider() -> LedgerProvider:
    return LedgerProvider()


@pytest.fixture
def services(proxied_store: PostgreSQLStore, provider: LedgerProvider) -> Services:
    return a_process(proxied_store, utc_now, provider)


def pay(services: Services, key: str) -> Payment:
    order = PaymentOrder("ada", EMAIL, Money(Decimal("19999.99"), "USD"), "paypal")
    return services.payments.request(order, key).payment


def test_a_request_is_one_read_and_one_write(services: Services, proxy: PostgreSQLProxy) -> None:
    services.customers.register("ada", EMAIL, {})
    with proxy.counting() as counts:
        payment = pay(services, "key")
    assert counts == {"statements": 2, "round trips": 2}
    with proxy.counting() as counts:
        assert pay(services, "key").key == payment.key
    assert counts == {"statements": 2, "round trips": 2}  # the key's record, and its payment


def test_a_full_batch_is_sent_and_settled_in_few_round_trips(
    services: Services, proxy: PostgreSQLProxy, provider: LedgerProvider
) -> None:
    services.customers.register("ada", EMAIL, {})
    payments = [pay(services, f"key-{n}") for n in range(COUNT)]
    with proxy.counting() as sent:
        batch = services.dispatcher.submit(payments)
    assert batch is not None
    provider.settled = Settled(utc_now(), Money(Decimal("0.25"), "USD"))
    with proxy.counting() as settled:
        services.poller.follow(batch)
    stored = services.store.get_batch(batch.batch_id)
    assert stored is not None
    assert stored.state is BatchState.CLOSED
    print(f"{COUNT} payments: sent by {dict(sent)}, settled by {dict(settled)}")
    # The holds, the batch with its members, the stamps, the freeze, the acceptance; then the
    # members, what became of them in groups, and the end of the batch.
    assert sent["round trips"] <= 6
    assert settled["round trips"] <= 5
