"""Dispatching within a time limit, for processes without threads, such as a Lambda function.

It makes no decision of its own. A later sweep finds what it does not reach and what fails.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial

from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.payments import Payment
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.polling import Poller, poll_interval
from paymentapp.worker.concurrency import succeeds

log = logging.getLogger(__name__)

SKEW = timedelta(seconds=5)  # how far the clocks of two hosts may be apart


class TimeboxedDispatch:
    """Dispatches step by step, and begins no step that it may lack the time for."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        poller: Poller,
        *,
        seconds_left: Callable[[], float],
        step_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make a run; `step_seconds` is how long a step may take."""
        self._dispatcher = dispatcher
        self._poller = poller
        self._seconds_left = seconds_left
        self._step_seconds = step_seconds
        self._sleep = sleep
        self._begun = False
        self._accepted: list[Batch] = []

    def submit_due(self, payments: Iterable[Payment]) -> list[Payment]:
        """Send the payments that are due. The records may be stale: each step is conditional.

        Returns the payments that are worth delivering again: the store failed before anything
        was done for them.
        """
        soon = self._dispatcher.clock() + SKEW
        due = [p for p in payments if p.due_at is not None and p.due_at <= soon]
        untouched: list[Payment] = []
        for payment in due:
            if payment.is_to_be_taken_back and self._may_begin():
                succeeds(partial(self._poller.cancel_unclaimed, payment))
        try:
            groups = self._dispatcher.group(due)
        except StoreUnavailable as error:
            log.warning("no payment is sent: holds cannot be read: %s; sent later", error)
            return self._untouched([each for each in due if not each.is_to_be_taken_back])
        for group in groups:
            if self._may_begin() and not succeeds(partial(self._submit, group)):
                untouched += self._untouched(group)
        return untouched

    def follow(self, seconds: float) -> None:
        """Poll what this run has sent, at growing intervals, for up to so many seconds."""
        started = self._dispatcher.clock()
        while self._accepted:
            waited = self._dispatcher.clock() - started
            pause = poll_interval(waited)
            if (waited + pause).total_seconds() > seconds or not self._may_begin(pause):
                return
            self._sleep(pause.total_seconds())
            batches, self._accepted = self._accepted, []
            for batch in batches:
                if self._may_begin():
                    succeeds(partial(self._poll, batch))

    def _may_begin(self, after: timedelta = timedelta()) -> bool:
        """Return whether there is time for another step.

        The first step is always begun: under a limit that is set too low, nothing would ever be
        done otherwise.
        """
        first, self._begun = not self._begun, True
        return first or self._seconds_left() - after.total_seconds() > self._step_seconds

    def _submit(self, group: Sequence[Payment]) -> None:
        self._remember(self._dispatcher.submit(group))

    def _poll(self, batch: Batch) -> None:
        self._remember(self._poller.follow(batch))

    def _remember(self, batch: Batch | None) -> None:
        if batch is not None and batch.state is BatchState.ACCEPTED:
            self._accepted.append(batch)

    def _untouched(self, payments: Sequence[Payment]) -> list[Payment]:
        """Return the payments that are unchanged; all of them where the store does not answer."""
        try:
            stored = self._dispatcher.store.get_payments([payment.key for payment in payments])
        except StoreUnavailable:
            return list(payments)
        now = {key: payment.revision for key, payment in stored.items()}
        return [payment for payment in payments if now.get(payment.key) == payment.revision]
