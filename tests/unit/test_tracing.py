"""Traces: what is stored, linked and given on, and that nothing is while they are off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp import correlation
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.http import Http
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.codec.batches import batch_record, read_batch
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.tracing import open_tracing
from paymentapp.tracing.base import NO_TRACING, Role, Tracing
from paymentapp.tracing.deliveries import traced_client
from paymentapp.variables import Variables
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.otlp_collector import Collector, collecting
from tests.support.receivers import receiving
from tests.support.records import a_batch, a_payment

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, CALLER = TRACEPARENT.split("-")[1:3]
ON = Variables({"PAYMENTAPP_TRACES": "on"})


class TracedWorld:
    """A process whose traces go to a collector, over a store in memory."""

    def __init__(self, collector: Collector, tracing: Tracing) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.collector, self.tracing = collector, tracing
        self.store, self.provider = MemoryStore(), LedgerProvider()
        self.services: Services = build_services(
            Settings(),
            store=self.store,
            providers={"paypal": self.provider},
            clock=self.clock,
            tracing=tracing,
        )
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def pay(self, parent: str | None = TRACEPARENT) -> Payment:
        order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), "paypal")
        with self.tracing.span("request", Role.SERVER, {}, parent):
            return self.services.payments.request(order).payment

    def sent(self) -> Collector:
        """Send what is left; return what the collector has got."""
        self.tracing.close()
        return self.collector


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracedWorld]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        tracing = open_tracing(ON)
        yield TracedWorld(collector, tracing)
        tracing.close()


def test_a_payment_keeps_the_span_of_its_request(world: TracedWorld) -> None:
    payment = world.pay()
    stored = world.services.payments.get(payment.key)
    (request,) = world.sent().named("request")
    assert stored.traceparent == f"00-{TRACE}-{request.span_id}-01"
    assert request.parent_id == CALLER


def test_a_batch_is_linked_to_each_member_also_above_the_librarys_limit(world: TracedWorld) -> None:
    payments = [world.pay(None) for _ in range(200)]
    world.services.dispatcher.submit(payments)
    (batch,) = world.sent().named("batch submit")
    assert set(batch.links) == {span.place for span in world.collector.named("request")}
    assert len(batch.links) == 200


def test_a_member_that_another_batch_has_is_not_linked(world: TracedWorld) -> None:
    taken, free = world.pay(None), world.pay(None)
    world.services.dispatcher.submit([taken])
    world.services.dispatcher.submit([taken, free])
    _, second = world.sent().named("batch submit")
    assert second.links == [world.collector.named("request")[1].place]


def test_later_steps_belong_to_the_trace_of_the_batch(world: TracedWorld) -> None:
    world.provider.status["ada@example.com"] = Status.SUBMITTED
    batch = world.services.dispatcher.submit([world.pay()])
    assert batch is not None
    world.services.dispatcher.resume(batch)
    sent = world.sent()
    (first,) = sent.named("batch submit")
    assert [span.trace_id for span in sent.named("paypal fetch")] == [first.trace_id]


def test_a_call_that_fails_is_marked_by_the_name_of_its_error(world: TracedWorld) -> None:
    batch = world.services.dispatcher.submit([world.pay()])
    assert batch is not None
    world.provider.can_fetch = False
    world.services.poller.follow(batch)
    (call,) = world.sent().named("paypal fetch")
    assert (call.failed, call.attributes["error.type"]) == (True, "OutcomeUnknown")


@pytest.mark.parametrize("given", ["", "x", "00-0-0-01", f"{TRACEPARENT}-more", f"00-{'0' * 32}"])
def test_a_malformed_traceparent_begins_a_trace_of_our_own(world: TracedWorld, given: str) -> None:
    world.pay(given)
    (request,) = world.sent().named("request")
    assert request.parent_id == ""


def test_what_the_caller_does_not_sample_is_kept_and_not_sent(world: TracedWorld) -> None:
    payment = world.pay(f"{TRACEPARENT[:-1]}0")
    assert payment.traceparent is not None
    assert payment.traceparent.endswith("-00")
    assert world.sent().named("request") == []


def test_providers_get_the_traceparent_of_the_call(world: TracedWorld) -> None:
    with receiving() as receiver, world.tracing.span("call", Role.CLIENT, {}):
        http = Http(f"http://127.0.0.1:{receiver.port}", connections=1, read_timeout=5)
        http.call("GET", "/", moves_money=False, headers={"A": "b"})
        http.close()
    (call,) = world.sent().named("call")
    headers = receiver.received[0].headers
    assert headers["traceparent"].startswith(f"00-{call.trace_id}-{call.span_id}-0")
    assert headers["A"] == "b"


def test_without_traces_providers_get_none() -> None:
    with receiving() as receiver:
        http = Http(f"http://127.0.0.1:{receiver.port}", connections=1, read_timeout=5)
        http.call("GET", "/", moves_money=False, headers={})
        http.close()
    assert "traceparent" not in receiver.received[0].headers


def test_while_traces_are_off_nothing_is_wrapped() -> None:
    store, provider = MemoryStore(), LedgerProvider()
    services = build_services(Settings(), store=store, providers={"paypal": provider})
    assert services.store is store
    assert services.providers["paypal"] is provider
    for part in (services.dispatcher, services.poller, services.inbox, services.deliverer.client):
        assert "tracing" not in type(part).__module__
    client: Any = object()
    assert traced_client(client, NO_TRACING) is client


def test_while_traces_are_off_a_payment_has_none() -> None:
    services = build_services(
        Settings(), store=MemoryStore(), providers={"paypal": LedgerProvider()}
    )
    services.customers.register("ada", "ada@example.com", {})
    order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), "paypal")
    payment = services.payments.request(order).payment
    assert payment.traceparent is None
    assert "trace" not in payment_record(payment)


def test_records_keep_it_and_earlier_ones_have_none() -> None:
    payment, batch = a_payment(traceparent=TRACEPARENT), a_batch(traceparent=TRACEPARENT)
    assert read_payment(payment_record(payment)) == payment
    assert read_batch(batch_record(batch)) == batch
    record = {k: v for k, v in payment_record(payment).items() if k != "trace"}
    assert read_payment(record) == replace(payment, traceparent=None)


def test_a_payment_that_returns_belongs_to_the_trace_no_more() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    paid = a_payment(traceparent=TRACEPARENT).moved(Status.SUCCEEDED, now, Cause.POLL)
    assert paid.traceparent == TRACEPARENT
    assert paid.moved(Status.RETURNED, now, Cause.POLL).traceparent is None


def test_a_missing_library_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paymentapp.tracing.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"pip install paymentapp\[tracing\]"):
        open_tracing(ON)
    assert open_tracing(Variables({})) is NO_TRACING


def test_a_thread_of_the_background_has_no_trace(world: TracedWorld) -> None:
    world.pay()
    assert correlation.traceparent() is None
