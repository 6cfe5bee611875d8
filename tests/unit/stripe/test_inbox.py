"""Stripe's events through the real receiver, inbox and dispatcher, in any order."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stripe as library

from paymentapp.errors import NotGenuine
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process
from tests.support.stripe_backend import WEBHOOK_SECRET, StripeBackend, stripe_backend
from tests.unit.stripe.support import cancel, spend

ACCOUNT = "acct_simfailslaternoaccount01"  # its payouts are paid, and fail ten seconds later


class World:
    """A service that has sent one payment by Stripe, in a store that lives as long as a test."""

    def __init__(
        self, backend: StripeBackend, account: str = ACCOUNT, payout: str = "standard"
    ) -> None:
        self.backend = backend
        self.clock = backend.clock
        self.store = MemoryStore()
        worker = StillWorker()
        services = a_process(self.store, self.clock, backend.provider, worker=worker)
        self.heard = worker.heard
        self.dispatcher = services.dispatcher
        self.poller = services.poller
        self.inbox = services.inbox
        self.receiver = services.webhooks
        services.customers.register("ann", "ann@example.com", {})
        services.methods.put("ann", "stripe", {"account": account, "payout": payout}, None)
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal("12.50"), "USD"), "stripe")
        self.key = services.payments.request(order).payment.key
        assert self.dispatcher.submit([self.payment]) is not None

    @property
    def payment(self) -> Payment:
        payment = self.store.get_payment(self.key)
        assert payment is not None
        return payment

    def says(self) -> Status:
        """Return the payment's current status."""
        return self.payment.status

    @property
    def batch(self) -> Batch:
        batch = self.store.get_batch(self.payment.batch_id or "")
        assert batch is not None
        return batch

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the simulator's events of a kind so far, as they were made."""
        found = self.backend.app.test_client().get("/_simulator/stripe/events").get_json()["items"]
        return [event for event in found if event["type"] == kind]

    def deliver(self, event: dict[str, Any]) -> ProviderEvent:
        """Sign an event as Stripe does, receive it and apply it."""
        body = json.dumps(event)
        moment = int(self.clock().timestamp())
        header = library.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET, moment)
        before = len(self.heard)
        self.receiver.receive("stripe", {"stripe-signature": header}, body.encode())
        assert len(self.heard) <= before + 1
        self.inbox.apply(self.heard[-1])
        return self.store.add_provider_event(self.heard[-1])  # as it is stored

    def look(self) -> None:
        """Poll the batch, as the sweep does."""
        self.poller.follow(self.batch)


@pytest.fixture
def world() -> Iterator[World]:
    with stripe_backend(failure_delay=10) as backend:
        yield World(backend)


def paid(world: World) -> None:
    """Let the payout be paid, and the batch be closed."""
    world.clock.pass_by(seconds=3)
    world.look()
    assert world.says() is Status.SUCCEEDED
    assert world.batch.state is BatchState.CLOSED


def test_a_transfer_s_event_changes_nothing_that_a_payout_has_to_say(world: World) -> None:
    [event] = world.events("transfer.created")
    assert world.deliver(event).state is ProviderEventState.APPLIED
    assert world.says() is Status.SUBMITTED


def test_a_payout_that_is_paid_is_heard_of(world: World) -> None:
    world.clock.pass_by(seconds=3)
    for kind in ("payout.created", "payout.updated", "payout.paid"):
        [event] = world.events(kind)
        assert world.deliver(event).state is ProviderEventState.APPLIED
    payment = world.payment
    assert (payment.status, payment.provider_status) == (Status.SUCCEEDED, "payout_paid")
    assert payment.history[-1].cause is Cause.WEBHOOK
    assert payment.provider_item_id == world.batch.reference


def test_a_payout_that_fails_after_its_batch_was_closed_is_taken_back(world: World) -> None:
    paid(world)
    world.clock.pass_by(seconds=10)
    [event] = world.events("payout.failed")
    assert world.deliver(event).state is ProviderEventState.APPLIED
    payment = world.payment
    assert payment.status is Status.RETURNED
    assert (payment.reason or "").startswith("no_account: ")
    assert len(world.backend.moves("reversal")) == 1
    assert world.deliver(event).state is ProviderEventState.APPLIED  # repeated
    assert len(world.backend.moves("reversal")) == 1
    assert world.batch.state is BatchState.CLOSED


