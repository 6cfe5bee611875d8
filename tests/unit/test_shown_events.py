"""Events with the records that they are about, as those were then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.errors import NotFound
from paymentapp.models.actors import PAYEES, Actor
from paymentapp.models.events import Event
from paymentapp.models.holds import HoldScope, payment_value
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.settled import NOT_SETTLED, Settled
from paymentapp.services.customers import CustomerPatch
from paymentapp.services.events import READ_MAX, as_of
from paymentapp.services.payees import ShownPayment
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.records import a_payment, later, usd


def returned() -> Payment:
    """Return a payment that was sent twice, paid, returned and retried."""
    payment = a_payment()
    payment = payment.moved(Status.SUBMITTING, later(1), Cause.DISPATCH, "b1", batch_id="b1")
    payment = payment.moved(Status.PENDING, later(2), Cause.DISPATCH, "b1", batch_id=None)
    payment = payment.moved(Status.SUBMITTING, later(3), Cause.DISPATCH, "b2", batch_id="b2")
    payment = payment.moved(Status.SUBMITTED, later(4), Cause.DISPATCH, provider_item_id="i1")
    payment = payment.moved(Status.SUCCEEDED, later(5), Cause.POLL, transaction_id="t1")
    payment = payment.moved(Status.RETURNED, later(6), Cause.WEBHOOK, reason="closed")
    return payment.changed(retried_by="later")


@pytest.mark.parametrize(
    ("line", "status", "batch", "item", "transaction"),
    [
        (0, Status.PENDING, None, None, None),
        (1, Status.SUBMITTING, "b1", None, None),
        (2, Status.PENDING, None, None, None),
        (3, Status.SUBMITTING, "b2", None, None),
        (4, Status.SUBMITTED, "b2", "i1", None),
        (5, Status.SUCCEEDED, "b2", "i1", "t1"),
    ],
)
def test_a_payment_is_shown_as_it_was_after_each_line_of_its_history(
    line: int, status: Status, batch: str | None, item: str | None, transaction: str | None
) -> None:
    then = as_of(returned(), line)
    assert (then.status, then.updated_at) == (status, later(line))
    assert len(then.history) == line + 1
    assert (then.batch_id, then.provider_item_id, then.transaction_id) == (batch, item, transaction)
    assert (then.reason, then.retried_by) == (None, None)


def test_what_settling_brought_is_shown_from_the_line_on_that_brought_it() -> None:
    settled = Settled(later(5), usd("0.25"), line=5)
    payment = returned().changed(settled=settled)
    assert [as_of(payment, line).settled for line in range(7)] == [
        *[NOT_SETTLED] * 5,
        settled,
        settled,
    ]


def test_after_its_last_line_it_is_shown_as_it_is() -> None:
    payment = returned()
    assert as_of(payment, 6) is payment


@dataclass
class World:
    """A service with a payment method that has details, and Ada."""

    store: MemoryStore = field(default_factory=MemoryStore)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        providers = {"paypal": ledger("paypal"), "wire": ledger("wire", WirePayees())}
        self.services = build_services(
            Settings(), store=self.store, providers=providers, clock=self.clock
        )
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self) -> None:
        order = PaymentOrder("ada", "ada@example.com", usd("5"), "paypal")
        self.services.payments.request(order)

    def put_account(self) -> None:
        self.services.methods.put("ada", "wire", {"account": "12345678"}, default=None)


def test_a_change_of_who_is_paid_shows_the_details_masked() -> None:
    world = World()
    world.put_account()
    (event,) = world.services.events.page(None, 10).events
    assert event.type == "customer.payee_changed"
    assert event.data == world.services.history.page("ada", 1).entries[0]
    assert "12345678" not in str(event)


def test_a_change_that_is_not_on_record_any_more_has_no_data() -> None:
    world = World()
    world.put_account()
    world.store._history.clear()
    (event,) = world.services.events.page(None, 10).events
    assert event.data is None


def test_what_did_not_happen_is_left_out_where_the_list_has_it() -> None:
    """DynamoDB checks no entry that was stored behind the end of the list."""
    world = World()
    world.pay()
    (shown,) = world.services.events.page(None, 10).events
    assert isinstance(shown.data, ShownPayment)
    key, now = shown.data.payment.key, world.now + timedelta(seconds=1)
    hold = world.services.holds.place(HoldScope.PAYMENT, payment_value(key), "").hold
    for false in (
        Event("payment.pending", now, key),
        Event("payment.pending", now, ("ada", "nothing")),
        Event("payment.submitting", now, key, 1),
        Event("hold.placed", now, ("h0", hold.target)),
        Event("hold.released", now, (hold.hold_id, hold.target)),
    ):
        world.store.add_event(false)
    assert len(world.store.list_events(None, 10).events) == 7
    page = world.services.events.page(None, 10)
    assert [each.type for each in page.events] == ["payment.pending", "hold.placed"]
    false_id = world.store.list_events(None, 10).events[-1].event_id
    assert page.last_read == false_id
    with pytest.raises(NotFound, match="did not happen"):
        world.services.events.get(false_id)


def test_a_request_for_one_type_reads_a_bounded_number() -> None:
    world = World()
    for _ in range(READ_MAX + 5):
        world.pay()
    before = len(world.store.calls)
    page = world.services.events.page(None, 10, "payment.failed")
    assert page.events == []
    assert world.store.calls[before:].count("list_events") == READ_MAX / 100
    rest = world.services.events.page(page.last_read, 10, "payment.pending")
    assert len(rest.events) == 5


def test_a_changed_address_is_a_change_of_who_is_paid() -> None:
    world = World()
    boss = Actor("boss", frozenset({"boss"}), frozenset({PAYEES}))
    world.services.customers.change("ada", CustomerPatch(email="ada@example.org"), by=boss)
    (event,) = world.services.events.page(None, 10).events
    assert event.type == "customer.payee_changed"


def test_without_a_type_a_request_reads_one_page() -> None:
    """A store may look into many partitions for it, and finds no event in most of them."""
    world = World()
    world.pay()
    before = len(world.store.calls)
    page = world.services.events.page(None, 10)
    assert (len(page.events), page.last_read) == (1, page.events[0].event_id)
    assert world.store.calls[before:].count("list_events") == 1
