"""Admission: payments are accepted within the limits, and counted once, whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.bootstrap import build_services
from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.errors import NotAllowed, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import LimitExceeded, LimitRule
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import Acceptance, PaymentChange
from tests.contract.test_store_races import at_once
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.records import a_payment, later, usd

PAYROLL = Actor("payroll", frozenset({"payroll"}), frozenset())
BOSS = Actor("boss", frozenset({"boss"}), frozenset())
ORDER = PaymentOrder("ada", "ada@example.com", usd("10"), None)


class CrashingStore(MemoryStore):
    """A store of which the next acceptance ends after the record of the key."""

    crash = False

    def _put_payment(self, payment: Payment) -> Payment:
        crash, self.crash = self.crash, False
        if crash:
            raise StoreUnavailable("a crash")
        return super()._put_payment(payment)


@dataclass
class World:
    """A service with limits, and Ada."""

    limits: str = "customer USD 25/day"
    hours: int = 0
    approvals: str = ""
    hold_hours: int = 0
    store: CrashingStore = field(default_factory=CrashingStore)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.services = build_services(
            Settings(
                limits=self.limits,
                duplicate_hours=self.hours,
                approvals=self.approvals,
                payee_change_hold_hours=self.hold_hours,
            ),
            store=self.store,
            providers={"paypal": LedgerProvider()},
            clock=self.clock,
        )
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, key: str | None = None, order: PaymentOrder = ORDER) -> Payment:
        return self.services.payments.request(order, key, PAYROLL).payment

    def fail(self, payment: Payment) -> None:
        sent = payment.moved(Status.SUBMITTING, self.now, Cause.DISPATCH, due_at=None)
        failed = sent.moved(Status.FAILED, self.now, Cause.POLL, reason="no")
        assert self.store.change_payments([PaymentChange(payment, failed)]) == [True]

    @property
    def used(self) -> Decimal | None:
        return self.services.limit_use.show("payroll", "ada")[0].used


def test_a_payment_keeps_what_it_counts_against() -> None:
    world = World("all USD 100/day; customer USD 25/24h")
    paid = world.pay()
    assert paid.charges == ("all//USD/day 2026-03-01", "customer/ada/USD/24h 01969296")
    assert world.store.get_payment(paid.key) == paid


def test_without_a_rule_nothing_is_counted_or_looked_up() -> None:
    world = World("")
    before = len(world.store.calls)
    assert world.pay("k1").charges == ()
    assert world.store.calls[before:] == ["read_for_payment", "accept"]


def test_many_requests_at_the_edge_never_go_over() -> None:
    world = World()

    def attempt(number: int) -> bool:
        try:
            return bool(world.pay(f"k{number}"))
        except LimitExceeded:
            return False

    assert sum(at_once(attempt, range(32))) == 2
    assert world.used == 20


def test_a_crash_before_the_payment_counts_nothing_and_the_retry_counts_it() -> None:
    world = World()
    world.store.crash = True
    with pytest.raises(StoreUnavailable, match="a crash"):
        world.pay("k1")
    assert world.used == 0
    assert world.pay("k1") == world.pay("k1")
    assert world.used == 10


def test_nobody_is_refused_while_a_request_with_the_key_may_be_accepted() -> None:
    world = World()
    world.store.crash = True
    with pytest.raises(StoreUnavailable, match="a crash"):
        world.pay("k1")
    world.pay(order=ORDER._replace(money=usd("20")))
    with pytest.raises(StoreUnavailable, match="in progress"):
        world.pay("k1")
    world.now += timedelta(minutes=2)
    with pytest.raises(LimitExceeded):
        world.pay("k1")
    world.now += timedelta(days=1)
    assert world.pay("k1").money == ORDER.money


def test_a_retry_of_a_failed_payment_counts_like_any_other() -> None:
    world = World()
    first = world.pay()
    world.fail(first)
    assert world.used == 0
    again = world.services.retries.retry(first.key, by=PAYROLL)
    assert again.payment.retry_of == first.payment_id
    assert world.used == 10


def test_a_retry_above_the_limit_can_be_made_the_next_day() -> None:
    world = World()
    first = world.pay()
    world.fail(first)
    world.pay(order=ORDER._replace(money=usd("20")))
    with pytest.raises(LimitExceeded):
        world.services.retries.retry(first.key, by=PAYROLL)
    assert world.services.payments.get(first.key).retried_by is None
    world.now += timedelta(days=1)
    retry = world.services.retries.retry(first.key, by=PAYROLL).payment
    assert (retry.retry_of, retry.created_at.day) == (first.payment_id, 2)


def test_a_retry_is_no_duplicate_of_what_failed() -> None:
    world = World("", hours=1)
    first = world.pay()
    world.fail(first)
    retry = world.services.retries.retry(first.key, by=PAYROLL).payment
    with pytest.raises(PossibleDuplicate) as error:
        world.pay()
    assert error.value.key == retry.key


def test_a_scheduled_payment_is_counted_in_the_window_in_which_it_leaves() -> None:
    world = World("all USD 25/24h")
    leaves = world.now + timedelta(hours=30)
    world.pay(order=ORDER._replace(money=usd("20"), scheduled_at=leaves))
    world.pay(order=ORDER._replace(money=usd("20")))
    with pytest.raises(LimitExceeded):
        world.pay(order=ORDER._replace(scheduled_at=leaves - timedelta(hours=10)))


@pytest.mark.parametrize("rule", ["customer USD 10/day", "customer USD 10/month"])
def test_a_payment_that_is_scheduled_for_midnight_counts_on_the_new_day(rule: str) -> None:
    world = World(rule, now=datetime(2026, 3, 31, 23, 59, 50, tzinfo=UTC))
    midnight = datetime(2026, 4, 1, tzinfo=UTC)
    world.pay(order=ORDER._replace(scheduled_at=midnight))
    world.pay(order=ORDER._replace(scheduled_at=midnight - timedelta(microseconds=1)))
    with pytest.raises(LimitExceeded):
        world.pay()
    world.now = midnight
    with pytest.raises(LimitExceeded):
        world.pay()


def test_a_scheduled_payment_that_is_cancelled_gives_its_day_back() -> None:
    world = World()
    order = ORDER._replace(money=usd("25"), scheduled_at=world.now + timedelta(days=40))
    cancelled = world.services.payments.cancel(world.pay(order=order).key, PAYROLL)
    assert cancelled.charges == ("customer/ada/USD/day 2026-04-10",)
    assert world.pay(order=order)
    with pytest.raises(LimitExceeded):
        world.pay(order=order)


def test_a_payment_that_is_held_after_a_change_counts_when_it_is_accepted() -> None:
    """The caller's limit does not depend on when a hold, or a bank's window, lets it leave."""
    world = World(hold_hours=48)
    held = world.pay()
    assert held.due_at is not None
    assert held.due_at > world.now + timedelta(hours=47)
    assert held.charges == ("customer/ada/USD/day 2026-03-01",)


def test_what_a_payment_counts_against_does_not_change() -> None:
    paid = World().pay()
    with pytest.raises(ValueError, match="counts against must not change"):
        PaymentChange(paid, replace(paid, charges=()))


# Rules that ask


class Desk:
    """Marks payments as ones that need approval, as `Admission.accept` has it done."""

    def __init__(self, world: World) -> None:
        self.admission = world.services.payments.admission
        self.asked: list[str] = []

    def ask(self, payment: Payment, rule: LimitRule) -> Payment:
        self.asked.append(str(rule))
        return replace(payment, reason="asked")

    def accept(self, amount: str, number: int = 0) -> Payment | None:
        payment = a_payment(money=usd(amount), payment_id=to_text(later(number)))
        return self.admission.accept(Acceptance(payment), ask=self.ask).payment


def test_above_a_rule_that_asks_a_payment_needs_approval_and_counts() -> None:
    world = World("customer USD 25/day; customer USD 15/day ask; payment USD 5 ask")
    desk = Desk(world)
    first, second = desk.accept("5"), desk.accept("11", 1)
    assert [first and first.reason, second and second.reason] == [None, "asked"]
    assert desk.asked == ["payment USD 5 ask", "customer USD 15/day ask"]
    assert world.used == 16
    with pytest.raises(LimitExceeded, match="customer USD 25/day; 9 USD is left"):
        desk.accept("9.01", 2)


def test_a_payment_above_a_rule_that_asks_awaits_one_approval() -> None:
    world = World("customer USD 25/day ask")
    world.pay(order=ORDER._replace(money=usd("25")))
    payment = world.pay()
    assert payment.status is Status.AWAITING_APPROVAL
    assert [line.reference for line in payment.history] == ["customer USD 25/day ask"]
    with pytest.raises(NotAllowed):
        world.services.approvals.approve(payment.key, PAYROLL)
    approved = world.services.approvals.approve(payment.key, BOSS)
    assert (approved.status, world.used) == (Status.PENDING, Decimal(35))


def test_a_rejected_payment_gives_its_amount_back() -> None:
    world = World("customer USD 25/day; payment USD 5 ask")
    payment = world.pay()
    assert world.used == 10
    world.services.approvals.reject(payment.key, BOSS, "nobody knows it")
    assert world.used == 0


def test_an_approval_rule_with_more_approvers_is_not_replaced_by_a_limit_that_asks() -> None:
    world = World("payment USD 5 ask", approvals="USD 10..: 2")
    approval = world.pay().approval
    assert approval is not None
    assert (approval.rule, approval.approvers) == ("USD 10..: 2", 2)


def test_a_rule_that_asks_is_no_way_around_one_that_refuses() -> None:
    desk = Desk(World("payment USD 20; payment USD 5 ask; all USD 100/day ask"))
    with pytest.raises(LimitExceeded, match="payment USD 20;"):
        desk.accept("21")
    assert desk.asked == []
