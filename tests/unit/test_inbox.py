"""What an event does to a payment, and what it must not: in any order, any number of times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, permutations
from typing import Any

import pytest

from paymentapp.bootstrap import Services
from paymentapp.errors import (
    CannotVerify,
    NotFound,
    NotGenuine,
    NotSent,
    OutcomeUnknown,
    StoreUnavailable,
)
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.providers.updates import ItemReport, WebhookNews
from paymentapp.services.inbound.inbox import UNCONFIRMED
from paymentapp.services.inbound.webhooks import GRACE
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import ledger
from tests.support.processes import StillWorker, a_process
from tests.support.scripted_webhooks import ScriptedWebhooks

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World:
    """A service with a fixed clock and one submitted payment to Ann."""

    def __init__(self) -> None:
        self.now = START
        self.store = MemoryStore()
        self.provider = LedgerProvider()
        self.webhooks = ScriptedWebhooks()
        self.provider.webhooks = self.webhooks
        self.provider.status["ann@example.com"] = Status.SUBMITTED
        self.worker = StillWorker()
        self.heard = self.worker.heard
        services = self.another()
        self.dispatcher = services.dispatcher
        self.poller = services.poller
        self.inbox = services.inbox
        self.receiver = services.webhooks
        services.customers.register("ann", "ann@example.com", {})
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal("12.50"), "USD"), "paypal")
        self.key = services.payments.request(order).payment.key
        self._ids = count()

    def another(self) -> Services:
        """Build another process."""
        return a_process(self.store, self.clock, self.provider, worker=self.worker, due_shards=2)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    @property
    def payment(self) -> Payment:
        payment = self.store.get_payment(self.key)
        assert payment is not None
        return payment

    def says(self) -> Status:
        """Return the payment's status; a call, so that mypy expects it to change."""
        return self.payment.status

    @property
    def batch(self) -> Batch:
        batch = self.store.get_batch(self.payment.batch_id or "")
        assert batch is not None
        return batch

    def send(self) -> Batch:
        """Send the payment in a batch."""
        batch = self.dispatcher.submit([self.payment])
        assert batch is not None
        return batch

    def report(self, status: Status | None, **changes: Any) -> ItemReport:
        """Make a report of the provider about the payment."""
        report = ItemReport(
            item_id=self.key.item_id,
            status=status,
            raw_status=status.value.upper() if status else "SOMETHING_NEW",
            provider_item_id="item-1",
            transaction_id="tx-1",
            money=Money(Decimal("12.5"), "USD"),
            receiver="ann@example.com",
        )
        return replace(report, **changes)

    def news(self, item: ItemReport | None, **changes: Any) -> WebhookNews:
        """Make an event about the batch that the payment is in, and about an item of it."""
        batch_id = self.payment.batch_id
        news = WebhookNews(
            f"WH-{next(self._ids)}", "ITEM", item, batch_id, batch_id and f"ref-{batch_id}"
        )
        return replace(news, **changes)

    def tell(self, news: WebhookNews) -> ProviderEvent:
        """Receive an event and apply it; return its new version."""
        self.receiver.receive("paypal", {}, self.webhooks.tells(news))
        return self.inbox.apply(self.heard[-1])

    def sweep(self, later: timedelta) -> None:
        """Sweep by another process."""
        self.now += later
        self.another().sweeper.run()
        self.now += timedelta(seconds=31)

    def event(self, event: ProviderEvent) -> ProviderEvent:
        """Return an event as it is stored."""
        return self.store.add_provider_event(event)


@pytest.fixture
def world() -> World:
    return World()


# Good news


def test_what_an_event_tells_is_what_the_payment_says(world: World) -> None:
    world.send()
    event = world.tell(world.news(world.report(Status.SUCCEEDED)))
    assert (event.state, event.attention_at) == (ProviderEventState.APPLIED, None)
    assert world.event(event) == event
    payment = world.payment
    assert payment.status is Status.SUCCEEDED
    assert payment.history[-1].cause is Cause.WEBHOOK
    assert (payment.provider_item_id, payment.transaction_id) == ("item-1", "tx-1")
    assert payment.provider_status == "SUCCEEDED"


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.UNCLAIMED])
def test_a_stop_on_the_way_is_told_too(world: World, status: Status) -> None:
    world.send()
    world.tell(world.news(world.report(status)))
    assert world.payment.status is status


