"""The worker: the threads that carry payments on, inside a web process or alone.

It decides nothing. A payment that this process accepted is picked up at once; everything else,
and everything that was dropped, comes with the next sweep.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from paymentapp.clock import Clock
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.services.dispatch.batching import LEASE
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.polling import Poller, poll_interval
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.services.inbound.mailboxes import MailboxCollector
from paymentapp.storage.base import Store
from paymentapp.worker.concurrency import DelayQueue, InFlight, RateLimiter, ThreadPool
from paymentapp.worker.sweeper import Sweeper

log = logging.getLogger(__name__)

ACCEPTED_LIMIT = 50_000  # payments; beyond that the sweep finds them
EVENTS_LIMIT = 1_000  # of webhooks; likewise
LONE_BATCHES_AT_ONCE = 10  # part-filled ones that a provider gets, after a quiet time
PATIENCE = 0.5  # seconds that a payment is held back to fill a batch; less than the sweep's grace
STOP_SECONDS = 5.0


class Worker:
    """Runs a dispatcher: `senders` threads send, one gathers, one sweeps and follows; two more
    apply what providers tell by webhook."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        poller: Poller,
        inbox: Inbox,
        sweep: Sweeper,
        collector: MailboxCollector,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._poller = poller
        self._inbox = inbox
        self._sweep = sweep
        self._collector = collector
        self._clock = clock
        self._settings = settings
        self._accepted: queue.Queue[Payment] = queue.Queue(ACCEPTED_LIMIT)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._senders = ThreadPool(settings.senders, "sender")
        self._pollers = ThreadPool(2, "looker")
        self._appliers = ThreadPool(2, "clerk")
        self._due_polls = DelayQueue()
        self._in_flight = InFlight()
        self._beat = 0.0

    def start(self) -> None:
        """Start the threads. Call it after a fork, never before."""
        self._beat = time.monotonic()
        self._senders.start()
        self._pollers.start()
        self._appliers.start()
        for target in (self._gather_loop, self._sweep_loop):
            thread = threading.Thread(target=target, name=target.__name__, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is in flight, for a few seconds; what is not finished, a sweep resumes."""
        if not self._threads or self._stopping.is_set():
            return
        self._stopping.set()
        end = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._senders.stop(end)
        self._pollers.stop(end)
        self._appliers.stop(end)
        try:
            self._sweep.release()
        except StoreUnavailable:
            log.warning("the sweep's leases could not be given back; they expire by themselves")

    @property
    def running(self) -> bool:
        """Whether this process dispatches."""
        return bool(self._threads) and not self._stopping.is_set()

    def wake(self, payment: Payment) -> None:
        """Tell of a payment that should leave at once. Never blocks; a hint, not a duty."""
        if self.running:
            with contextlib.suppress(queue.Full):  # then the sweep will find it
                self._accepted.put_nowait(payment)

    def apply_soon(self, event: ProviderEvent) -> None:
        """Tell of an event that should be applied at once; as `wake`, a hint and not a duty."""
        if self.running and not self._appliers.is_behind(EVENTS_LIMIT):
            self._apply(event)

    def problem(self) -> str | None:
        """What is wrong with dispatching as a whole, or None. Raises StoreUnavailable."""
        if not self.running:
            return None if self._sweep.is_held() else "no dispatcher is running"
        silence = time.monotonic() - self._beat
        limit = 5 * self._settings.sweep_seconds + self._settings.provider_timeout
        return f"the dispatcher has been silent for {silence:.0f} s" if silence > limit else None

    def alerts(self) -> dict[str, str]:
        """Providers whose calls are failing, and why."""
        return self._dispatcher.pauses.causes()

    def _gather_loop(self) -> None:
        """Turn payments that were just accepted into batches: a lone one at once, a flood full."""
        limiters = {
            name: RateLimiter(provider.submits_per_second, LONE_BATCHES_AT_ONCE)
            for name, provider in self._dispatcher.providers.items()
        }
        held: list[Payment] = []
        held_since = 0.0
        while not self._stopping.is_set():
            fresh = self._receive(timeout=0.01 if held else 0.2)
            if fresh and not held:
                held_since = time.monotonic()
            held += fresh
            if not held:
                continue
            try:
                held = self._send_groups(held, limiters)
            except Exception:
                log.exception("payments were not grouped, and are left to the sweep")
                held = []
            if held and time.monotonic() - held_since > PATIENCE:
                held = []  # no sender is free: the sweep takes them, in full batches

    def _receive(self, timeout: float) -> list[Payment]:
        """What was accepted; after the first, a moment more for others to come along."""
        try:
            received = [self._accepted.get(timeout=timeout)]
        except queue.Empty:
            return []
        time.sleep(self._settings.linger_ms / 1000)
        while not self._accepted.empty():
            received.append(self._accepted.get_nowait())
        return received

    def _send_groups(
        self, payments: list[Payment], limiters: Mapping[str, RateLimiter]
    ) -> list[Payment]:
        """Hand over the groups that may leave now; returns the payments of the others."""
        held = []
        for group in self._dispatcher.group(payments):
            limiter = limiters[group[0].payment_method]
            if self._senders.idle() and (self._dispatcher.is_full(group) or limiter.take()):
                self._hand_over(group)
            else:
                held += group
        return held

    def _hand_over(self, group: list[Payment]) -> threading.Event:
        keys = [payment.key for payment in group]
        self._in_flight.add(keys)

        def job() -> None:
            try:
                batch = self._dispatcher.submit(group)
                if batch is not None:
                    self._follow_later(batch)
            finally:
                self._in_flight.remove(keys)

        return self._senders.do(job)

    def _sweep_loop(self) -> None:
        """Sweep at intervals, follow accepted batches when their time comes, until stopped."""
        next_sweep = time.monotonic()
        while not self._stopping.wait(0.05):
            self._beat = time.monotonic()
            self._start_polls()
            if time.monotonic() < next_sweep:
                continue
            try:
                more = self._sweep_once()
            except StoreUnavailable as error:
                log.warning("the sweep could not read the store: %s", error)
                more = False
            except Exception:
                log.exception("the sweep failed")  # the next one may not
                more = False
            next_sweep = time.monotonic() + (0 if more else self._settings.sweep_seconds)

    def _sweep_once(self) -> bool:
        """Find due work and hand it out; returns whether more is waiting."""
        for name in self._collector.due():
            self._once(self._pollers, f"mailbox {name}", partial(self._collector.collect, name))
        found = self._sweep.find_due()
        for batch in found.batches:
            self._resume(batch)
        for news in found.events:
            self._apply(news)
        for payment in found.take_back:
            self._take_back(payment)
        groups = [group for group in found.groups if not self._in_flight.any(p.key for p in group)]
        done = [self._hand_over(group) for group in groups]
        for event in done:
            while not event.wait(0.05) and not self._stopping.is_set():
                self._beat = time.monotonic()
                self._start_polls()
        return found.more

    def _resume(self, batch: Batch) -> None:
        pool = self._pollers if batch.state is BatchState.ACCEPTED else self._senders
        self._once(pool, batch.batch_id, lambda: self._follow_later(self._dispatcher.resume(batch)))

    def _take_back(self, payment: Payment) -> None:
        self._once(self._pollers, payment.key, lambda: self._poller.cancel_unclaimed(payment))

    def _apply(self, event: ProviderEvent) -> None:
        thing = f"{event.provider} {event.event_id}"
        self._once(self._appliers, thing, lambda: self._inbox.apply(event))

    def _once(self, pool: ThreadPool, thing: PaymentKey | str, step: Callable[[], object]) -> None:
        """Have a step done, unless the thing is in hand already."""
        if self._in_flight.any([thing]):
            return
        self._in_flight.add([thing])

        def job() -> None:
            try:
                step()
            finally:
                self._in_flight.remove([thing])

        pool.do(job)

    def _follow_later(self, batch: Batch) -> None:
        """Look at a batch soon; looks that are far off are left to the sweep."""
        if batch.state is not BatchState.ACCEPTED or batch.accepted_at is None:
            return
        delay = poll_interval(self._clock() - batch.accepted_at)
        if delay < LEASE / 2:
            self._due_polls.add(time.monotonic() + delay.total_seconds(), batch.batch_id)

    def _start_polls(self) -> None:
        for batch_id in self._due_polls.take_due(time.monotonic()):
            batch = self._store.get_batch(batch_id)
            if batch is not None and batch.state is BatchState.ACCEPTED:
                self._resume(batch)
