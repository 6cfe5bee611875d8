"""What the worker's threads share: a crew for jobs, what is in hand, a pace, a timetable."""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable

from paymentapp.errors import StoreUnavailable
from paymentapp.models.payments import PaymentKey

log = logging.getLogger(__name__)


class ThreadPool:
    """A few daemon threads that do jobs; one that fails is logged and forgotten."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._jobs: queue.Queue[tuple[Callable[[], object], threading.Event] | None] = queue.Queue()
        self._active = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for number in range(self._size):
            thread = threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def idle(self) -> bool:
        """Whether a job would start at once."""
        return self._active < self._size

    def is_behind(self, jobs: int) -> bool:
        """Whether that many jobs are running or waiting."""
        return self._active >= jobs

    def do(self, job: Callable[[], object]) -> threading.Event:
        """Queue a job; the event tells when it has ended, well or not."""
        done = threading.Event()
        with self._lock:
            self._active += 1
        self._jobs.put((job, done))
        return done

    def stop(self, end: float) -> None:
        """End when the queue is empty, or at `end` (monotonic seconds) with jobs unfinished."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, done = entry
            try:
                succeeds(job)
            finally:
                with self._lock:
                    self._active -= 1
                done.set()


def succeeds(step: Callable[[], object]) -> bool:
    """Do a step; return whether it went well. One that fails is logged, and stands in nobody's
    way: the sweep comes back to it."""
    try:
        step()
    except StoreUnavailable as error:
        log.warning("a step was left to the sweep: %s", error)
    except Exception:
        log.exception("a step failed, and is left to the sweep")
    else:
        return True
    return False


class InFlight:
    """What this process has in hand, so that its own sweep leaves it alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: set[PaymentKey | str] = set()

    def add(self, things: Iterable[PaymentKey | str]) -> None:
        with self._lock:
            self._things.update(things)

    def remove(self, things: Iterable[PaymentKey | str]) -> None:
        with self._lock:
            self._things.difference_update(things)

    def any(self, things: Iterable[PaymentKey | str]) -> bool:
        with self._lock:
            return any(thing in self._things for thing in things)


class RateLimiter:
    """A token bucket: `rate` a second, `burst` saved up at most."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class DelayQueue:
    """Names with the time when each is due, in monotonic seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[float, str]] = []

    def add(self, due: float, name: str) -> None:
        with self._lock:
            heapq.heappush(self._entries, (due, name))

    def take_due(self, now: float) -> list[str]:
        """Remove and return what is due, the earliest first."""
        names = []
        with self._lock:
            while self._entries and self._entries[0][0] <= now:
                names.append(heapq.heappop(self._entries)[1])
        return names