def test_in_any_order_it_ends_the_same(world: World) -> None:
    world.clock.pass_by(seconds=13)
    events = [
        world.events(f"payout.{kind}")[0] for kind in ("failed", "paid", "updated", "created")
    ]
    for event in [*events, *reversed(events)]:
        world.deliver(event)
    assert world.says() is Status.RETURNED
    [reversed_] = world.events("transfer.reversed")
    assert world.deliver(reversed_).state is ProviderEventState.APPLIED
    assert world.says() is Status.RETURNED
    assert len(world.backend.moves("reversal")) == 1


def test_a_failure_that_cannot_be_taken_back_yet_waits_and_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    paid(world)
    world.clock.pass_by(seconds=10)
    spent = spend(world.backend, ACCOUNT)  # the recipient was quicker
    [event] = world.events("payout.failed")
    with caplog.at_level(logging.ERROR):
        waiting = world.deliver(event)
    assert waiting.state is ProviderEventState.WAITING
    assert "an operator has to recover it" in caplog.text
    assert world.says() is Status.SUCCEEDED  # nothing says yet that the money is back
    assert world.payment.provider_status == "payout_failed_not_reversed"
    cancel(world.backend, ACCOUNT, spent)
    world.clock.pass_by(hours=1)
    assert world.inbox.apply(waiting).state is ProviderEventState.APPLIED
    assert world.says() is Status.RETURNED


def test_a_forged_failure_takes_nothing_back(world: World) -> None:
    paid(world)
    [event] = world.events("payout.paid")
    event["type"], event["data"]["object"]["status"] = "payout.failed", "failed"
    assert world.deliver(event | {"id": "evt_forged"}).state is ProviderEventState.WAITING
    assert world.says() is Status.SUCCEEDED
    assert world.backend.moves("reversal") == []
    with pytest.raises(NotGenuine):
        world.receiver.receive(
            "stripe", {"stripe-signature": "t=1,v1=0"}, json.dumps(event).encode()
        )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": 1251}, "the amount or the currency"),
        ({"currency": "eur"}, "the amount or the currency"),
    ],
)
def test_an_event_about_other_money_is_set_aside(
    world: World, change: dict[str, Any], why: str
) -> None:
    world.clock.pass_by(seconds=3)
    [event] = world.events("payout.paid")
    event["data"]["object"] |= change
    applied = world.deliver(event)
    assert applied.state is ProviderEventState.SET_ASIDE
    assert why in (applied.note or "")
    assert world.says() is Status.SUBMITTING


def test_an_event_of_another_account_is_set_aside(world: World) -> None:
    world.clock.pass_by(seconds=3)
    [event] = world.events("payout.paid")
    applied = world.deliver(event | {"account": "acct_another"})
    assert applied.state is ProviderEventState.SET_ASIDE
    assert "recipient" in (applied.note or "")


def test_a_transfer_alone_is_settled_by_its_event() -> None:
    with stripe_backend() as backend:
        world = World(backend, "acct_simok0001", "none")
        [event] = world.events("transfer.created")
        assert world.deliver(event).state is ProviderEventState.APPLIED
        assert world.says() is Status.SUCCEEDED


def test_a_refused_payout_is_followed_until_it_is_taken_back() -> None:
    with stripe_backend() as backend:
        world = World(backend, "acct_simnopayouts01")
        assert (world.batch.reference or "").endswith("/payouts_not_allowed")
        world.look()
        assert world.says() is Status.SUBMITTED
        assert world.batch.attention_at is not None
        world.clock.now += timedelta(minutes=16)
        world.look()
        assert world.says() is Status.RETURNED
        assert (world.payment.reason or "").startswith("payouts_not_allowed")
        assert world.batch.state is BatchState.CLOSED


def test_a_refused_transfer_fails_its_payment() -> None:
    with stripe_backend() as backend:
        world = World(backend, "acct_siminactive01")
        payment = world.payment
        assert payment.status is Status.FAILED
        assert (payment.reason or "").startswith("insufficient_capabilities_for_transfer: the")
        assert backend.moves("transfer") == []


def test_a_late_failure_is_heard_of_under_its_name_of_an_early_version(world: World) -> None:
    paid(world)
    world.clock.pass_by(seconds=10)
    [event] = world.events("payout.failed")
    event |= {"type": "transfer.failed", "api_version": "2016-10-19"}
    assert world.deliver(event).state is ProviderEventState.APPLIED
    assert world.says() is Status.RETURNED


def test_an_event_about_money_that_cannot_be_read_is_set_aside_with_why(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    [event] = world.events("payout.created")
    del event["data"]["object"]["currency"]
    kept = world.deliver(event)
    assert kept.state is ProviderEventState.SET_ASIDE
    assert kept.note == "payout.created without a readable object, API version 2026-10-28.endive"
    assert kept.note in caplog.text
