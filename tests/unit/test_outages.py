"""Outages of providers: announced once when they last, and their end once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paymentapp.errors import InsufficientFunds, NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.outages import OutageNotice
from paymentapp.models.payments import Status
from paymentapp.providers.base import Refused
from paymentapp.services.dispatch.funds_watch import EVERY
from tests.support.processes import StillWorker, a_process
from tests.unit.test_funds_watch import EMAIL, World


class Outage(World):
    """A provider that fails, and a batch that waits because of it."""

    def __init__(self) -> None:
        super().__init__()
        self.account.error = NotSent("DOWN")
        self.provider.status[EMAIL] = Status.SUBMITTED  # batches stay open
        self.fail(OutcomeUnknown("TIMEOUT"))
        self.batch = self.submit(self.pay("30"))

    def fail(self, error: ProviderError | None) -> None:
        def before(_: Batch) -> None:
            if error is not None:
                raise error

        self.provider.before = before

    def watch(self) -> None:
        """Look a minute later."""
        self.now += EVERY
        self.services.sweeper.look_at_funds()

    def resume(self) -> None:
        stored = self.store.get_batch(self.batch.batch_id)
        assert stored is not None
        self.batch = self.services.dispatcher.resume(stored)

    def abort(self) -> None:
        gone = self.batch.changed(state=BatchState.ABORTED, attention_at=None)
        assert self.store.change_batch(self.batch, gone)

    def outages(self) -> list[tuple[str, OutageNotice]]:
        events = [each.event for each in self.store.list_events(None, 1000).events]
        return [
            (each.type, OutageNotice.of(each.subject))
            for each in events
            if each.type in {"provider.failing", "provider.recovered"}
        ]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.outages()]


@pytest.fixture
def outage() -> Outage:
    return Outage()


def test_a_failure_that_lasts_is_announced_once(outage: Outage) -> None:
    outage.watch()
    assert outage.kinds() == []
    first_seen = outage.now
    for _ in range(3):
        outage.watch()
    ((kind, notice),) = outage.outages()
    assert (kind, notice.payment_method) == ("provider.failing", "paypal")
    assert timedelta() <= first_seen - notice.since < timedelta(seconds=1)
    assert notice.reason == "OutcomeUnknown: TIMEOUT"


def test_a_failure_that_is_soon_over_is_none(outage: Outage) -> None:
    outage.watch()
    outage.fail(None)
    outage.resume()
    for _ in range(3):
        outage.watch()
    assert outage.kinds() == []


@pytest.mark.parametrize("settles", [Status.SUBMITTED, Status.SUCCEEDED])
def test_its_end_is_announced_once(outage: Outage, settles: Status) -> None:
    """Also where the batch is closed before anybody looks."""
    outage.provider.status[EMAIL] = settles
    outage.watch()
    outage.watch()
    outage.fail(None)
    outage.resume()
    outage.services.poller.follow(outage.batch)
    for _ in range(3):
        outage.watch()
    assert outage.kinds() == ["provider.failing", "provider.recovered"]


@pytest.mark.parametrize("answer", ["refused", "no funds"])
def test_any_answer_ends_it(outage: Outage, answer: str) -> None:
    outage.watch()
    outage.watch()
    outage.fail(None if answer == "refused" else InsufficientFunds("NO_MONEY"))
    outage.provider.refuse = lambda _: Refused("BAD_CONTENT")
    outage.resume()
    outage.watch()
    assert outage.kinds() == ["provider.failing", "provider.recovered"]


def test_a_batch_that_is_taken_apart_for_lack_of_funds_was_answered(outage: Outage) -> None:
    outage.abort()
    outage.fail(NotSent("DOWN"))
    outage.batch = outage.submit(outage.pay("5"), outage.pay("6"))
    outage.watch()
    outage.watch()
    outage.fail(InsufficientFunds("NO_MONEY"))
    outage.resume()
    assert outage.batch.why_taken_apart == "no funds"
    outage.watch()
    assert outage.kinds() == ["provider.failing", "provider.recovered"]


def test_another_batch_that_is_accepted_ends_it(outage: Outage) -> None:
    outage.watch()
    outage.watch()
    outage.fail(None)
    outage.now += timedelta(minutes=1)
    outage.submit(outage.pay("5"))
    outage.watch()
    assert outage.kinds() == ["provider.failing", "provider.recovered"]


def test_without_an_answer_it_is_not_over(outage: Outage) -> None:
    """An operator parks the batch: nobody knows whether the provider answers again."""
    outage.watch()
    outage.watch()
    parked = outage.batch.changed(state=BatchState.PARKED, attention_at=None)
    assert outage.store.change_batch(outage.batch, parked)
    for _ in range(3):
        outage.watch()
    assert outage.kinds() == ["provider.failing"]
    outage.fail(None)
    outage.submit(outage.pay("5"))
    outage.watch()
    assert outage.kinds() == ["provider.failing", "provider.recovered"]


def test_two_failures_with_a_pause_between_are_none(outage: Outage) -> None:
    outage.watch()
    outage.abort()
    outage.watch()
    outage.now += timedelta(hours=1)
    outage.submit(outage.pay("5"))
    outage.watch()
    assert outage.kinds() == []


def test_several_processes_announce_it_once(outage: Outage) -> None:
    other = a_process(outage.store, outage.clock, outage.provider, worker=StillWorker())
    for _ in range(4):
        outage.watch()
        other.sweeper.look_at_funds()
    assert outage.kinds() == ["provider.failing"]


def test_without_funds_a_provider_is_not_failing(outage: Outage) -> None:
    outage.fail(InsufficientFunds("NO_MONEY"))
    outage.resume()
    assert outage.batch.lacks_funds
    for _ in range(3):
        outage.watch()
    assert outage.kinds() == []
