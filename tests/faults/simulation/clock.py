"""True time, which only the world and the provider know, and each process's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.faults.simulation.scheduler import Scheduler

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Time:
    """True time: the scheduler's time and the skipped days."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.jumped = 0

    def micros(self) -> int:
        """Return microseconds since the start, including skipped ones."""
        return self.scheduler.now + self.jumped

    def __call__(self) -> datetime:
        return moment(self.scheduler.now + self.jumped)


class SkewedClock:
    """A process's clock: off by minutes, and in some worlds with coarse ticks."""

    def __init__(self, time: Time, skew: int, tick: int) -> None:
        self.skew = skew
        self._time = time
        self._scheduler = time.scheduler
        self._tick = tick

    def __call__(self) -> datetime:
        micros = self._scheduler.now + self._time.jumped + self.skew
        return START + timedelta(0, 0, micros - micros % self._tick)


def moment(micros: int) -> datetime:
    """Return the date of a number of microseconds since the start."""
    return START + timedelta(0, 0, micros)


def micros_of(when: datetime) -> int:
    """Return the microseconds since the start of a date."""
    return (when - START) // timedelta(microseconds=1)
