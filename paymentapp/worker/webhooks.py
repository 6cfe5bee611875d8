"""Threads that deliver webhooks: those of one endpoint wait for no other.

Correctness needs no lease: it gives each endpoint to one process at a time, so that an event is
rarely sent twice.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from paymentapp.clock import Clock
from paymentapp.services.outbound.deliverer import Deliverer, WebhookAttempt
from paymentapp.storage.base import Store
from paymentapp.supervision import ServiceThread
from paymentapp.worker.concurrency import ThreadPool
from paymentapp.worker.leases import RenewedLease, delivery_lease

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
SOON = 0.2  # seconds from events that were sent to the next look, at most
STEP_LIMIT = 900.0  # seconds; an attempt ends by its time-out, and each one that ends is progress


class WebhookLane:
    """The threads of one endpoint: one follows the events, `at_once` send them."""

    def __init__(
        self,
        endpoint_id: str,
        deliverer: Deliverer,
        store: Store,
        clock: Clock,
        *,
        at_once: int,
        pause: float,
    ) -> None:
        """Make a lane, not started; it looks for events every `pause` seconds, at least."""
        self._endpoint_id = endpoint_id
        self._deliverer = deliverer
        self._pause = pause
        self._lease = RenewedLease(store, clock, delivery_lease(endpoint_id), LEASE)
        self._wait = 0.0  # seconds, before the next look
        self._attempts: list[WebhookAttempt] = []  # of this look
        self._stopping = threading.Event()
        self._ends_at = math.inf  # monotonic seconds, once it is stopping
        name = f"webhook-{endpoint_id[-8:]}"
        self._pool = ThreadPool(at_once, f"{name}-sender", STEP_LIMIT)
        self._thread = ServiceThread(name, self._step, limit=STEP_LIMIT, stopping=self._stopping)

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()
        self._thread.start()

    def threads(self) -> Sequence[ServiceThread]:
        """Return the threads of the lane."""
        return [self._thread, *self._pool.threads]

    def begin_to_stop(self) -> None:
        """Begin no further attempt."""
        self._stopping.set()

    def stop(self, end: float) -> None:
        """Stop by `end` (monotonic seconds); what is not answered then is sent again later."""
        self._ends_at = end
        self.begin_to_stop()
        self._thread.join(max(0.0, end - time.monotonic()))
        self._pool.stop(end)
        self._lease.release()

    def _step(self, _thread: ServiceThread) -> bool:
        if self._stopping.wait(self._wait):
            return False
        waited, self._wait = self._wait, self._pause  # after an error too
        self._attempts = []
        if self._lease.holds():
            more = self._deliverer.deliver(self._endpoint_id, self._run)
            self._wait = 0.0 if more else self._wait_after(waited)
        return True

    def _wait_after(self, waited: float) -> float:
        """Return how long to wait after a look that has found everything there is.

        Where events come, the next ones are soon sent: a few at a time hold up the requests of
        this process less than many at once.
        """
        if any(each.error for each in self._attempts):
            return self._pause
        return min(SOON if self._attempts else max(2 * waited, SOON), self._pause)

    def _run(self, jobs: Sequence[Callable[[], WebhookAttempt]]) -> Sequence[WebhookAttempt | None]:
        """Make the attempts by the lane's threads; none begins once the lane is stopping.

        None stands for an attempt that was not made, or has not ended when the lane has to.
        """
        results: list[WebhookAttempt | None] = [None] * len(jobs)

        def make(number: int) -> None:
            if not self._stopping.is_set():
                results[number] = jobs[number]()

        for done in [self._pool.do(partial(make, number)) for number in range(len(jobs))]:
            while not done.wait(0.2) and time.monotonic() < self._ends_at:
                pass  # the senders may have ended before they got these jobs
            self._thread.beat()
            if not self._stopping.is_set():  # else the lease may be released already
                self._lease.holds()
        self._attempts += [each for each in results if each is not None]
        return list(results)


class WebhookLanes:
    """A lane for each endpoint that is enabled; a thread starts and stops them."""

    def __init__(
        self, deliverer: Deliverer, store: Store, clock: Clock, *, at_once: int, pause: float
    ) -> None:
        """Make the lanes, not started; endpoints are looked for every `pause` seconds."""
        self._deliverer = deliverer
        self._make = partial(
            WebhookLane,
            deliverer=deliverer,
            store=store,
            clock=clock,
            at_once=at_once,
            pause=pause,
        )
        self._pause = pause
        self._lanes: dict[str, WebhookLane] = {}
        self._stopping = threading.Event()
        self._thread = ServiceThread(
            "webhooks", self._step, limit=STEP_LIMIT, stopping=self._stopping
        )

    def start(self) -> None:
        """Start the threads. Call this after a fork, never before."""
        self._thread.start()

    def threads(self) -> Sequence[ServiceThread]:
        """Return the threads that have to run."""
        lanes = list(self._lanes.values())
        return [self._thread, *(thread for lane in lanes for thread in lane.threads())]

    def stop(self, end: float) -> None:
        """Stop by `end`, in monotonic seconds."""
        self._stopping.set()
        self._thread.join(max(0.0, end - time.monotonic()))
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.begin_to_stop()
        for lane in lanes:
            lane.stop(end)

    def _step(self, _thread: ServiceThread) -> bool:
        wanted = set(self._deliverer.endpoints())
        for endpoint_id in wanted - self._lanes.keys():
            lane = self._make(endpoint_id)
            lane.start()
            self._lanes[endpoint_id] = lane
        for endpoint_id in self._lanes.keys() - wanted:
            lane = self._lanes.pop(endpoint_id)
            lane.stop(time.monotonic())
        return not self._stopping.wait(self._pause)
