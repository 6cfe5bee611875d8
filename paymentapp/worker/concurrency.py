"""Thread pool, in-flight set, rate limiter and delay queue of the worker."""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable

from paymentapp.errors import StoreUnavailable
from paymentapp.models.payments import PaymentKey
from paymentapp.supervision import ServiceThread

log = logging.getLogger(__name__)

LONE = 3  # tokens: enough to send a lone payment and to poll it, in any process


class ThreadPool:
    """A fixed number of threads that run jobs; a job that fails is logged and dropped."""

    def __init__(self, size: int, name: str, limit: float) -> None:
        """Make a pool, not started; a job takes less than `limit` seconds."""
        self._jobs: queue.Queue[tuple[Callable[[], object], threading.Event] | None] = queue.Queue()
        self._active = 0
        self._lock = threading.Lock()
        self.threads = [
            ServiceThread(f"{name}-{number}", self._run_one, limit=limit) for number in range(size)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self.threads:
            thread.start()

    def idle(self) -> bool:
        """Return whether a new job would start at once."""
        return self._active < len(self.threads)

    def is_behind(self, jobs: int) -> bool:
        """Return whether at least that many jobs are running or queued."""
        return self._active >= jobs

    def do(self, job: Callable[[], object]) -> threading.Event:
        """Queue a job. The event is set when the job has ended, whether it failed or not."""
        done = threading.Event()
        with self._lock:
            self._active += 1
        self._jobs.put((job, done))
        return done

    def stop(self, end: float) -> None:
        """Stop when the queue is empty, or at `end` (monotonic seconds) with jobs unfinished."""
        for _ in self.threads:
            self._jobs.put(None)
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run_one(self, thread: ServiceThread) -> bool:
        thread.wait()
        queued = self._jobs.get()
        thread.beat()
        if queued is None:
            return False
        job, done = queued
        try:
            succeeds(job)
        finally:
            with self._lock:
                self._active -= 1
            done.set()
        return True


def succeeds(step: Callable[[], object]) -> bool:
    """Run a step; return whether it raised nothing.

    An error is logged and not raised: it must not stop the caller's other steps, and the sweep
    finds the work again.
    """
    try:
        step()
    except StoreUnavailable as error:
        log.warning("step failed: %s; the sweep retries it", error)
    except Exception:
        log.exception("step failed; the sweep retries it")
    else:
        return True
    return False


class InFlight:
    """Payments, batches and events that this process is working on; its own sweep skips them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[PaymentKey | str] = set()

    def add(self, ids: Iterable[PaymentKey | str]) -> None:
        """Mark ids as being worked on."""
        with self._lock:
            self._ids.update(ids)

    def remove(self, ids: Iterable[PaymentKey | str]) -> None:
        """Unmark ids; one that is not marked is ignored."""
        with self._lock:
            self._ids.difference_update(ids)

    def any(self, ids: Iterable[PaymentKey | str]) -> bool:
        """Return whether at least one of the ids is being worked on."""
        with self._lock:
            return any(each in self._ids for each in ids)


class RateLimiter:
    """A token bucket: `rate` tokens a second for all processes, at most `burst` saved up.

    `share` is the part of both that this process has; LONE tokens may always be saved up. Any
    number of threads may take some.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.share = 1.0
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self, count: int = 1) -> bool:
        """Take tokens; return whether there were as many.

        Of more than can be saved up, the rest is owed.
        """
        with self._lock:
            now = time.monotonic()
            more = (now - self._at) * self._rate * self.share
            most = max(LONE, self._burst * self.share)
            self._tokens = min(most, self._tokens + more)
            self._at = now
            if self._tokens < min(count, most):
                return False
            self._tokens -= count
            return True


class DelayQueue:
    """Names, each with the time at which it is due, in monotonic seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[float, str]] = []

    def add(self, due: float, name: str) -> None:
        """Add a name that is due at `due`."""
        with self._lock:
            heapq.heappush(self._entries, (due, name))

    def take_due(self, now: float) -> list[str]:
        """Remove and return the names due by `now`, earliest first."""
        names = []
        with self._lock:
            while self._entries and self._entries[0][0] <= now:
                names.append(heapq.heappop(self._entries)[1])
        return names
