"""What depends on the payee: payments that they do not take, and reports of sealed ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import NotPayable
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.updates import ItemReport, WebhookNews
from paymentapp.services.backoffice.comparison import of_items
from paymentapp.services.backoffice.discrepancies import DiscrepancyKind
from paymentapp.services.dispatch.batching import members_of
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.processes import StillWorker, a_process
from tests.support.scripted_webhooks import ScriptedWebhooks

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = "+14155550100"
DOLLARS = Money(Decimal("12.50"), "USD")
NOTED = CallerTexts(description="June")


class World:
    """A service that pays Ann's phone at Venmo, or by wire."""

    def __init__(self, routes: str = "") -> None:
        self.now = START
        self.vault = Vault(new_key())
        self.provider = LedgerProvider()
        self.provider.payees = self.provider.payee_rules = PayPalPayees(self.vault)
        self.webhooks = ScriptedWebhooks()
        self.provider.webhooks = self.webhooks
        wire = ledger("wire", WirePayees())
        self.store = MemoryStore()
        self.worker = StillWorker()
        self.services = a_process(
            *(self.store, self.clock, self.provider, wire), worker=self.worker, routes=routes
        )
        self.services.customers.register("ann", "ann@example.com", {})
        phone = {"phone": NUMBER, "wallet": "venmo"}
        self.services.methods.put("ann", "paypal", phone, None)
        self.services.methods.put("ann", "wire", {"account": "123456789"}, None)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(
        self, money: Money = DOLLARS, texts: CallerTexts = NOTED, method: str | None = "paypal"
    ) -> Payment:
        order = PaymentOrder("ann", "ann@example.com", money, method, texts=texts)
        return self.services.payments.request(order).payment

    def sent(self) -> Payment:
        """Return a payment that the provider has."""
        self.provider.status["ann@example.com"] = Status.SUBMITTED
        payment = self.pay()
        assert self.services.dispatcher.submit([payment]) is not None
        return self.stored(payment)

    def stored(self, payment: Payment) -> Payment:
        found = self.store.get_payment(payment.key)
        assert found is not None
        return found

    def hears(self, payment: Payment, receiver: str) -> ProviderEvent:
        """Apply an event by which the payment to a receiver has succeeded."""
        item = ItemReport(
            *(payment.key.item_id, Status.SUCCEEDED, "SUCCESS", "item-1", "tx-1"),
            money=payment.money,
            receiver=receiver,
        )
        batch_id = payment.batch_id
        news = WebhookNews("WH-1", "ITEM", item, batch_id, f"ref-{batch_id}")
        self.services.webhooks.receive("paypal", {}, self.webhooks.tells(news))
        return self.services.inbox.apply(self.worker.heard[-1])

    def difference(self, payment: Payment, receiver: str) -> tuple[str, str] | None:
        """Return what reconciliation finds of the receiver that a report names: ours, theirs."""
        batch = self.store.get_batch(payment.batch_id or "")
        assert batch is not None
        report = ItemReport(payment.key.item_id, Status.SUBMITTED, "PENDING", receiver=receiver)
        members = members_of(self.store, batch)
        reports = {report.item_id: report}
        found = [*of_items(batch, members, reports, self.now, self.services.payees)]
        assert {each.kind for each in found} <= {DiscrepancyKind.RECEIVER}
        return (found[0].ours, found[0].theirs) if found else None


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("money", "texts", "field"),
    [(Money(Decimal(5), "EUR"), NOTED, "currency"), (DOLLARS, NO_TEXTS, "description")],
)
def test_a_named_method_whose_payee_takes_no_such_payment_is_refused(
    world: World, money: Money, texts: CallerTexts, field: str
) -> None:
    with pytest.raises(NotPayable) as refused:
        world.pay(money, texts)
    assert refused.value.field == field


def test_a_rule_passes_over_a_payee_that_takes_no_such_payment() -> None:
    world = World("paypal; wire")
    assert world.pay(method=None).payment_method == "paypal"
    other = world.pay(texts=NO_TEXTS, method=None)
    assert other.payment_method == "wire"
    assert other.route == "rule 2; paypal does not pay them by this description"


def test_a_report_names_a_sealed_payee_in_plain(world: World) -> None:
    payment = world.sent()
    assert NUMBER not in repr(payment)
    assert world.difference(payment, "14155550100") is None
    assert world.hears(payment, NUMBER).state is ProviderEventState.APPLIED
    assert world.stored(payment).status is Status.SUCCEEDED


def test_a_report_of_another_number_changes_nothing(world: World) -> None:
    payment = world.sent()
    event = world.hears(payment, "+14155550199")
    assert (event.state, event.note) == (
        ProviderEventState.SET_ASIDE,
        "the recipient is not the payment's",
    )
    assert world.stored(payment).status is Status.SUBMITTING
    assert world.difference(payment, "+14155550199") == ("***0100 at Venmo", "***0199")


def test_an_event_waits_while_the_payee_cannot_be_opened(world: World) -> None:
    payment = world.sent()
    rules = world.provider.payee_rules
    world.provider.payee_rules = PayPalPayees(Vault(new_key()))
    event = world.hears(payment, NUMBER)
    assert event.state is ProviderEventState.WAITING
    assert event.note == "the payee's details cannot be opened: UNKNOWN_VAULT_KEY"
    world.provider.payee_rules = rules
    assert world.services.inbox.apply(event).state is ProviderEventState.APPLIED


def test_what_cannot_be_opened_is_no_agreement(world: World) -> None:
    payment = world.sent()
    world.provider.payees = world.provider.payee_rules = PayPalPayees(Vault(new_key()))
    assert world.difference(payment, NUMBER) == ("sealed", "***0100")
