"""A sweep within a time limit, for processes without threads, such as a Lambda function.

It makes no decision of its own. A later sweep finds what it does not reach and what fails.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.services.inbound.mailboxes import MailboxCollector
from paymentapp.services.outbound.deliverer import Deliverer, WebhookAttempt
from paymentapp.services.outbound.publisher import EventPublisher
from paymentapp.worker.concurrency import succeeds
from paymentapp.worker.sweeper import DueWork, Sweeper
from paymentapp.worker.timeboxed_dispatch import TimeboxedDispatch

log = logging.getLogger(__name__)

STALE_READS = 3  # reads in a row that find nothing new before a sweep ends: an index lags
STALE_SECONDS = 0.2  # behind what was just done for about so long
RETRY_DELAYS = (0.5, 1.0, 2.0)  # seconds, after reads of the store that failed


class TimedStep(NamedTuple):
    """A step to take, and the revisions of the records on which it was decided."""

    revisions: Sequence[str]
    do: Callable[[], object]


class TimeboxedRun(TimeboxedDispatch):
    """Sweeps, and sends events, within the time limit of a dispatch."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        poller: Poller,
        sweep: Sweeper,
        inbox: Inbox,
        collector: MailboxCollector,
        deliverer: Deliverer,
        *,
        seconds_left: Callable[[], float],
        step_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        publisher: EventPublisher | None = None,
    ) -> None:
        """Make a run; `step_seconds` is how long a step may take."""
        super().__init__(
            dispatcher, poller, seconds_left=seconds_left, step_seconds=step_seconds, sleep=sleep
        )
        self._sweep = sweep
        self._inbox = inbox
        self._collector = collector
        self._deliverer = deliverer
        self._publisher = publisher

    def sweep(self) -> int:
        """Find and do due work until nothing new is due or the time is up.

        No step is repeated on the same revision: an index may still show what is done, and what
        has just failed would fail again. Returns the number of steps that succeeded. Raises
        StoreUnavailable where the store fails for longer than it is retried.
        """
        self._collect()
        tried: set[str] = set()
        done = stale_reads = 0
        while stale_reads < STALE_READS and self._may_begin():
            found = self._find_due()
            if found.is_empty:
                break
            steps = list(self._steps(found, tried))
            for step in steps:
                if self._may_begin():
                    tried.update(step.revisions)
                    done += succeeds(step.do)
            if not steps:
                stale_reads += 1
                self._sleep(STALE_SECONDS)
        self._look_at_funds()
        if self._may_begin():
            succeeds(self._sweep.maintain)
        self._erase()
        self._work_off_bulk()
        return done

    def _work_off_bulk(self) -> None:
        """Work off bulk runs while there is time; the next sweep goes on with what is left."""
        while self._may_begin():
            try:
                if not self._sweep.work_off_bulk(self._may_begin):
                    return
            except StoreUnavailable as error:
                log.warning("no bulk run worked off: %s; retried by the next sweep", error)
                return

    def _erase(self) -> None:
        """Go on erasing customers while there is time: sweeps may be a minute apart."""
        erased = True
        while erased and self._may_begin():
            try:
                erased = self._sweep.erase()
            except StoreUnavailable as error:
                log.warning("no customer erased: %s; retried by the next sweep", error)
                return

    def deliver(self) -> None:
        """Send events to webhook endpoints and the topic, each by a thread, while there is time.

        Threads, so that an endpoint that hangs takes no other's time. Raises StoreUnavailable.
        """
        steps = [partial(self._deliver_to, each) for each in self._deliverer.endpoints()]
        if self._publisher is not None:
            steps.append(partial(self._publish, self._publisher))
        if not steps:
            return
        with ThreadPoolExecutor(len(steps)) as threads:
            for step in steps:
                threads.submit(succeeds, step)

    def _publish(self, publisher: EventPublisher) -> None:
        while self._may_begin() and publisher.publish(self._may_begin).more:
            pass

    def _deliver_to(self, endpoint_id: str) -> None:
        while self._may_begin() and self._deliverer.deliver(endpoint_id, self._attempts):
            pass

    def _attempts(
        self, jobs: Sequence[Callable[[], WebhookAttempt]]
    ) -> Sequence[WebhookAttempt | None]:
        """Make attempts one after the other; none that there may be too little time for."""
        return [job() if self._may_begin() else None for job in jobs]

    def _find_due(self) -> DueWork:
        """Find due work; retry a store that fails, a few times and while there is time."""
        for delay in RETRY_DELAYS:
            try:
                return self._sweep.find_due()
            except StoreUnavailable as error:
                if not self._may_begin(timedelta(seconds=delay)):
                    raise
                log.warning("sweep could not read the store: %s; retried in %s s", error, delay)
                self._sleep(delay)
        return self._sweep.find_due()

    def _collect(self) -> None:
        """Collect from the mailboxes; the sweep then finds their events with the rest."""
        for name in self._collector.due():
            if self._may_begin():
                succeeds(partial(self._collector.collect, name))

    def _look_at_funds(self) -> None:
        """Look at balances, where there is time left after the work that was due."""
        if self._sweep.funds.is_due() and self._may_begin():
            succeeds(self._sweep.look_at_funds)

    def _steps(self, found: DueWork, tried: set[str]) -> Iterator[TimedStep]:
        """Yield steps that were not tried yet; batches first, as their payments wait longest."""
        for batch in found.batches:
            if batch.revision not in tried:
                yield TimedStep([batch.revision], partial(self._resume, batch))
        for event in found.events:
            if event.revision not in tried:
                yield TimedStep([event.revision], partial(self._inbox.apply, event))
        for payment in found.take_back:
            if payment.revision not in tried:
                yield TimedStep([payment.revision], partial(self._poller.cancel_unclaimed, payment))
        for payment in found.expired:
            if payment.revision not in tried:
                yield TimedStep([payment.revision], partial(self._sweep.expire, payment))
        for group in found.groups:
            fresh = [payment for payment in group if payment.revision not in tried]
            if fresh:
                yield TimedStep([p.revision for p in fresh], partial(self._submit, fresh))

    def _resume(self, batch: Batch) -> None:
        young = batch.state is not BatchState.ACCEPTED  # the sweep follows older ones
        resumed = self._dispatcher.resume(batch)
        if young:
            self._remember(resumed)
