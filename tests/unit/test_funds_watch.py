"""The watch of the funds: what it stores, how often it asks, and which shortages it announces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import (
    InsufficientFunds,
    NotPermitted,
    NotSent,
    ProviderError,
    StoreUnavailable,
)
from paymentapp.models.balances import AccountBalance, FundsNotice, ProviderBalance
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.services.dispatch import funds_watch
from paymentapp.services.dispatch.funds_watch import EVERY
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process
from tests.support.records import usd

EMAIL = "ada@example.com"


@dataclass
class Account:
    """The account of a provider: its balances, as of a time, or an error."""

    available: dict[str, str] = field(default_factory=lambda: {"USD": "100"})
    as_of: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    error: ProviderError | None = None
    asked: int = 0

    def read(self) -> Sequence[ProviderBalance]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return [
            ProviderBalance(Money(Decimal(amount), currency), self.as_of)
            for currency, amount in self.available.items()
        ]


class World:
    """A process, its provider's account, and Ada."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.store = MemoryStore()
        self.provider = LedgerProvider()
        self.account = Account()
        self.provider.balances = self.account
        self.services = a_process(
            self.store, self.clock, self.provider, worker=StillWorker(), due_shards=2
        )
        self.services.customers.register("ada", EMAIL, {})

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, amount: str, scheduled_at: datetime | None = None) -> Payment:
        made = PaymentOrder("ada", EMAIL, usd(amount), "paypal", scheduled_at)
        return self.services.payments.request(made).payment

    def submit(self, *payments: Payment) -> Batch:
        batch = self.services.dispatcher.submit(payments)
        assert batch is not None
        return batch

    def look(self, passed: timedelta = EVERY) -> AccountBalance:
        """Look after a time, and return the account in dollars as it is then shown."""
        self.now += passed
        self.account.as_of = max(self.account.as_of, self.now)
        self.services.sweeper.look_at_funds()
        (found,) = (each for each in self.services.balances.shown() if each.currency == "USD")
        return found

    def look_at_all(self) -> Sequence[AccountBalance]:
        """Look now, and return what is then shown."""
        self.services.sweeper.look_at_funds()
        return self.services.balances.shown()

    def told(self) -> list[tuple[str, FundsNotice]]:
        """Return what was announced of accounts."""
        events = self.store.list_events(None, 1000).events
        return [
            (each.event.type, FundsNotice.of(each.event.subject))
            for each in events
            if each.event.type.startswith("provider.")
        ]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told()]


@pytest.fixture
def world() -> World:
    return World()


def test_an_account_shows_what_is_there_and_what_is_due(world: World) -> None:
    world.pay("30")
    world.pay("20.5")
    found = world.look()
    assert (found.available, found.pending, found.pending_complete) == (
        Decimal(100),
        Decimal("50.5"),
        True,
    )
    assert found.as_of == world.account.as_of
    assert world.told() == []


def test_what_was_sent_is_pending_until_it_is_settled(world: World) -> None:
    world.provider.status[EMAIL] = Status.SUBMITTED
    batch = world.submit(world.pay("30"), world.pay("20"))
    world.account.available["USD"] = "50"
    assert world.look().pending == Decimal(50)
    batch = world.services.poller.follow(batch)
    assert world.look().pending == Decimal(50)
    world.provider.status[EMAIL] = Status.SUCCEEDED
    world.services.poller.follow(batch)
    assert world.look().pending == 0
    assert world.told() == []  # what had left was not needed once more


@pytest.mark.parametrize("passed", [timedelta(), EVERY], ids=["a poll at once", "a later poll"])
def test_a_batch_counts_its_open_members_alone(world: World, passed: timedelta) -> None:
    world.services.customers.register("bob", "bob@example.com", {})
    order = PaymentOrder("bob", "bob@example.com", usd("7"), "paypal")
    others = world.services.payments.request(order).payment
    world.provider.status[EMAIL] = Status.UNCLAIMED
    batch = world.submit(world.pay("30"), others)
    world.now += passed
    world.services.poller.follow(batch)
    assert world.look().pending == Decimal(30)


def test_a_scheduled_payment_of_the_next_day_is_needed_and_not_yet_pending(world: World) -> None:
    world.pay("150", scheduled_at=world.now + timedelta(hours=25))
    assert world.look().pending == 0
    assert world.told() == []
    world.look(timedelta(hours=2))
    ((kind, notice),) = world.told()
    assert kind == "provider.unfunded"
    assert notice == FundsNotice("paypal", "USD", Decimal(150), Decimal(100), world.account.as_of)


def test_a_shortage_is_announced_once_and_its_end_after_two_looks(world: World) -> None:
    world.pay("150")
    for _ in range(3):
        world.look()
    assert world.kinds() == ["provider.unfunded"]
    world.account.available["USD"] = "150"
    world.look()
    assert world.kinds() == ["provider.unfunded"]
    world.look()
    assert world.kinds() == ["provider.unfunded", "provider.funded"]
    world.look()
    assert len(world.told()) == 2


