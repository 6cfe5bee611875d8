"""A thread that publishes events to the topic: neither payments nor webhooks wait for it.

Correctness needs no lease: it has one process at a time publish, so that an event is rarely
published twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from paymentapp.clock import Clock
from paymentapp.services.outbound.publisher import TOPIC, EventPublisher
from paymentapp.storage.base import Store
from paymentapp.supervision import ServiceThread
from paymentapp.worker.leases import RenewedLease, delivery_lease

LEASE = timedelta(seconds=60)  # renewed before each batch, which takes less than half of it
LONGEST_PAUSE = 60.0  # seconds between two rounds while nothing can be published
STEP_LIMIT = 900.0


class TopicLane:
    """The thread that publishes, in rounds."""

    def __init__(
        self, publisher: EventPublisher, store: Store, clock: Clock, *, pause: float
    ) -> None:
        """Make a lane, not started; it looks for events every `pause` seconds."""
        self._publisher = publisher
        self._pause = pause
        self._failures = 0
        self._more = True
        self._lease = RenewedLease(store, clock, delivery_lease(TOPIC), LEASE)
        self._stopping = threading.Event()
        self._thread = ServiceThread(TOPIC, self._step, limit=STEP_LIMIT, stopping=self._stopping)

    def start(self) -> None:
        """Start the thread. Call this after a fork, never before."""
        self._thread.start()

    def threads(self) -> Sequence[ServiceThread]:
        """Return the threads that have to run."""
        return [self._thread]

    def begin_to_stop(self) -> None:
        """Begin no further batch."""
        self._stopping.set()

    def stop(self, end: float) -> None:
        """Stop by `end` (monotonic seconds); what is not answered then is published again."""
        self.begin_to_stop()
        self._thread.join(max(0.0, end - time.monotonic()))
        self._lease.release()

    def _step(self, _thread: ServiceThread) -> bool:
        if self._stopping.wait(self._wait()):
            return False
        self._more = False  # where this fails, after a pause
        if self._lease.holds():
            done = self._publisher.publish(self._may_begin)
            self._more = done.more
            self._failures = self._failures + 1 if done.error else 0
        return True

    def _wait(self) -> float:
        if self._failures:
            return min(LONGEST_PAUSE, self._pause * 2.0 ** min(self._failures, 10))
        return 0 if self._more else self._pause

    def _may_begin(self) -> bool:
        """Return whether the next batch may begin; renew the lease."""
        self._thread.beat()
        return not self._stopping.is_set() and self._lease.holds()
