"""What the metrics say of payments, of calls to providers and of calls to the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.errors import (
    InsufficientFunds,
    Misconfigured,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    StoreUnavailable,
)
from paymentapp.metrics.base import NO_METRICS, Level
from paymentapp.metrics.prometheus import PrometheusMetrics
from paymentapp.metrics.providers import measured_providers
from paymentapp.models.balances import ProviderBalance
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Provider, Refused
from paymentapp.providers.updates import Delivery
from paymentapp.storage.changes import PaymentChange
from tests.support.exposed import samples_of
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.measured_world import MeasuredWorld

CREATED = "paymentapp_payments_accepted_total"
MOVED = "paymentapp_payments_moved_total"
CALLS = "paymentapp_provider_call_duration_seconds_count"
STORE = "paymentapp_store_call_duration_seconds_count"


@pytest.fixture
def world() -> MeasuredWorld:
    return MeasuredWorld()


def test_an_accepted_payment_is_counted(world: MeasuredWorld) -> None:
    world.pay()
    world.pay()
    assert world.samples().of(CREATED) == {("paypal",): 2}


def test_what_cannot_be_recorded_is_logged_and_fails_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    PrometheusMetrics().show(Level.HOLDS, 1)  # without its label
    assert "show is not recorded" in caplog.text


def test_each_move_of_a_payment_is_counted(world: MeasuredWorld) -> None:
    world.pay()
    world.sweep()
    moved = world.samples().of(MOVED)
    assert moved[("paypal", "submitting")] == 1
    assert moved[("paypal", "succeeded")] == 1


def test_a_payment_that_fails_is_counted_so(world: MeasuredWorld) -> None:
    world.provider.status["ada@example.com"] = Status.FAILED
    world.pay()
    world.sweep()
    assert world.samples().of(MOVED)[("paypal", "failed")] == 1


def test_the_time_to_settle_counts_from_the_request(world: MeasuredWorld) -> None:
    world.pay()
    world.sweep()
    samples = world.samples()
    assert samples.of("paymentapp_payment_settle_seconds_count") == {("paypal",): 1}
    assert 60 <= samples.of("paymentapp_payment_settle_seconds_sum")[("paypal",)] <= 200


def test_a_return_after_success_settles_nothing_again(world: MeasuredWorld) -> None:
    paid = world.pay()
    world.sweep()
    payment = world.store.get_payment(paid.key)
    assert payment is not None
    returned = payment.moved(Status.RETURNED, world.clock(), payment.history[-1].cause)
    world.services.store.change_payments([_change(payment, returned)])
    samples = world.samples()
    assert samples.of(MOVED)[("paypal", "returned")] == 1
    assert samples.of("paymentapp_payment_settle_seconds_count") == {("paypal",): 1}


def test_a_change_that_was_not_made_is_not_counted(world: MeasuredWorld) -> None:
    payment = world.pay()
    stale = payment.changed(reason="other")
    moved = stale.moved(Status.CANCELLED, world.clock(), payment.history[-1].cause)
    assert world.services.store.change_payments([_change(stale, moved)]) == [False]
    assert MOVED not in world.samples().names


def _change(old: Payment, new: Payment) -> PaymentChange:
    return PaymentChange(old, new)


def test_calls_of_a_provider_are_counted_by_what_came_of_them(world: MeasuredWorld) -> None:
    world.pay()
    world.sweep()
    calls = world.samples().of(CALLS)
    assert calls[("accepted", "submit", "paypal")] == 1
    assert calls[("ok", "fetch", "paypal")] >= 1


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NotSent("DOWN"), "not_sent"),
        (OutcomeUnknown("NO_ANSWER"), "unknown"),
        (Misconfigured("DENIED"), "misconfigured"),
        (NotPermitted("DENIED"), "not_permitted"),
        (InsufficientFunds("LACK"), "no_funds"),
        (ZeroDivisionError("ours"), "internal_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_of_a_provider_is_counted_by_its_kind(
    world: MeasuredWorld, error: Exception, answer: str
) -> None:
    def fail(_batch: object) -> None:
        raise error

    world.provider.before = fail
    world.pay()
    world.sweep(1)
    assert world.samples().of(CALLS)[(answer, "submit", "paypal")] == 1


class EmptyAccount:
    """Has no balance, or does not answer."""

    fails = False

    def read(self) -> list[ProviderBalance]:
        if self.fails:
            raise NotSent("DOWN")
        return []


class Mailbox:
    """Has two deliveries."""

    def collect(self) -> Iterator[Delivery]:
        yield from [Delivery("1", []), Delivery("2", [])]


def measured(**abilities: object) -> tuple[Provider, PrometheusMetrics]:
    provider, metrics = LedgerProvider(), PrometheusMetrics()
    for name, ability in abilities.items():
        setattr(provider, name, ability)
    return measured_providers({"paypal": provider}, metrics)["paypal"], metrics


def test_readings_of_balances_are_counted() -> None:
    account = EmptyAccount()
    provider, metrics = measured(balances=account)
    assert provider.balances is not None
    provider.balances.read()
    account.fails = True
    with pytest.raises(NotSent):
        provider.balances.read()
    calls = {("ok", "balances", "paypal"): 1, ("not_sent", "balances", "paypal"): 1}
    assert samples_of(metrics).of(CALLS) == calls


def test_deliveries_of_a_mailbox_are_counted_and_the_call_that_finds_none() -> None:
    provider, metrics = measured(mailbox=Mailbox())
    assert provider.mailbox is not None
    assert len(list(provider.mailbox.collect())) == 2
    assert samples_of(metrics).of(CALLS) == {("ok", "collect", "paypal"): 3}


def test_a_refusal_is_counted_so(world: MeasuredWorld) -> None:
    world.provider.refuse = lambda _members: Refused("BAD", {0: "BAD"})
    world.pay()
    world.sweep(1)
    assert world.samples().of(CALLS)[("refused", "submit", "paypal")] == 1


def test_calls_of_the_store_are_counted_with_those_that_fail(world: MeasuredWorld) -> None:
    world.store.planned["get_payments"] = StoreUnavailable("down")
    with pytest.raises(StoreUnavailable):
        world.services.store.get_payments([])
    world.services.store.get_payments([])
    calls = world.samples().of(STORE)
    assert calls[("unavailable", "get_payments")] == 1
    assert calls[("ok", "get_payments")] == 1


def test_while_metrics_are_off_nothing_stands_between_a_service_and_its_store() -> None:
    store, provider = FailingStore(), LedgerProvider()
    providers: dict[str, Provider] = {"paypal": provider}
    services = build_services(Settings(), store=store, providers=providers)
    assert services.store is store
    assert services.providers["paypal"] is provider
    assert services.metrics is NO_METRICS
