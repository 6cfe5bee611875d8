"""A service that holds something personal of Ada everywhere, and a search for it.

Each text that an erasure has to remove has `SECRET` in it.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import boto3

from paymentapp.bootstrap import Services
from paymentapp.clock import utc_now
from paymentapp.models.actors import HOLD, Actor, operator
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.base import Refused
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.updates import ItemReport, WebhookNews
from paymentapp.services.customers import CustomerPatch
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import PageQuery, Store
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.postgresql import PostgreSQLStore
from paymentapp.storage.sqlite import SQLiteStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import ledger
from tests.support.processes import StillWorker, a_process
from tests.support.records import usd
from tests.support.scripted_webhooks import ScriptedWebhooks

SECRET = "SECRET"
EMAIL, NEW_EMAIL = "ada.SECRET@example.com", "ada.SECRET2@example.com"
TEXTS = CallerTexts("ref SECRET", "for SECRET", (("who", "meta SECRET"),))
SHOP = Actor("shop", frozenset({"shop"}), frozenset({"payments:write", HOLD}))
DESK = operator("Grace")


class AddressedWebhooks(ScriptedWebhooks):
    """Webhooks whose bodies have the item id and the address in them."""

    def tells(self, news: WebhookNews) -> bytes:
        item = news.item
        named = f"{item.item_id} {item.receiver}" if item else ""
        body = f'{{"number": {len(self.news)}, "item": "{named}"}}'.encode()
        self.news[body] = news
        return body


@dataclass
class ErasureWorld:
    """Ada, Bob, a method that pays by e-mail, and one with details."""

    store: Store = field(default_factory=MemoryStore)
    now: datetime = field(default_factory=lambda: utc_now() - timedelta(days=3))
    mail: LedgerProvider = field(default_factory=lambda: ledger("mail"))
    paypal: LedgerProvider = field(default_factory=lambda: ledger("paypal", PayPalPayees()))

    def __post_init__(self) -> None:
        self.mail.webhooks = self.webhooks = AddressedWebhooks()
        self.services = self.another()
        self.services.customers.register("ada", EMAIL, {"nick": "nick SECRET"}, DESK)
        self.services.customers.register("bob", "bob@example.com", {})

    def another(self, store: Store | None = None) -> Services:
        """Build another process, over the same store or one in front of it."""
        return a_process(
            *(store or self.store, self.clock, self.mail, self.paypal),
            worker=StillWorker(),
            approvals="USD 500..: 1",
            unique_references=True,
            due_shards=1,
        )

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(
        self,
        amount: str = "5",
        *,
        name: str = "ada",
        reference: str = "",
        method: str = "mail",
    ) -> Payment:
        email = self.services.customers.get(name).email
        texts = TEXTS._replace(reference=f"{reference or amount} SECRET")
        if name != "ada":
            texts = CallerTexts(f"{reference or amount} of {name}", f"for {name}")
        order = PaymentOrder(name, email, usd(amount), method, texts=texts, allow_duplicate=True)
        return self.services.payments.request(order, f"key {reference or amount}", SHOP).payment

    def sweep(self, times: int = 4) -> None:
        for _ in range(times):
            self.now += timedelta(seconds=40)
            self.services.sweeper.run()

    def live(self) -> None:
        """Have Ada's data written wherever it is ever written; all of her payments are settled."""
        services = self.services
        services.methods.put("ada", "paypal", {"email": "payee.SECRET@example.com"}, default=False)
        services.customers.change("ada", CustomerPatch(NEW_EMAIL, {"vip": "vip SECRET"}), by=DESK)
        services.holds.place(HoldScope.CUSTOMER, "ada", "why SECRET", DESK)
        held = self.pay("7")
        services.holds.hold_payment(held.key, "doubt SECRET", DESK)
        for hold in services.holds.current():
            services.holds.release(hold.hold_id, DESK)
        services.payments.cancel(self.pay("8").key, SHOP)
        approved, rejected = self.pay("501"), self.pay("502")
        services.approvals.approve(approved.key, DESK, "note SECRET")
        services.approvals.reject(rejected.key, DESK, "reject SECRET")
        self.pay("9", method="paypal")
        self.pay("3", name="bob")
        self.sweep()
        self.fails(self.pay("10"))
        self.tell(self.pay_and_settle("11"), Status.SUCCEEDED)
        services.holds.place(HoldScope.CUSTOMER, "ada", "later SECRET", DESK)

    def fails(self, payment: Payment) -> None:
        self.mail.refuse = lambda _: Refused("NO_WAY", {0: f"NO_WAY: {NEW_EMAIL} is unknown"})
        self.sweep()
        self.mail.refuse = lambda _: None
        assert self.stored(payment).status is Status.FAILED

    def pay_and_settle(self, amount: str) -> Payment:
        payment = self.pay(amount)
        self.sweep()
        assert self.stored(payment).status is Status.SUCCEEDED
        return self.stored(payment)

    def tell(self, payment: Payment, status: Status, receiver: str = NEW_EMAIL) -> ProviderEvent:
        """Have the provider tell of a payment; return the event as it is stored then."""
        report = ItemReport(
            payment.key.item_id, status, status.upper(), money=payment.money, receiver=receiver
        )
        batch = payment.batch_id
        news = WebhookNews(f"WH-{len(self.webhooks.news)}", "ITEM", report, batch, f"ref-{batch}")
        self.services.webhooks.receive("mail", {}, self.webhooks.tells(news))
        event = self.store.get_provider_event("mail", news.event_id)
        assert event is not None
        return self.services.inbox.apply(event)

    def stored(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)

    def payments(self, name: str = "ada") -> Sequence[Payment]:
        return self.store.list_payments(name, PageQuery(100)).payments

    def erase(self) -> None:
        self.services.erasures.erase("ada", by=DESK)

    def passes(self, minutes: int = 40, services: Services | None = None) -> None:
        """Take all steps that are due within so many minutes."""
        for _ in range(minutes):
            while (services or self.services).erasures.advance():
                pass
            self.now += timedelta(minutes=1)

    @property
    def is_complete(self) -> bool:
        return self.store.get_erasure("ada") is None


def stored_bytes(store: Store) -> bytes:
    """Return all that a store has written: its files, or each item or row of its tables."""
    if isinstance(store, SQLiteStore):
        folder: Path = store._path.parent
        return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    if isinstance(store, DynamoDBStore):
        client = boto3.session.Session().client("dynamodb")
        tables = store._customers, store._disbursements, store._operations
        items = [client.scan(TableName=name, ConsistentRead=True)["Items"] for name in tables]
        client.close()
        return repr(items).encode()
    if isinstance(store, PostgreSQLStore):
        names = ("customers", "disbursements", "operations", "events")
        rows = [store._rows(f"TABLE paymentapp.{name}") for name in names]
        return repr(rows).encode()
    assert isinstance(store, MemoryStore)
    records = (store._customers, store._history, store._payments, store._members)
    others = (store._batches, store._events, store._holds, store._released, store._claims)
    return pickle.dumps((records, others))


def key_of(name: str) -> PaymentKey:
    """Return a key that no payment has."""
    return PaymentKey(name, "2026-01-01T00:00:00.000000Z")