def test_the_provider_may_write_an_address_its_own_way(world: World) -> None:
    world.send()
    world.tell(world.news(world.report(Status.SUCCEEDED, receiver="Ann@Example.com")))
    assert world.payment.status is Status.SUCCEEDED


def test_a_status_that_nobody_knows_changes_none(world: World) -> None:
    world.send()
    world.tell(world.news(world.report(Status.UNCLAIMED)))
    event = world.tell(world.news(world.report(None)))
    assert event.state is ProviderEventState.APPLIED
    assert (world.payment.status, world.payment.provider_status) == (
        Status.UNCLAIMED,
        "SOMETHING_NEW",
    )


ORDERS = list(permutations([Status.SUBMITTED, Status.UNCLAIMED, Status.SUCCEEDED]))


@pytest.mark.parametrize("order", ORDERS, ids=["-".join(order) for order in ORDERS])
def test_the_order_does_not_matter_and_neither_do_repetitions(
    world: World, order: tuple[Status, ...]
) -> None:
    world.send()
    for status in (*order, *order):
        world.tell(world.news(world.report(status)))
    assert world.payment.status is Status.SUCCEEDED
    assert len({move.status for move in world.payment.history}) == len(world.payment.history)


def test_an_event_that_is_applied_twice_is_applied_once(world: World) -> None:
    world.send()
    event = world.tell(world.news(world.report(Status.SUCCEEDED)))
    before = world.payment
    world.inbox.apply(world.heard[-1])
    world.inbox.apply(event)
    assert world.payment == before


# Before the answer


def lose_answer(world: World) -> Batch:
    """Send a batch whose answer is lost."""

    def lost(_batch: Batch) -> None:
        raise OutcomeUnknown("TIMEOUT")

    world.provider.after = lost
    batch = world.send()
    assert (batch.state, batch.reference) == (BatchState.FROZEN, None)
    world.provider.after = lambda _batch: None
    return batch


def test_an_event_may_come_before_the_answer(world: World) -> None:
    lose_answer(world)
    event = world.tell(world.news(world.report(Status.SUCCEEDED)))
    assert event.state is ProviderEventState.APPLIED
    assert world.payment.status is Status.SUCCEEDED
    world.sweep(timedelta(seconds=5))  # the same batch again, and a look at it
    world.sweep(timedelta(seconds=60))
    assert world.batch.state is BatchState.CLOSED
    assert len(world.provider.paid()) == 1
    assert [move.status for move in world.payment.history] == [
        Status.PENDING,
        Status.SUBMITTING,
        Status.SUCCEEDED,
    ]


def test_one_that_does_not_name_our_batch_waits_for_the_answer(world: World) -> None:
    lose_answer(world)
    event = world.tell(world.news(world.report(Status.SUCCEEDED), batch_id=None))
    assert event.state is ProviderEventState.WAITING
    assert event.note is not None
    assert world.says() is Status.SUBMITTING
    world.sweep(timedelta(seconds=5))  # finds the batch, and the event again
    world.sweep(timedelta(seconds=5))
    assert world.event(event).state is ProviderEventState.APPLIED
    assert world.payment.status is Status.SUCCEEDED
    assert world.payment.history[-1].cause is Cause.WEBHOOK


def test_it_is_tried_ever_more_rarely_and_never_given_up(world: World) -> None:
    batch = lose_answer(world)
    event = world.tell(world.news(world.report(Status.SUCCEEDED), batch_id=None))
    waits = []
    for _ in range(60):
        assert event.state is ProviderEventState.WAITING
        assert event.attention_at is not None
        waits.append(event.attention_at - world.now)
        world.now = event.attention_at
        event = world.inbox.apply(event)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=1), timedelta(hours=6))
    accepted = batch.changed(state=BatchState.ACCEPTED, reference=f"ref-{batch.batch_id}")
    assert world.store.change_batch(world.batch, accepted)
    assert world.inbox.apply(event).state is ProviderEventState.APPLIED


# Not ours


