"""How often a process calls a provider: each kind of call by itself, and by its share."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from paymentapp.models.batches import Batch
from paymentapp.worker import concurrency
from paymentapp.worker.call_limits import BURST, CallLimits
from paymentapp.worker.concurrency import LONE
from tests.support.ledger_provider import LedgerProvider
from tests.support.records import a_batch

BATCH = a_batch(size=1)


class PagedProvider(LedgerProvider):
    """Four batches that are not full and four polls a second; a poll is a call for each 100."""

    submits_per_second = 4
    polls_per_second = 4.0

    def poll_calls(self, batch: Batch) -> int:
        return batch.size // 100 or 1


class Clock:
    """Monotonic seconds, as the limiters read them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(concurrency, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def limits(clock: Clock) -> CallLimits:
    del clock  # is read when they are made
    limits = CallLimits([PagedProvider()])
    limits.set_share(1)
    return limits


def allowed(may: Callable[[], bool]) -> int:
    """Return how many calls are allowed at once."""
    count = 0
    while may():
        count += 1
    return count


def test_no_kind_of_call_uses_up_what_another_may(limits: CallLimits) -> None:
    assert allowed(lambda: limits.may_poll_early(BATCH)) == BURST
    assert allowed(lambda: limits.may_poll(BATCH)) == BURST
    assert allowed(lambda: limits.may_submit_early("paypal")) == BURST
    assert allowed(lambda: limits.may_submit("paypal")) == BURST


def test_a_process_has_the_share_of_the_shards_that_it_sweeps(
    limits: CallLimits, clock: Clock
) -> None:
    limits.set_share(0.5)
    for may in (lambda: limits.may_submit("paypal"), lambda: limits.may_poll(BATCH)):
        assert allowed(may) == BURST / 2
    clock.seconds += 2
    assert allowed(lambda: limits.may_submit("paypal")) == 4 * 0.75 * 2 / 2
    assert allowed(lambda: limits.may_poll(BATCH)) == 4 * 0.75 * 2 / 2


def test_a_process_that_sweeps_nothing_can_still_send_a_lone_payment(
    limits: CallLimits, clock: Clock
) -> None:
    limits.set_share(0)
    assert allowed(lambda: limits.may_submit_early("paypal")) == LONE
    clock.seconds += 19
    assert not limits.may_submit_early("paypal")
    clock.seconds += 2
    assert limits.may_submit_early("paypal")


def test_threads_take_no_more_tokens_than_there_are(clock: Clock) -> None:
    del clock  # stands still
    limiter = concurrency.RateLimiter(rate=1, burst=50_000)
    begin = threading.Barrier(8)

    def take_all(_: int) -> int:
        begin.wait()
        return allowed(limiter.take)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(take_all, range(8))) == 50_000
    finally:
        sys.setswitchinterval(interval)


def test_a_poll_of_many_pages_counts_as_many(limits: CallLimits, clock: Clock) -> None:
    """One that is larger than the burst is made all the same, and the next one waits for it."""
    large = a_batch(size=2500)
    assert limits.may_poll(large)
    assert not limits.may_poll(BATCH)
    clock.seconds += 5  # 25 calls, of which 10 were saved up, at three a second
    assert not limits.may_poll(BATCH)
    clock.seconds += 0.5
    assert limits.may_poll(BATCH)


def test_a_batch_of_a_provider_that_is_no_longer_there_is_not_held_up(limits: CallLimits) -> None:
    assert limits.may_poll(a_batch(provider="stripe"))
