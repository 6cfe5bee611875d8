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
from paymentapp.config import Settings
from paymentapp.services.outbound.deliverer import Deliverer, WebhookAttempt
from paymentapp.services.outbound.progress import KeptProgress
from paymentapp.storage.base import Store
from paymentapp.supervision import ServiceThread
from paymentapp.worker.concurrency import ThreadPool, succeeds
from paymentapp.worker.leases import RenewedLease, delivery_lease

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
SOON = 0.2  # seconds from events that were sent to the next look, at most
SOON_ON_SQLITE = 0.05  # there a look costs no calls over a network, and events are listed at once
PROGRESS_SECONDS = 1.0  # between two writes of how far an endpoint has come
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
        soon: float = SOON,
        owner: str = "",
    ) -> None:
        """Make a lane, not started; it looks for events every `pause` seconds, at least.

        After events it looks again in `soon` seconds. `owner` is who holds its lease, by default
        itself alone.
        """
        self._endpoint_id = endpoint_id
        self._deliverer = deliverer
        self._pause = pause
        self._soon = soon
        self._progress = KeptProgress(PROGRESS_SECONDS)
        self._lease = RenewedLease(store, clock, delivery_lease(endpoint_id), LEASE, owner)
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
        succeeds(partial(self._deliverer.store_progress, self._endpoint_id, self._progress))
        self._lease.release()

    def _step(self, _thread: ServiceThread) -> bool:
        if self._stopping.wait(self._wait):
            return False
        waited, self._wait = self._wait, self._pause  # after an error too
        self._attempts = []
        if self._lease.holds():
            more = self._deliverer.deliver(self._endpoint_id, self._run, self._progress)
            self._wait = 0.0 if more else self._wait_after(waited)
        return True

    def _wait_after(self, waited: float) -> float:
        """Return how long to wait after a look that has found everything there is.

        Where events come, the next ones are soon sent: a few at a time hold up the requests of
        this process less than many at once.
        """
        if any(each.error for each in self._attempts):
            return self._pause
        wait = self._soon if self._attempts else max(2 * waited, self._soon)
        longest = PROGRESS_SECONDS if self._progress.is_unwritten else self._pause
        return min(wait, longest, self._pause)

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
        self,
        deliverer: Deliverer,
        store: Store,
        clock: Clock,
        *,
        at_once: int,
        pause: float,
        soon: float = SOON,
        owner: str = "",
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
            soon=soon,
            owner=owner,
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

    def begin_to_stop(self) -> None:
        """Start no further lane."""
        self._stopping.set()

    def stop(self, end: float) -> None:
        """Stop by `end`, in monotonic seconds."""
        self.begin_to_stop()
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


def open_lanes(
    deliverer: Deliverer, store: Store, clock: Clock, settings: Settings, owner: str = ""
) -> WebhookLanes:
    """Return the lanes of a process, by its settings, not started."""
    return WebhookLanes(
        deliverer,
        store,
        clock,
        at_once=settings.webhooks_at_once,
        pause=max(settings.sweep_seconds, SOON),
        soon=SOON_ON_SQLITE if settings.store.startswith("sqlite:") else SOON,
        owner=owner,
    )
