"""A time-boxed run: what it sends, polls, applies and leaves, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.models.erasures import Erasure
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.updates import WebhookNews
from paymentapp.worker.timeboxed import RETRY_DELAYS, TimeboxedRun
from tests.aws.conftest import Cloud
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.records import an_event
from tests.support.scripted_webhooks import ScriptedWebhooks

STEP_SECONDS = 10.0


@dataclass
class Run:
    """A run over a service in memory; while it sleeps, the service's clock moves on."""

    cloud: Cloud = field(default_factory=Cloud)
    seconds_left: float = 300.0
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        services = self.cloud.services
        self.timeboxed = TimeboxedRun(
            services.dispatcher,
            services.poller,
            services.sweeper,
            services.inbox,
            services.mailbox_collector,
            services.deliverer,
            seconds_left=lambda: self.seconds_left,
            step_seconds=STEP_SECONDS,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.seconds_left -= seconds
        self.cloud.now += timedelta(seconds=seconds)
        self.on_sleep()

    def send(self, status: Status) -> Payment:
        """Send a payment for which the provider reports this for now."""
        (payment,) = self.cloud.accept("ann")
        self.cloud.provider.status["ann@example.com"] = status
        assert self.timeboxed.submit_due([payment]) == []
        return payment

    def settle(self) -> None:
        self.cloud.provider.status["ann@example.com"] = Status.SUCCEEDED


def test_what_was_sent_is_followed_until_it_is_settled() -> None:
    run = Run()
    payment = run.send(Status.SUBMITTED)
    run.on_sleep = lambda: run.settle() if len(run.slept) == 3 else None
    run.timeboxed.follow(60)
    assert run.cloud.status(payment) is Status.SUCCEEDED
    assert run.slept == [1.0, 1.0, 1.0]


def test_what_is_not_settled_in_time_is_left_to_the_sweep() -> None:
    run = Run()
    payment = run.send(Status.SUBMITTED)
    run.timeboxed.follow(5)
    assert run.cloud.status(payment) is Status.SUBMITTED
    assert run.slept == [1.0, 1.0, 1.0, 1.5]  # the next one would end after five seconds


def test_nothing_is_followed_that_could_be_cut_off() -> None:
    run = Run()
    run.send(Status.SUBMITTED)
    run.seconds_left = STEP_SECONDS + 1.5
    run.timeboxed.follow(60)
    assert run.slept == [1.0]


def test_a_provider_that_does_not_answer_is_asked_again_while_there_is_time() -> None:
    run = Run()
    payment = run.send(Status.SUCCEEDED)
    run.cloud.provider.can_fetch = False
    run.on_sleep = lambda: setattr(run.cloud.provider, "can_fetch", len(run.slept) > 1)
    run.timeboxed.follow(60)
    assert run.cloud.status(payment) is Status.SUCCEEDED
    assert len(run.slept) == 2


def test_a_sweep_follows_the_batches_that_it_has_sent_itself() -> None:
    run = Run()
    (payment,) = run.cloud.accept("ann")
    run.cloud.now += timedelta(minutes=1)
    assert run.timeboxed.sweep() > 0
    run.timeboxed.follow(60)
    assert run.cloud.status(payment) is Status.SUCCEEDED


def test_a_sweep_applies_the_events_that_wait() -> None:
    provider, webhooks = LedgerProvider(), ScriptedWebhooks()
    provider.webhooks = webhooks
    run = Run(Cloud(provider=provider))
    body = webhooks.tells(WebhookNews("WH-1", "SOMETHING.ELSE")).decode()
    run.cloud.store.add_provider_event(
        an_event(body=body, attention_at=run.cloud.now, attention_shard=0)
    )
    assert run.timeboxed.sweep() == 1
    assert run.timeboxed.sweep() == 0


def test_a_sweep_takes_back_what_nobody_has_claimed() -> None:
    run = Run()
    payment = run.send(Status.UNCLAIMED)
    run.timeboxed.follow(3)
    run.cloud.services.payments.cancel(payment.key)
    run.cloud.now += timedelta(minutes=1)
    assert run.timeboxed.sweep() >= 1
    assert run.cloud.status(payment) is Status.CANCELLED


def test_a_sweep_without_time_leaves_the_mailboxes_but_for_a_first_step() -> None:
    run = Run(seconds_left=1.0)
    services = run.cloud.services
    looked: list[str] = []

    def collect(name: str) -> int:
        looked.append(name)
        return 0

    services.mailbox_collector.due = lambda: ["bank", "other bank"]
    services.mailbox_collector.collect = collect
    timeboxed = TimeboxedRun(
        services.dispatcher,
        services.poller,
        services.sweeper,
        services.inbox,
        services.mailbox_collector,
        services.deliverer,
        seconds_left=lambda: run.seconds_left,
        step_seconds=STEP_SECONDS,
    )
    timeboxed.sweep()
    assert looked == ["bank"]


@pytest.mark.parametrize("call", ["get_lease", "hold_lease", "due_payments", "due_batches"])
def test_a_read_of_the_store_that_fails_ends_no_sweep(call: str) -> None:
    store = FailingStore()
    run = Run(Cloud(store=store))
    run.cloud.accept("ann")
    run.cloud.now += timedelta(minutes=1)
    store.planned[call] = StoreUnavailable("for the test")
    assert run.timeboxed.sweep() > 0
    assert len(run.cloud.provider.paid()) == 1
    assert run.slept[0] == RETRY_DELAYS[0]


def test_a_store_that_goes_on_failing_ends_the_sweep_for_the_alarm_s_sake() -> None:
    run = Run()
    run.cloud.store.down = True
    with pytest.raises(StoreUnavailable):
        run.timeboxed.sweep()
    assert run.slept == list(RETRY_DELAYS)


def test_a_fault_in_one_step_stands_in_no_other_step_s_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Raise an unexpected error in the provider's code."""
    run = Run(Cloud(provider=LedgerProvider(batch_size=1)))
    broken, fine = run.cloud.accept("ann", "bob")
    run.timeboxed.submit_due([broken, fine])
    del run.cloud.provider.batches[run.cloud.stored(broken).batch_id or ""]
    run.timeboxed.follow(1.5)
    assert "step failed; the sweep retries it" in caplog.text
    assert run.cloud.status(broken) is Status.SUBMITTING
    assert run.cloud.status(fine) is Status.SUCCEEDED


def test_a_run_erases_customers_step_by_step_while_there_is_time() -> None:
    run = Run()
    services = run.cloud.services
    for name in ("c1", "c2"):
        services.customers.register(name, f"{name}@example.com", {})
        services.erasures.erase(name)
    run.timeboxed.sweep()
    begun = run.cloud.store.list_erasures()
    assert [each.next_at > run.cloud.now for each in begun] == [True, True]
    entries = [run.cloud.store.customer_history(each.customer_id, 9) for each in begun]
    assert not any(line.has_texts for lines in entries for line in lines)


def test_an_erasure_that_fails_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore()
    run = Run(Cloud(store=store))
    run.cloud.services.customers.register("c1", "c1@example.com", {})
    run.cloud.services.erasures.erase("c1")
    real, calls = store.list_erasures, []

    def fails_later() -> list[Erasure]:
        calls.append("list_erasures")
        if len(calls) == 2:  # after `maintain`
            raise StoreUnavailable("for the test")
        return real()

    store.list_erasures = fails_later  # at the second call
    run.timeboxed.sweep()
    assert "no customer erased: for the test" in caplog.text
    run.timeboxed.sweep()
    assert real()[0].next_at > run.cloud.now
