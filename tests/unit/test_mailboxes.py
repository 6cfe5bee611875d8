"""Mailboxes: everything in them becomes an event once, whichever process polls or fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paymentapp.bootstrap import Services
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.models.customers import PaymentMethod
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.provider_events import ProviderEventState
from paymentapp.providers.updates import (
    BlockedPayee,
    Correction,
    Delivery,
    ItemReport,
    Recorded,
    UnreadFile,
    WebhookNews,
)
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import a_customer, a_payment, add_payment

PAUSE = timedelta(minutes=1)
OLD = PaymentMethod("k.old", datetime(2026, 1, 1, tzinfo=UTC))


class Bank(LedgerProvider):
    """A ledger with a mailbox: a body stands for an update that a test has put there."""

    name = "bank"
    fetches = True

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = self
        self.files: dict[str, list[bytes]] = {}
        self.news: dict[bytes, WebhookNews] = {}
        self.broken: list[UnreadFile] = []
        self.looks = 0
        self.is_down = False
        self.whole = True

    def collect(self) -> Iterator[Delivery]:
        self.looks += 1
        if self.is_down:
            raise NotSent("UNREACHABLE")
        for name, bodies in list(self.files.items()):
            yield Delivery(name, bodies, self.whole)

    def put_away(self, delivery: Delivery) -> None:
        del self.files[delivery.name]

    def parse_webhook(self, body: bytes) -> WebhookNews:
        if body not in self.news:
            raise NotGenuine("that makes no sense")
        return self.news[body]

    def unread(self) -> list[UnreadFile]:
        return list(self.broken)

    def set_aside(self, file_id: str, note: str) -> bool:  # noqa: ARG002
        known = [file.file_id for file in self.broken]
        self.broken = [file for file in self.broken if file.file_id != file_id]
        return file_id in known

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        self.status[payment.email] = status
        blocked = BlockedPayee(f"{code} closed", (payment.destination or "",))
        return Recorded(code, blocked if code == "R02" else None)

    def receives(self, name: str, *news: WebhookNews) -> None:
        bodies = [each.event_id.encode() for each in news]
        self.news |= dict(zip(bodies, news, strict=True))
        self.files[name] = bodies


@dataclass
class World:
    """A service with a bank, and what its processes share."""

    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store: MemoryStore = field(default_factory=MemoryStore)
    bank: Bank = field(default_factory=Bank)

    def __post_init__(self) -> None:
        services = self.another()
        self.collector = services.mailbox_collector
        self.dispatcher = services.dispatcher
        self.poller = services.poller
        self.inbox = services.inbox

    def another(self) -> Services:
        """Build another process."""
        pause = PAUSE // timedelta(seconds=1)
        return a_process(self.store, self.clock, self.bank, due_shards=1, collect_seconds=pause)

    def clock(self) -> datetime:
        return self.now

    def apply(self) -> list[ProviderEventState]:
        self.now += timedelta(seconds=1)
        return [self.inbox.apply(event).state for event in self.inbox.due(0, self.now)]

    def pays_ada(self) -> Payment:
        """Make a payment by the bank that has succeeded."""
        self.store.add_customer(a_customer(methods={"bank": OLD}))
        payment = a_payment(
            payment_method="bank", destination="k.old", money=Money(Decimal(5), "USD")
        )
        add_payment(self.store, payment)
        batch = self.dispatcher.submit([payment])
        assert batch is not None
        self.poller.follow(batch)
        return self.stored(payment)

    def stored(self, payment: Payment) -> Payment:
        found = self.store.get_payment(payment.key)
        assert found is not None
        return found


def news(number: int, **fields: object) -> WebhookNews:
    return WebhookNews(f"event-{number}", "R03", **fields)  # type: ignore[arg-type]


def test_what_lies_in_the_mailbox_becomes_events_once() -> None:
    world = World()
    world.bank.receives("a.ach", news(1), news(2))
    assert world.collector.due() == ["bank"]
    assert world.collector.collect("bank") == 2
    assert world.bank.files == {}
    world.bank.receives("b.ach", news(1), news(2), news(3))  # the same again, and one more
    world.now += PAUSE
    assert world.collector.collect("bank") == 1
    assert world.apply() == [ProviderEventState.IGNORED] * 3


def test_a_mailbox_is_looked_into_once_a_pause_by_one_process() -> None:
    world = World()
    world.collector.collect("bank")
    assert world.collector.due() == []
    other = world.another().mailbox_collector
    assert other.due() == ["bank"]
    assert other.collect("bank") == 0
    assert world.bank.looks == 1
    world.now += PAUSE
    assert other.due() == world.collector.due() == ["bank"]
    other.collect("bank")
    world.collector.collect("bank")
    assert world.bank.looks == 2


def test_what_could_not_be_stored_stays_in_the_mailbox() -> None:
    world = World()
    world.bank.receives("a.ach", news(1))
    world.store.down = True
    assert world.collector.collect("bank") == 0
    world.store.down = False
    assert "a.ach" in world.bank.files
    world.now += PAUSE
    assert world.collector.collect("bank") == 1


def test_a_bank_that_does_not_answer_is_asked_later() -> None:
    world = World()
    world.bank.receives("a.ach", news(1))
    world.bank.is_down = True
    assert world.collector.collect("bank") == 0
    world.bank.is_down = False
    world.now += PAUSE
    assert world.collector.collect("bank") == 1


def test_a_delivery_that_makes_no_sense_stays_and_holds_up_no_other() -> None:
    world = World()
    world.bank.files["broken.ach"] = [b"nonsense"]
    world.bank.receives("good.ach", news(1))
    assert world.collector.collect("bank") == 1
    assert list(world.bank.files) == ["broken.ach"]


def test_a_return_comes_back_to_a_payment_that_had_succeeded() -> None:
    world = World()
    payment = world.pays_ada()
    assert payment.status is Status.SUCCEEDED
    batch = world.store.get_batch(payment.batch_id or "")
    assert batch is not None
    returned = ItemReport(
        payment.key.item_id,
        Status.RETURNED,
        "R03",
        reason="R03 no account",
        money=payment.money,
        receiver="k.old",
    )
    world.bank.status["ada@example.com"] = Status.RETURNED
    world.bank.receives("a.ach", news(1, item=returned, batch_id=batch.batch_id))
    world.collector.collect("bank")
    assert world.apply() == [ProviderEventState.APPLIED]
    assert world.stored(payment).status is Status.RETURNED


def test_a_correction_puts_the_customers_details_right() -> None:
    world = World()
    payment = world.pays_ada()
    right = Correction(payment.key.item_id, "C01 account number corrected", "k.new")
    world.bank.receives("a.ach", news(1, correction=right))
    world.collector.collect("bank")
    assert world.apply() == [ProviderEventState.APPLIED]
    customer = world.store.get_customer("ada")
    assert customer is not None
    assert customer.methods["bank"].destination == "k.new"
    assert customer.methods["bank"].note == "C01 account number corrected"
    assert world.stored(payment).destination == "k.old"


def test_a_correction_without_the_right_details_makes_a_note() -> None:
    world = World()
    payment = world.pays_ada()
    wrong = Correction(payment.key.item_id, "C04 name of the receiver")
    world.bank.receives("a.ach", news(1, correction=wrong))
    world.collector.collect("bank")
    world.apply()
    customer = world.store.get_customer("ada")
    assert customer is not None
    assert customer.methods["bank"].destination == "k.old"
    assert customer.methods["bank"].note == "C04 name of the receiver"


def test_a_correction_of_details_that_have_changed_since_changes_nothing() -> None:
    world = World()
    payment = world.pays_ada()
    customer = world.store.get_customer("ada")
    assert customer is not None
    newer = customer.changed(methods={"bank": PaymentMethod("k.newer", world.now)})
    assert world.store.change_customer(customer, newer)
    right = Correction(payment.key.item_id, "C01", "k.new")
    world.bank.receives("a.ach", news(1, correction=right))
    world.collector.collect("bank")
    assert world.apply() == [ProviderEventState.APPLIED]
    assert world.store.get_customer("ada") == newer


def test_a_correction_of_another_providers_payment_is_set_aside() -> None:
    world = World()
    world.store.add_customer(a_customer(methods={"bank": OLD}))
    payment = a_payment()
    add_payment(world.store, payment)
    assert payment.history[0].cause is Cause.REQUEST
    right = Correction(payment.key.item_id, "C01", "k.new")
    world.bank.receives("a.ach", news(1, correction=right))
    world.collector.collect("bank")
    assert world.apply() == [ProviderEventState.SET_ASIDE]


def test_a_process_that_takes_so_long_that_another_reads_stops() -> None:
    world = World()
    for name in ("a.ach", "b.ach"):
        world.bank.receives(name, news(ord(name[0])))
    put_away = world.bank.put_away

    def slowly(delivery: Delivery) -> None:
        put_away(delivery)
        world.now += 2 * PAUSE
        world.another().mailbox_collector._holds("bank")

    world.bank.put_away = slowly
    assert world.collector.collect("bank") == 1
    assert list(world.bank.files) == ["b.ach"]


def test_what_is_not_whole_is_stored_and_stays_in_the_mailbox() -> None:
    world = World()
    world.bank.receives("a.ach", news(1))
    world.bank.whole = False
    assert world.collector.collect("bank") == 1
    assert list(world.bank.files) == ["a.ach"]
