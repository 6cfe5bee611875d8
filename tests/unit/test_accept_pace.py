"""How many connections that come at once a process accepts before it leaves some to the others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from paymentapp.web import accept_pace
from paymentapp.web.accept_pace import AcceptPace


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(accept_pace, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def accepted_until_pause(pace: AcceptPace) -> int:
    count = 0
    while not pace.pause():
        pace.accepted()
        count += 1
    return count


def test_after_each_pause_of_a_burst_one_more_is_accepted(clock: Clock) -> None:
    pace, counts = AcceptPace(), []
    for _ in range(10):
        counts.append(accepted_until_pause(pace))
        assert pace.pause() == pytest.approx(0.001)
        clock.now += 0.0011
        assert pace.pause() == 0
    assert counts == [1, 2, 3, 4, 5, 6, 7, 8, 8, 8]


def test_the_next_burst_begins_with_one(clock: Clock) -> None:
    pace = AcceptPace()
    for _ in range(5):
        accepted_until_pause(pace)
        clock.now += 0.002
    clock.now += 0.02
    assert accepted_until_pause(pace) == 1


def test_connections_that_come_one_after_the_other_wait_for_nothing(clock: Clock) -> None:
    pace = AcceptPace()
    for _ in range(100):
        assert pace.pause() == 0
        pace.accepted()
        clock.now += 0.011
