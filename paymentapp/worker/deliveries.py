"""Delivery to one receiver within a time limit, under its lease: for a function of its own.

A receiver is a webhook endpoint, by its id, or the topic. Correctness needs no lease: it has one
process at a time deliver, as in `worker.webhooks` and `worker.topic`, whose leases these are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from paymentapp.clock import Clock
from paymentapp.services.outbound.deliverer import Deliverer, WebhookAttempt
from paymentapp.services.outbound.publisher import TOPIC, EventPublisher
from paymentapp.storage.base import Store
from paymentapp.worker.leases import RenewedLease, delivery_lease

LEASE = timedelta(seconds=60)  # renewed before each attempt, which takes less than half of it


class TimedDelivery:
    """Delivers to a receiver, in rounds, while there is time."""

    def __init__(
        self,
        deliverer: Deliverer,
        publisher: EventPublisher | None,
        store: Store,
        clock: Clock,
        *,
        at_once: int,
        seconds_left: Callable[[], float],
        step_seconds: float,
    ) -> None:
        """Make a delivery; `step_seconds` is how long an attempt may take."""
        self._deliverer = deliverer
        self._publisher = publisher
        self._store = store
        self._clock = clock
        self._at_once = at_once
        self._seconds_left = seconds_left
        self._step_seconds = step_seconds

    def idle_receivers(self) -> list[str]:
        """Return the receivers that no process is delivering to now. Raises StoreUnavailable."""
        topic = [TOPIC] if self._publisher is not None else []
        return [each for each in (*self._deliverer.endpoints(), *topic) if self._is_free(each)]

    def deliver_to(self, receiver: str) -> bool:
        """Deliver what is new and due; return whether more is waiting. Raises StoreUnavailable.

        Nothing is done while another process delivers to the receiver, or where there is none.
        """
        lease = RenewedLease(self._store, self._clock, delivery_lease(receiver), LEASE)
        if not lease.holds():
            return False
        try:
            more = self._may_begin()  # else too little time in all: more calls would not help
            while more and self._may_begin():
                more = self._round(receiver, lease)
            return more
        finally:
            lease.release()

    def _round(self, receiver: str, lease: RenewedLease) -> bool:
        if receiver != TOPIC:
            return self._deliverer.deliver(receiver, partial(self._attempts, lease))
        if self._publisher is None:
            return False
        return self._publisher.publish(lambda: self._may_begin() and lease.holds()).more

    def _attempts(
        self, lease: RenewedLease, jobs: Sequence[Callable[[], WebhookAttempt]]
    ) -> Sequence[WebhookAttempt | None]:
        """Make attempts, several at once; none that there may be too little time for."""

        def make(job: Callable[[], WebhookAttempt]) -> WebhookAttempt | None:
            return job() if self._may_begin() and lease.holds() else None

        with ThreadPoolExecutor(min(self._at_once, max(len(jobs), 1))) as threads:
            return list(threads.map(make, jobs))

    def _may_begin(self) -> bool:
        return self._seconds_left() > self._step_seconds

    def _is_free(self, receiver: str) -> bool:
        lease = self._store.get_lease(delivery_lease(receiver))
        return lease is None or lease.until <= self._clock()
