"""The worker: threads that dispatch payments, inside a web process or in a process of their own.

It makes no decision of its own. A payment that this process accepted is picked up at once; the
next sweep finds everything else, and everything that was dropped.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
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
from paymentapp.services.outbound.deliverer import Deliverer
from paymentapp.services.outbound.publisher import EventPublisher
from paymentapp.storage.base import Store
from paymentapp.supervision import ServiceThread
from paymentapp.worker.call_limits import CallLimits
from paymentapp.worker.concurrency import DelayQueue, InFlight, ThreadPool
from paymentapp.worker.sweeper import Sweeper
from paymentapp.worker.topic import TopicLane
from paymentapp.worker.webhook_process import WebhookProcess
from paymentapp.worker.webhooks import WebhookLanes, open_lanes

log = logging.getLogger(__name__)

ACCEPTED_LIMIT = 50_000  # payments queued here; the sweep finds those beyond
EVENTS_LIMIT = 1_000  # provider events queued here; likewise
HOLD_SECONDS = 0.5  # how long a payment waits for its batch to fill; less than the sweep's grace
STOP_SECONDS = 5.0
# Seconds; longer than any step takes, apart from the provider's calls in it: a large batch reads
# and writes its members in some hundred requests to the store, each of up to 12 seconds when it
# fails, and the first that fails ends the step.
STEP_LIMIT = 900.0


class Worker:
    """Runs a dispatcher by threads.

    `senders` threads send batches, one thread groups accepted payments, one sweeps, two poll
    providers, and two apply provider events. Each webhook endpoint has threads of its own, or a
    process delivers to all of them; the topic of events has a thread.
    """

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        poller: Poller,
        inbox: Inbox,
        sweep: Sweeper,
        collector: MailboxCollector,
        deliverer: Deliverer,
        publisher: EventPublisher | None,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._poller = poller
        self._inbox = inbox
        self._sweeper = sweep
        self._collector = collector
        self._clock = clock
        self._settings = settings
        self._accepted: queue.Queue[Payment] = queue.Queue(ACCEPTED_LIMIT)
        self._held: list[Payment] = []  # grouped, and not sent: their batch may fill
        self._held_since = 0.0
        self._next_sweep = 0.0
        self._limits = CallLimits(dispatcher.providers.values())
        self._due_polls = DelayQueue()
        self._in_flight = InFlight()
        self._started = False
        self._stopping = threading.Event()
        calls = [provider.longest_call for provider in dispatcher.providers.values()]
        limit = STEP_LIMIT + max(calls, default=timedelta()).total_seconds()
        self._senders = ThreadPool(settings.senders, "sender", limit)
        self._pollers = ThreadPool(2, "poller", limit)
        self._appliers = ThreadPool(2, "applier", limit)
        self._gather_thread = self._loop("gatherer", self._gather)
        self._sweep_thread = self._loop("sweeper", self._sweep)
        self._bulk_thread = self._loop("bulk", self._work_off_bulk)
        sweep.on_progress = self._sweep_thread.beat
        pause = max(settings.sweep_seconds, 0.2)
        self._webhooks: WebhookLanes | WebhookProcess
        self._webhooks = open_lanes(deliverer, store, clock, settings)
        self._topic = TopicLane(publisher, store, clock, pause=pause) if publisher else None

    def _loop(self, name: str, step: Callable[[ServiceThread], bool]) -> ServiceThread:
        return ServiceThread(name, step, limit=STEP_LIMIT, stopping=self._stopping)

    def start(self, webhooks: WebhookProcess | None = None) -> None:
        """Start the threads. Call this after a fork, never before.

        With `webhooks` a process of its own delivers to webhook endpoints, and no thread does.
        """
        self._webhooks = webhooks or self._webhooks
        self._started = True
        for pool in (self._senders, self._pollers, self._appliers):
            pool.start()
        self._gather_thread.start()
        self._sweep_thread.start()
        self._bulk_thread.start()
        self._webhooks.start()
        if self._topic is not None:
            self._topic.start()

    def threads(self) -> Sequence[ServiceThread]:
        """Return the threads that have to run; none before the start and once it is stopped."""
        if not self.running:
            return []
        pools = (self._senders, self._pollers, self._appliers)
        pooled = [thread for pool in pools for thread in pool.threads]
        sending = [*self._webhooks.threads(), *(self._topic.threads() if self._topic else ())]
        own = [self._gather_thread, self._sweep_thread, self._bulk_thread]
        return [*own, *pooled, *sending]

    def stop(self) -> None:
        """Finish work in flight, for a few seconds; a sweep resumes what is not finished."""
        if not self.running:
            return
        self._stopping.set()
        self._webhooks.begin_to_stop()
        if self._topic is not None:
            self._topic.begin_to_stop()
        end = time.monotonic() + STOP_SECONDS
        for thread in (self._gather_thread, self._sweep_thread, self._bulk_thread):
            thread.join(max(0.0, end - time.monotonic()))
        for pool in (self._senders, self._pollers, self._appliers):
            pool.stop(end)
        self._webhooks.stop(end)
        if self._topic is not None:
            self._topic.stop(end)
        try:
            self._sweeper.release()
        except StoreUnavailable:
            log.warning("sweep leases not released: store unavailable; they expire by themselves")

    @property
    def running(self) -> bool:
        """Return whether this process dispatches."""
        return self._started and not self._stopping.is_set()

    def wake(self, payment: Payment) -> None:
        """Queue a payment to be sent at once. Never blocks; a hint that may be dropped."""
        if self.running:
            with contextlib.suppress(queue.Full):  # the sweep finds it then
                self._accepted.put_nowait(payment)

    def apply_soon(self, event: ProviderEvent) -> None:
        """Queue an event to be applied at once; a hint that may be dropped, as in `wake`."""
        if self.running and not self._appliers.is_behind(EVENTS_LIMIT):
            self._apply(event)

    def problem(self) -> str | None:
        """Return what is wrong with dispatching as a whole, or None. Raises StoreUnavailable."""
        if not self.running:
            return None if self._sweeper.is_held() else "no dispatcher is running"
        silence = self._sweep_thread.silence
        limit = 5 * self._settings.sweep_seconds + self._settings.provider_timeout
        return f"the dispatcher has been silent for {silence:.0f} s" if silence > limit else None

    def alerts(self) -> dict[str, str]:
        """Return the providers whose calls are failing, each with the last error."""
        return self._dispatcher.failing.causes()

    def _gather(self, _thread: ServiceThread) -> bool:
        """Group accepted payments into batches: a lone payment at once, many in full batches."""
        fresh = self._receive(timeout=0.01 if self._held else 0.2)
        if not self._held:
            self._held_since = time.monotonic()
        payments, self._held = self._held + fresh, []  # where this fails, the sweep sends them
        held = self._send_groups(payments) if payments else []
        if time.monotonic() - self._held_since <= HOLD_SECONDS:
            self._held = held  # else no sender is free: the sweep sends them, in full batches
        return not self._stopping.is_set()

    def _receive(self, timeout: float) -> list[Payment]:
        """Return payments accepted meanwhile; wait `linger_ms` after the first one for more."""
        try:
            received = [self._accepted.get(timeout=timeout)]
        except queue.Empty:
            return []
        time.sleep(self._settings.linger_ms / 1000)
        while not self._accepted.empty():
            received.append(self._accepted.get_nowait())
        return received

    def _send_groups(self, payments: list[Payment]) -> list[Payment]:
        """Hand the groups that may be sent now to a sender; return the payments of the others."""
        held = []
        for group in self._dispatcher.group(payments):
            if self._senders.idle() and self._may_send(group):
                self._hand_over(group)
            else:
                held += group
        return held

    def _may_send(self, group: list[Payment]) -> bool:
        full = self._dispatcher.is_full(group)
        return full or self._limits.may_submit_early(group[0].payment_method)

    def _may_send_swept(self, group: list[Payment]) -> bool:
        """Return whether a group of a sweep may be sent; else its payments stay due."""
        if self._in_flight.any(payment.key for payment in group):
            return False
        full = self._dispatcher.is_full(group)
        return full or self._limits.may_submit(group[0].payment_method)

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

    def _sweep(self, thread: ServiceThread) -> bool:
        """Start the polls that are due, and sweep at intervals."""
        if self._stopping.wait(0.05):
            return False
        self._start_polls()
        if time.monotonic() >= self._next_sweep:
            more = self._sweep_once(thread)  # where this fails, the next step sweeps again
            pause = 0 if more else self._settings.sweep_seconds
            self._next_sweep = time.monotonic() + pause
        return True

    def _work_off_bulk(self, thread: ServiceThread) -> bool:
        """Work off bulk runs that are due; look for more after a pause."""
        if self._stopping.wait(self._settings.sweep_seconds):
            return False

        def may_go_on() -> bool:
            thread.beat()
            return not self._stopping.is_set()

        while may_go_on() and self._sweeper.work_off_bulk(may_go_on):
            pass
        return True

    def _sweep_once(self, thread: ServiceThread) -> bool:
        """Find due work and hand it to the pools; return whether more is waiting."""
        for name in self._collector.due():
            self._do_once(self._pollers, f"mailbox {name}", partial(self._collector.collect, name))
        if self._sweeper.funds.is_due():
            self._do_once(self._pollers, "balances", self._sweeper.look_at_funds)
        found = self._sweeper.find_due()
        self._limits.set_share(self._sweeper.share)
        for batch in found.batches:
            self._resume(batch)
        for received in found.events:
            self._apply(received)
        for payment in found.take_back:
            self._take_back(payment)
        for payment in found.expired:
            self._expire(payment)
        self._do_once(self._pollers, "maintenance", self._sweeper.maintain)
        sent = [self._hand_over(group) for group in found.groups if self._may_send_swept(group)]
        for done in sent:
            while not done.wait(0.05) and not self._stopping.is_set():
                thread.beat()
                self._start_polls()
        return found.more and bool(sent)

    def _resume(self, batch: Batch) -> None:
        """Have a pool take the next step of a batch; a poll that has to wait is found again."""
        polls = batch.state is BatchState.ACCEPTED
        if polls and (self._in_flight.any([batch.batch_id]) or not self._limits.may_poll(batch)):
            return
        pool = self._pollers if polls else self._senders
        self._do_once(
            pool, batch.batch_id, lambda: self._follow_later(self._dispatcher.resume(batch))
        )

    def _take_back(self, payment: Payment) -> None:
        self._do_once(self._pollers, payment.key, lambda: self._poller.cancel_unclaimed(payment))

    def _expire(self, payment: Payment) -> None:
        self._do_once(self._pollers, payment.key, lambda: self._sweeper.expire(payment))

    def _apply(self, event: ProviderEvent) -> None:
        name = f"{event.provider} {event.event_id}"
        self._do_once(self._appliers, name, lambda: self._inbox.apply(event))

    def _do_once(
        self, pool: ThreadPool, name: PaymentKey | str, step: Callable[[], object]
    ) -> None:
        """Have a pool do a step, unless this process is working on `name` already."""
        if self._in_flight.any([name]):
            return
        self._in_flight.add([name])

        def job() -> None:
            try:
                step()
            finally:
                self._in_flight.remove([name])

        pool.do(job)

    def _follow_later(self, batch: Batch) -> None:
        """Schedule the next poll of a batch if it is due soon; the sweep does the later ones."""
        if batch.state is not BatchState.ACCEPTED or batch.accepted_at is None:
            return
        delay = poll_interval(self._clock() - batch.accepted_at)
        if delay < LEASE / 2 and self._limits.may_poll_early(batch):
            self._due_polls.add(time.monotonic() + delay.total_seconds(), batch.batch_id)

    def _start_polls(self) -> None:
        for batch_id in self._due_polls.take_due(time.monotonic()):
            self._do_once(self._pollers, batch_id, partial(self._poll, batch_id))

    def _poll(self, batch_id: str) -> None:
        batch = self._store.get_batch(batch_id)
        if batch is not None and batch.state is BatchState.ACCEPTED:
            self._follow_later(self._dispatcher.resume(batch))
