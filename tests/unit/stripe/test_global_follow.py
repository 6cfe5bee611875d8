"""Outbound payments after they were sent: polls, thin events, cancellation, search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stripe as library

from paymentapp.errors import Conflict, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.models.settled import Exchange
from paymentapp.services.cancellations import may_recall
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.global_backend import PERSON, GlobalBackend, global_backend
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import FakeClock
from tests.support.processes import StillWorker, a_process
from tests.support.stripe_backend import KEY, WEBHOOK_SECRET, stripe_at
from tests.unit.stripe.support import a_payment, taken

KIND = "v2.money_management.outbound_payment"


@pytest.fixture
def backend() -> Iterator[GlobalBackend]:
    with global_backend(failure_delay=10) as made:
        yield made


def sent(backend: GlobalBackend, payee: str, **given: str) -> Batch:
    batch, members = a_payment(backend.clock(), payee, **given)
    return taken(backend.stripe, batch, members, backend.clock())


# --- polls


def test_a_payment_that_was_posted_has_its_time_and_its_fee(backend: GlobalBackend) -> None:
    batch = sent(backend, backend.succeeds())
    [before] = backend.stripe.fetch(batch)
    assert (before.status, before.raw_status) == (Status.SUBMITTED, "processing")
    began = backend.clock()
    backend.settle()
    [report] = backend.stripe.fetch(batch)
    assert (report.status, report.raw_status, report.reason) == (Status.SUCCEEDED, "posted", None)
    assert report.settled.at == began + timedelta(seconds=2)
    assert report.settled.fee == Money(Decimal("0.50"), "USD")
    assert report.settled.exchange is None


def test_a_payment_in_another_currency_keeps_what_it_was_converted_from(
    backend: GlobalBackend,
) -> None:
    other = backend.again(financial_currency="EUR")
    batch, members = a_payment(backend.clock(), backend.succeeds())
    batch = taken(other, batch, members, backend.clock())
    backend.settle()
    [report] = other.fetch(batch)
    source, target = Money(Decimal("10.00"), "EUR"), Money(Decimal("12.50"), "USD")
    assert report.settled.exchange == Exchange(source, target)
    assert report.money == target


def test_a_fee_that_cannot_be_read_is_left_out(backend: GlobalBackend) -> None:
    batch = sent(backend, backend.succeeds())
    backend.settle()
    backend.change(faults_on=["list"], error_before=1.0)
    [report] = backend.stripe.fetch(batch)
    assert (report.status, report.settled.fee) == (Status.SUCCEEDED, None)
    assert report.settled.at is not None


def test_a_payment_that_failed_says_why(backend: GlobalBackend) -> None:
    batch = sent(backend, backend.payee("FAILS04000001"))
    backend.settle()
    [report] = backend.stripe.fetch(batch)
    assert report.status is Status.FAILED
    assert report.reason == "payout_method_expired: the payout method has expired"


def test_a_payment_that_came_back_says_why(backend: GlobalBackend) -> None:
    batch = sent(backend, backend.payee("BACK01000001"))
    backend.settle()
    [report] = backend.stripe.fetch(batch)
    assert report.status is Status.SUCCEEDED
    backend.clock.pass_by(seconds=10)
    [report] = backend.stripe.fetch(batch)
    assert report.status is Status.RETURNED
    assert report.reason == "payout_method_closed: the account was closed"


def test_a_review_is_shown(backend: GlobalBackend) -> None:
    [report] = backend.stripe.fetch(sent(backend, backend.payee("REVIEW000001")))
    assert (report.status, report.raw_status) == (Status.SUBMITTED, "under_review")


def test_a_payment_of_another_batch_is_no_report(backend: GlobalBackend) -> None:
    first, second = (sent(backend, backend.succeeds()) for _ in range(2))
    with pytest.raises(NotSent):
        backend.stripe.fetch(first.changed(reference=second.reference))


# --- cancellation


def test_a_payment_under_review_cannot_be_cancelled(backend: GlobalBackend) -> None:
    batch = sent(backend, backend.payee("REVIEW000001"))
    assert backend.stripe.cancel(batch.reference or "").status is Status.SUBMITTED


def test_a_cancellation_that_comes_too_late_reports_what_became_of_the_payment(
    backend: GlobalBackend,
) -> None:
    batch = sent(backend, backend.succeeds())
    api: Any = backend.stripe._global._api  # type: ignore[union-attr]
    stale = api.payment(batch.reference)
    backend.settle()
    assert api.cancel_payment(stale).type == "not_cancelable"
    assert backend.stripe.cancel(batch.reference or "").status is Status.SUCCEEDED


def test_a_cancellation_is_repeated_after_a_lost_answer(backend: GlobalBackend) -> None:
    batch = sent(backend, backend.waits())
    backend.lose_answers(acting=True)
    with pytest.raises(OutcomeUnknown):
        backend.stripe.cancel(batch.reference or "")
    backend.recover()
    assert backend.stripe.cancel(batch.reference or "").status is Status.CANCELLED


# --- search


def test_outbound_payments_are_found_by_reconciliation(backend: GlobalBackend) -> None:
    batch, (member,) = a_payment(backend.clock(), backend.succeeds())
    batch = taken(backend.stripe, batch, [member], backend.clock())
    search = backend.stripe.transaction_search
    start = backend.clock() - timedelta(hours=1)
    [found] = search.transactions(start, backend.clock() + timedelta(hours=1))
    assert (found.transaction_id, found.item_id) == (batch.reference, member.item_id)
    assert found.money == member.money
    assert list(search.transactions(start - timedelta(days=1), start)) == []
    assert search.batch_id_of(batch.reference or "") == batch.batch_id
    assert search.batch_id_of("obp_nothing") is None


def test_every_page_is_read(backend: GlobalBackend) -> None:
    for _ in range(3):
        sent(backend, backend.succeeds())
    search: Any = backend.stripe.transaction_search
    for _ in range(99):
        backend.stripe.submit(*a_payment(backend.clock(), "acct_made1/usba_simok1"))
    whole = search.transactions(backend.clock() - timedelta(hours=1), backend.clock())
    assert len({each.transaction_id for each in whole}) == 102


# --- a whole service


class World:
    """A service that has sent one payment to a recipient."""

    def __init__(self, backend: GlobalBackend, number: str) -> None:
        self.backend = backend
        self.clock = backend.clock
        self.store = MemoryStore()
        worker = StillWorker()
        self.services = a_process(self.store, self.clock, backend.stripe, worker=worker)
        self.heard = worker.heard
        self.services.customers.register("ann", "ann@example.com", {})
        self.services.methods.put("ann", "stripe", PERSON | {"account_number": number}, None)
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal("12.50"), "USD"), "stripe")
        self.key = self.services.payments.request(order).payment.key
        assert self.services.dispatcher.submit([self.payment]) is not None

    @property
    def payment(self) -> Payment:
        payment = self.store.get_payment(self.key)
        assert payment is not None
        return payment

    @property
    def batch(self) -> Batch:
        batch = self.store.get_batch(self.payment.batch_id or "")
        assert batch is not None
        return batch

    def look(self) -> None:
        """Poll the batch, as the sweep does."""
        self.services.poller.follow(self.batch)

    def recall(self) -> None:
        """Ask the provider, as the sweep does."""
        assert self.payment.is_to_be_taken_back
        self.services.poller.cancel_unclaimed(self.payment)

    def deliver(self, what: str, payment_id: str | None = None) -> ProviderEvent:
        """Receive and apply an event as Stripe signs it."""
        found = self.backend.app.test_client().get("/_simulator/stripe/events").get_json()["items"]
        [event] = [each for each in found if each["type"] == f"{KIND}.{what}"]
        if payment_id is not None:
            event["related_object"]["id"] = payment_id
        body = json.dumps(event)
        moment = int(self.clock().timestamp())
        header = library.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET, moment)
        self.services.webhooks.receive("stripe", {"stripe-signature": header}, body.encode())
        self.services.inbox.apply(self.heard[-1])
        return self.store.add_provider_event(self.heard[-1])


def test_a_thin_event_is_looked_up_and_applied(backend: GlobalBackend) -> None:
    world = World(backend, "000123456789")
    backend.settle()
    assert world.deliver("posted").state is ProviderEventState.APPLIED
    payment = world.payment
    assert (payment.status, payment.provider_status) == (Status.SUCCEEDED, "posted")
    assert payment.history[-1].cause is Cause.WEBHOOK
    assert payment.settled.fee == Money(Decimal("0.50"), "USD")


def test_an_event_about_money_that_came_back_is_confirmed_after_the_batch_was_closed(
    backend: GlobalBackend,
) -> None:
    world = World(backend, "BACK01000001")
    backend.settle()
    world.look()
    assert (world.payment.status, world.batch.state) == (Status.SUCCEEDED, BatchState.CLOSED)
    backend.clock.pass_by(seconds=10)
    assert world.deliver("returned").state is ProviderEventState.APPLIED
    assert world.payment.status is Status.RETURNED
    assert (world.payment.reason or "").startswith("payout_method_closed")


def test_an_event_waits_where_stripe_does_not_answer(backend: GlobalBackend) -> None:
    world = World(backend, "000123456789")
    backend.settle()
    backend.change(faults_on=["read"], error_before=1.0)
    assert world.deliver("posted").state is ProviderEventState.WAITING
    backend.recover()
    world.services.inbox.apply(world.store.add_provider_event(world.heard[-1]))
    assert world.payment.status is Status.SUCCEEDED


def test_an_event_about_what_is_not_ours_is_ignored(backend: GlobalBackend) -> None:
    world = World(backend, "000123456789")
    assert world.deliver("created", "obp_nothing").state is ProviderEventState.IGNORED


def test_an_event_without_an_id_is_set_aside(backend: GlobalBackend) -> None:
    world = World(backend, "000123456789")
    assert world.deliver("created", "tr_1").state is ProviderEventState.SET_ASIDE


def test_without_a_financial_account_thin_events_are_ignored(backend: GlobalBackend) -> None:
    plain = stripe_at(backend.url, FakeClock())
    body = json.dumps({"id": "evt_1", "type": f"{KIND}.posted", "livemode": False})
    assert plain.webhooks is not None
    assert plain.webhooks.parse_webhook(body.encode()).look_up is None


def test_a_payment_that_is_being_processed_is_recalled(backend: GlobalBackend) -> None:
    world = World(backend, "STUCK0000001")
    with pytest.raises(Conflict):  # until a report has named what can be cancelled
        world.services.payments.cancel(world.key)
    world.look()
    assert may_recall({"stripe": backend.stripe}, world.payment)
    asked = world.services.payments.cancel(world.key)
    assert (asked.status, asked.cancel_requested) == (Status.SUBMITTED, True)
    assert asked.due_at is not None
    world.recall()
    assert world.payment.status is Status.CANCELLED
    world.look()
    assert (world.payment.status, world.batch.state) == (Status.CANCELLED, BatchState.CLOSED)


def test_a_recall_that_comes_too_late_leaves_the_payment_paid(backend: GlobalBackend) -> None:
    world = World(backend, "000123456789")
    world.look()
    world.services.payments.cancel(world.key)
    backend.settle()
    world.recall()
    assert world.payment.status is Status.SUCCEEDED
    assert world.payment.due_at is None


def test_transfers_cannot_be_recalled(backend: GlobalBackend) -> None:
    world = World(backend, "STUCK0000001")
    world.look()
    plain = stripe_at(backend.url, FakeClock(), secret_key=KEY)
    assert plain.recall is None
    assert not may_recall({"stripe": plain}, world.payment)


def test_nothing_of_the_account_is_stored_in_plain(backend: GlobalBackend) -> None:
    world = World(backend, "000123456789")
    entries = backend.state.entries if hasattr(backend.state, "entries") else {}
    told = f"{world.payment.destination} {[each.text for each in entries.values()]}"
    assert "000123456789" not in told
    assert world.services.methods.get("ann", "stripe").details["account_number"] == "6789"