def test_a_shortage_that_returns_between_two_looks_is_the_same(world: World) -> None:
    world.pay("150")
    world.look()
    for amount in ("150", "100", "150", "100"):
        world.account.available["USD"] = amount
        world.look()
    assert world.kinds() == ["provider.unfunded"]


def test_a_refused_batch_is_a_shortage_also_without_a_balance(world: World) -> None:
    world.account.error = NotSent("DOWN")

    def refuse(_: Batch) -> None:
        raise InsufficientFunds("NO_MONEY")

    world.provider.before = refuse
    batch = world.submit(world.pay("30"))
    assert batch.lacks_funds
    found = world.look()
    assert (found.available, found.as_of, found.pending) == (None, None, Decimal(30))
    assert world.told() == [
        ("provider.unfunded", FundsNotice("paypal", "USD", Decimal(30), None, None))
    ]
    world.provider.before = lambda _: None
    world.services.dispatcher.resume(batch)
    world.services.poller.follow(world.store.get_batch(batch.batch_id) or batch)
    world.look()
    world.look()
    assert world.kinds() == ["provider.unfunded", "provider.funded"]


def test_a_batch_of_unknown_outcome_is_pending_and_not_needed(world: World) -> None:
    """It may have left the balance already."""

    def drop(_: Batch) -> None:
        raise ConnectionError

    world.provider.after = drop
    assert world.submit(world.pay("150")).state is BatchState.FROZEN
    assert world.look().pending == Decimal(150)
    assert world.told() == []


def test_what_left_after_the_time_of_the_balance_is_still_needed(world: World) -> None:
    world.provider.status[EMAIL] = Status.SUBMITTED
    world.account.as_of = world.now - timedelta(hours=2)
    world.submit(world.pay("80"))
    world.pay("30")
    world.now += EVERY
    world.services.sweeper.look_at_funds()
    ((_, notice),) = world.told()
    assert (notice.needed, notice.available) == (Decimal(110), Decimal(100))


def test_a_parked_batch_stays_pending(world: World) -> None:
    batch = world.submit(world.pay("30"))
    parked = batch.changed(state=BatchState.PARKED, attention_at=None)
    assert world.store.change_batch(batch, parked)
    assert world.look().pending == Decimal(30)


def test_a_batch_of_an_earlier_version_makes_the_sum_incomplete(world: World) -> None:
    batch = world.submit(world.pay("30"))
    assert world.store.change_batch(batch, replace(batch.changed(), unsettled=None))
    found = world.look()
    assert (found.pending, found.pending_complete) == (Decimal(0), False)


def test_what_is_read_is_bounded_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funds_watch, "PAYMENTS_MAX", 1)  # a thousand payments take a while
    for _ in range(4):
        world.pay("60")
    found = world.look()
    assert found.pending in {Decimal(60), Decimal(120)}  # one of each shard that has any
    assert not found.pending_complete


def test_a_provider_is_asked_once_a_minute_by_one_process(world: World) -> None:
    other = a_process(world.store, world.clock, world.provider, worker=StillWorker()).sweeper.funds
    for _ in range(3):
        for watch in (world.services.sweeper.funds, other):
            if watch.is_due():
                watch.look(2)
    assert world.account.asked == 1
    world.now += EVERY
    other.look(2)
    world.services.sweeper.funds.look(2)
    assert world.account.asked == 2


def test_an_account_that_may_not_be_asked_is_asked_again_after_an_hour(world: World) -> None:
    world.account.error = NotPermitted("NOT_AUTHORIZED")
    asked = []
    for _ in range(62):
        world.look_at_all()
        world.now += EVERY
        asked.append(world.account.asked)
    assert asked[:60] == [1] * 60
    assert asked[-1] == 2


def test_a_provider_that_is_not_configured_is_not_asked(world: World) -> None:
    world.provider.configured = False
    assert world.look_at_all() == []
    assert world.account.asked == 0


def test_a_balance_that_cannot_be_read_stays_as_it_was_with_its_time(world: World) -> None:
    before = world.look()
    world.account.error = NotSent("DOWN")
    world.pay("30")
    after = world.look()
    assert (after.available, after.as_of) == (before.available, before.as_of)
    assert after.pending == Decimal(30)


def test_a_sweep_goes_on_where_the_store_fails_to_keep_balances(world: World) -> None:
    class Broken(MemoryStore):
        def get_state_entry(self, name: str) -> None:
            raise StoreUnavailable(name)

    process = a_process(Broken(), world.clock, world.provider, worker=StillWorker())
    process.sweeper.look_at_funds()


def test_currencies_in_which_nothing_can_be_paid_are_left_out(world: World) -> None:
    world.account.available["XTS"] = "5"
    world.look()
    assert {each.currency for each in world.services.balances.shown()} == {"USD"}