OTHERS: dict[str, Callable[[World], WebhookNews]] = {
    "an amount": lambda w: w.news(w.report(Status.SUCCEEDED, money=Money(Decimal("12.51"), "USD"))),
    "a currency": lambda w: w.news(
        w.report(Status.SUCCEEDED, money=Money(Decimal("12.50"), "EUR"))
    ),
    "no amount": lambda w: w.news(w.report(Status.SUCCEEDED, money=None)),
    "a recipient": lambda w: w.news(w.report(Status.SUCCEEDED, receiver="eve@example.com")),
    "no recipient": lambda w: w.news(w.report(Status.SUCCEEDED, receiver=None)),
    "our batch": lambda w: w.news(w.report(Status.SUCCEEDED), batch_id="another"),
    "the provider's batch": lambda w: w.news(
        w.report(Status.SUCCEEDED), batch_id=None, reference="another"
    ),
    "no batch": lambda w: w.news(w.report(Status.SUCCEEDED), batch_id=None, reference=None),
    "a payment": lambda w: w.news(w.report(Status.SUCCEEDED, item_id="1.ann")),
    "somebody's item": lambda w: w.news(w.report(Status.SUCCEEDED, item_id="order-17")),
    "a long item": lambda w: w.news(w.report(Status.SUCCEEDED, item_id=w.key.item_id + "x" * 60)),
    "a time that is none": lambda w: w.news(w.report(Status.SUCCEEDED, item_id="z" * 40 + ".a")),
    "a failure of another batch": lambda w: w.news(w.report(Status.FAILED), batch_id="another"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_an_event_that_is_not_about_our_payment_changes_nothing(
    world: World, other: Callable[[World], WebhookNews], caplog: pytest.LogCaptureFixture
) -> None:
    world.send()
    before = world.payment
    event = world.tell(other(world))
    assert (event.state, event.attention_at) == (ProviderEventState.SET_ASIDE, None)
    assert event.note
    assert world.payment == before
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert event.event_id in record.getMessage()
    assert "@" not in caplog.text


def test_a_payment_that_was_not_sent_cannot_have_succeeded(world: World) -> None:
    event = world.tell(world.news(world.report(Status.SUCCEEDED)))
    assert event.state is ProviderEventState.SET_ASIDE
    assert world.payment.status is Status.PENDING


def test_no_store_is_asked_for_what_can_be_no_item_of_ours(world: World) -> None:
    world.send()
    report = world.report(Status.SUCCEEDED, item_id="1." + "x" * 5000)
    world.receiver.receive("paypal", {}, world.webhooks.tells(world.news(report)))
    world.store.calls.clear()
    world.inbox.apply(world.heard[-1])
    assert world.store.calls == ["change_event"]


def test_another_providers_event_is_about_none_of_these(world: World) -> None:
    world.send()
    other = LedgerProvider()
    other.webhooks = world.webhooks
    world.dispatcher.providers = {"paypal": world.provider, "other": other}
    world.receiver.receive(
        "paypal", {}, world.webhooks.tells(world.news(world.report(Status.SUCCEEDED)))
    )
    event = world.inbox.apply(replace(world.heard[-1], provider="other"))
    assert world.payment.status is Status.SUBMITTING
    assert event.state is not ProviderEventState.APPLIED


# Bad news is the provider's to say


def test_a_failure_is_looked_up_and_has_its_reason(world: World) -> None:
    world.send()
    world.provider.status["ann@example.com"] = Status.FAILED
    event = world.tell(world.news(world.report(Status.FAILED)))
    assert event.state is ProviderEventState.APPLIED
    assert (world.payment.status, world.payment.reason) == (Status.FAILED, "NO_LUCK")


@pytest.mark.parametrize("status", [Status.FAILED, Status.RETURNED, Status.CANCELLED])
@pytest.mark.parametrize("truth", [Status.SUBMITTED, Status.SUCCEEDED, None])
def test_an_event_alone_never_says_that_the_money_is_back(
    world: World, status: Status, truth: Status | None
) -> None:
    world.send()
    world.provider.status["ann@example.com"] = truth
    event = world.tell(world.news(world.report(status)))
    assert event.state is ProviderEventState.WAITING
    assert world.payment.status is (truth or Status.SUBMITTED)
    world.now += UNCONFIRMED
    assert world.inbox.apply(event).state is ProviderEventState.SET_ASIDE
    assert world.payment.status is (truth or Status.SUBMITTED)


def test_what_cannot_be_looked_up_now_is_looked_up_later(world: World) -> None:
    world.send()
    world.provider.status["ann@example.com"] = Status.FAILED
    world.provider.can_fetch = False
    event = world.tell(world.news(world.report(Status.FAILED)))
    assert event.state is ProviderEventState.WAITING
    world.provider.can_fetch = True
    world.sweep(timedelta(seconds=10))
    assert world.payment.status is Status.FAILED
    world.sweep(timedelta(seconds=10))
    assert world.event(event).state is ProviderEventState.APPLIED


def test_what_nobody_could_look_up_is_never_given_up(world: World) -> None:
    """Keep it: a day without an answer proves nothing, and the money may be back all the same."""
    world.send()
    world.provider.can_fetch = False
    event = world.tell(world.news(world.report(Status.FAILED)))
    world.now += UNCONFIRMED
    world.sweep(timedelta(hours=12))
    assert world.event(event).state is ProviderEventState.WAITING
    world.provider.status["ann@example.com"] = Status.FAILED
    world.provider.can_fetch = True
    world.sweep(timedelta(hours=12))
    world.sweep(timedelta(hours=12))
    assert world.payment.status is Status.FAILED
    assert world.event(event).state is ProviderEventState.APPLIED


def test_a_failure_before_the_answer_waits_for_it(world: World) -> None:
    lose_answer(world)
    world.provider.status["ann@example.com"] = Status.FAILED
    event = world.tell(world.news(world.report(Status.FAILED)))
    assert event.state is ProviderEventState.WAITING
    assert world.says() is Status.SUBMITTING
    for _ in range(3):
        world.sweep(timedelta(seconds=60))
    assert world.payment.status is Status.FAILED
    assert world.event(event).state is ProviderEventState.APPLIED


def test_money_comes_back_after_the_batch_is_closed(world: World) -> None:
    world.provider.status["ann@example.com"] = Status.SUCCEEDED
    world.poller.follow(world.send())
    assert (world.batch.state, world.payment.status) == (BatchState.CLOSED, Status.SUCCEEDED)
    world.now += timedelta(days=20)
    world.provider.status["ann@example.com"] = Status.RETURNED
    event = world.tell(world.news(world.report(Status.RETURNED)))
    assert event.state is ProviderEventState.APPLIED
    assert world.payment.status is Status.RETURNED
    late = world.tell(world.news(world.report(Status.SUCCEEDED)))  # told out of order
    assert late.state is ProviderEventState.APPLIED
    assert world.payment.status is Status.RETURNED
    assert world.batch.state is BatchState.CLOSED


# Batches


def test_news_of_a_batch_bring_the_next_look_forward(world: World) -> None:
    world.send()
    batch = world.batch
    assert batch.attention_at is not None
    assert batch.attention_at > world.now
    event = world.tell(world.news(None))
    assert event.state is ProviderEventState.APPLIED
    assert world.batch.attention_at is not None
    assert world.batch.attention_at <= world.now
    world.provider.status["ann@example.com"] = Status.SUCCEEDED
    world.sweep(timedelta(seconds=1))
    assert world.payment.status is Status.SUCCEEDED
    assert world.payment.history[-1].cause is Cause.POLL


def test_they_bring_a_second_try_forward(world: World) -> None:
    lose_answer(world)
    world.now += timedelta(milliseconds=10)
    world.tell(world.news(None))
    world.sweep(timedelta())
    assert world.batch.state is BatchState.ACCEPTED


def test_they_leave_a_first_try_alone(world: World) -> None:
    seen: list[Batch] = []

    def meanwhile(_batch: Batch) -> None:
        before = world.batch
        world.tell(world.news(None))
        seen.extend([before, world.batch])

    world.provider.before = meanwhile
    world.send()
    assert seen[0] == seen[1]


def test_they_do_not_wake_a_closed_batch(world: World) -> None:
    world.provider.status["ann@example.com"] = Status.SUCCEEDED
    closed = world.poller.follow(world.send())
    world.tell(world.news(None))
    assert world.batch == closed


def test_news_of_somebody_elses_batch_are_set_aside(world: World) -> None:
    world.send()
    event = world.tell(world.news(None, batch_id="somebody-elses"))
    assert event.state is ProviderEventState.SET_ASIDE


# Other news


def test_news_of_nothing_here_are_kept_and_ignored(world: World) -> None:
    event = world.tell(WebhookNews("WH-X", "PAYMENT.CAPTURE.COMPLETED"))
    assert event.state is ProviderEventState.IGNORED
    assert world.store.due_provider_events(event.attention_shard, world.now, 10) == []


def test_what_this_version_cannot_read_is_set_aside(world: World) -> None:
    world.receiver.receive("paypal", {}, world.webhooks.tells(WebhookNews("WH-X", "X")))
    world.webhooks.news.clear()
    assert world.inbox.apply(world.heard[-1]).state is ProviderEventState.SET_ASIDE


def test_an_event_waits_for_its_provider(world: World) -> None:
    world.receiver.receive("paypal", {}, world.webhooks.tells(WebhookNews("WH-X", "X")))
    world.provider.webhooks = None
    assert world.inbox.apply(world.heard[-1]).state is ProviderEventState.WAITING


# Receiving


def test_an_event_is_stored_and_told_once(world: World) -> None:
    world.send()
    body = world.webhooks.tells(world.news(world.report(Status.SUCCEEDED)))
    for _ in range(3):
        world.receiver.receive("paypal", {"a": "b"}, body)
    (event,) = world.heard
    assert event.body == body.decode()
    assert event.attention_at == event.received_at + GRACE
    world.inbox.apply(event)
    before = world.payment
    world.receiver.receive("paypal", {}, body)
    assert len(world.heard) == 1
    assert world.payment == before
    assert world.event(event).state is ProviderEventState.APPLIED


def test_what_nobody_applied_at_once_is_swept(world: World) -> None:
    world.send()
    body = world.webhooks.tells(world.news(world.report(Status.SUCCEEDED)))
    world.receiver.receive("paypal", {}, body)  # and then the process died
    world.sweep(GRACE - timedelta(seconds=1))
    assert world.event(world.heard[0]).state is ProviderEventState.WAITING
    world.sweep(timedelta(seconds=1))
    assert world.payment.status is Status.SUCCEEDED


def test_a_forged_event_leaves_no_trace(world: World) -> None:
    world.webhooks.problem = NotGenuine("the signature is wrong")
    body = world.webhooks.tells(world.news(None))
    world.store.calls.clear()
    with pytest.raises(NotGenuine):
        world.receiver.receive("paypal", {}, body)
    assert (world.heard, world.store.calls) == ([], [])


def test_what_cannot_be_checked_now_is_to_come_again(world: World) -> None:
    world.webhooks.problem = NotSent("NOT_CONNECTED")
    body = world.webhooks.tells(world.news(None))
    world.store.calls.clear()
    with pytest.raises(CannotVerify):
        world.receiver.receive("paypal", {}, body)
    assert (world.heard, world.store.calls) == ([], [])


@pytest.mark.parametrize("name", ["stripe", "", "PAYPAL", "../paypal"])
def test_of_other_providers_nothing_is_expected(world: World, name: str) -> None:
    with pytest.raises(NotFound):
        world.receiver.receive(name, {}, b"")


def test_without_webhooks_nothing_is_expected_and_nothing_searched(world: World) -> None:
    world.provider.webhooks = None
    with pytest.raises(NotFound):
        world.receiver.receive("paypal", {}, b"")
    quiet = world.another().inbox
    assert quiet.due(0, world.now) == []
    assert "due_events" not in world.store.calls


def test_an_inbox_that_cannot_be_read_holds_up_no_payment(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        raise StoreUnavailable(f"for the test: {shard} {until} {limit}")

    world.store.due_provider_events = fail
    world.provider.status["ann@example.com"] = Status.SUCCEEDED
    world.sweep(timedelta(seconds=2))
    assert len(world.provider.paid()) == 1
    assert "inbox not read" in caplog.text


def test_events_are_looked_for_where_one_of_the_providers_sends_any(world: World) -> None:
    world.receiver.receive("paypal", {}, world.webhooks.tells(WebhookNews("WH-X", "X")))
    (event,) = world.heard
    process = a_process(world.store, world.clock, world.provider, ledger("gift"), due_shards=2)
    assert process.inbox.due(event.attention_shard, START + timedelta(minutes=1)) == [event]
