"""A simulated process: the real services, and the work that its threads would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, cast

from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.payments import Payment
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.services.outbound.deliverer import WebhookAttempt
from paymentapp.services.outbound.progress import KeptProgress
from paymentapp.storage.base import Lease, Store
from paymentapp.worker.threaded import Worker
from paymentapp.worker.webhooks import LEASE, PROGRESS_SECONDS
from tests.faults.simulation import faults
from tests.faults.simulation.clock import SkewedClock, micros_of
from tests.faults.simulation.payment_methods import VAULT_KEY
from tests.faults.simulation.receivers import ReceiverClient
from tests.faults.simulation.scheduler import MILLISECOND, SECOND, Crash, Task, current_task
from tests.faults.simulation.webhook_reads import WebhookReads

if TYPE_CHECKING:
    from tests.faults.simulation.clients import Intent
    from tests.faults.simulation.world import World

LINGER = 10 * MILLISECOND


class Process:
    """Everything in its memory (inbox, breakers, leases) is lost when it ends."""

    def __init__(self, world: World, name: str, skew: int) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.stalled_until = 0
        self.tasks: dict[Task, None] = {}
        self.inbox: list[Payment] = []
        self.clock = SkewedClock(world.time, skew, world.tick)
        # It models all that these services call, and nothing that only others do.
        self.store = cast(Store, world.parts.store(world, self))
        self.services = build_services(
            Settings(
                due_shards=world.shards,
                collect_seconds=30,
                routes=world.methods.routes,
                approvals=world.approvers.rules,
                limits=world.limits.setting,
                duplicate_hours=world.limits.duplicate_hours,
                vault_keys=VAULT_KEY if world.webhooks.on else "",
            ),
            store=self.store,
            providers=world.methods.providers(self),
            clock=self.clock,
            worker=cast(Worker, self),
            timer=self._seconds,
        )
        self.deliverer = replace(self.services.deliverer, client=ReceiverClient(world, self))
        self._lanes: set[str] = set()  # endpoints that it delivers to now
        self._progress: dict[str, KeptProgress] = {}  # of the endpoints that it has delivered to
        self._publishes = False
        self._works_off = False

    def wake(self, payment: Payment) -> None:
        """Receive a hint from the API to dispatch soon. Some get lost, as hints may."""
        if self.world.chance(self.world.lost_wakes):
            return
        if not self.inbox:
            self.world.scheduler.later(LINGER, self._gather_loop)
        self.inbox.append(payment)

    def apply_soon(self, event: ProviderEvent) -> None:
        """Drop every hint of an event: the sweep has to find it."""

    def spawn(self, work: Callable[[], object], owner: Intent | None = None) -> None:
        """Begin a task, and run it until its first call. Call from the hub only."""
        task = Task(self.world.scheduler, self, lambda: self._run(work), owner)
        self.tasks[task] = None
        task.switch()

    def spawn_later(self, delay: int, work: Callable[[], object]) -> None:
        """Begin a task after some time, if the process lives so long."""

        def begin() -> None:
            if self.alive:
                self.spawn(work)

        self.world.scheduler.later(delay, begin)

    def sweep_forever(self) -> None:
        """Sweep like the sweeping thread."""
        while True:
            self.wait(self.world.pause_before_sweep(self))
            if self.world.is_over():
                return
            self.world.webhooks.look(self)
            self.world.bulk.look(self)
            if not self.world.anything_due(self):
                continue  # a look would change nothing
            try:
                self._sweep_once()
            except StoreUnavailable:
                continue

    def deliver_later(self, endpoint_id: str) -> None:
        """Begin to deliver what waits for an endpoint, unless this process does so already."""
        if endpoint_id not in self._lanes:
            self._lanes.add(endpoint_id)
            self.spawn_later(0, partial(self._deliver, endpoint_id))

    def publish_later(self) -> None:
        """Begin to publish events, unless this process does so already."""
        if not self._publishes:
            self._publishes = True
            self.spawn_later(0, self._publish)

    def work_off_later(self) -> None:
        """Begin to work off a bulk run, unless this process does so already."""
        if not self._works_off:
            self._works_off = True
            self.spawn_later(0, self._work_off)

    def _work_off(self) -> None:
        runner = replace(self.services.bulk_runner, at_once=1)  # tasks, and no threads
        try:
            while runner.advance(lambda: not self.world.faults.on or self.world.chance(0.95)):
                pass
        finally:
            self._works_off = False

    def wait(self, micros: int) -> None:
        """Let other tasks run. A stalled process continues when it is resumed."""
        scheduler = self.world.scheduler
        scheduler.sleep(micros)
        while self.stalled_until > scheduler.now:
            scheduler.sleep(self.stalled_until - scheduler.now)

    def die(self) -> NoReturn:
        """End this process from one of its own tasks."""
        self.world.scheduler.later(0, self.crash)
        self.world.scheduler.hub.switch()
        raise Crash

    def crash(self) -> None:
        """End all tasks where they are. Call from the hub only."""
        if not self.alive:
            return
        self.alive = False
        self.world.note(self, "crash", None, len(self.tasks))
        for task in list(self.tasks):
            self.world.touch_task(task, faults.CRASH)
            task.throw(Crash)
        self.world.restart(self)

    def stall(self, micros: int) -> None:
        """Suspend all tasks for a while, without their noticing."""
        self.stalled_until = self.world.scheduler.now + micros
        self.world.note(self, "stall", None, micros // SECOND)
        for task in self.tasks:
            self.world.touch_task(task, faults.STALLED)

    def micros(self) -> int:
        """Return this process's clock, in microseconds since the start."""
        return micros_of(self.clock())

    def _seconds(self) -> float:
        return self.world.time.micros() / SECOND

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except StoreUnavailable:
            return  # a worker's thread logs it, and goes on with the next thing
        except Exception as error:
            self.world.unexpected(error)

    def _deliver(self, endpoint_id: str) -> None:
        """Do rounds as a lane does, while more is waiting and the lease lasts."""
        fresh = KeptProgress(PROGRESS_SECONDS, self._seconds)
        progress = self._progress.setdefault(endpoint_id, fresh)
        try:
            more = True
            while more and (self.world.webhooks.without_lease or self._holds(endpoint_id)):
                reads = current_task().webhooks = WebhookReads(endpoint_id)
                more = self.deliverer.deliver(reads.endpoint_id, self._attempts, progress)
        finally:
            self._lanes.discard(endpoint_id)

    def _attempts(
        self, jobs: Sequence[Callable[[], WebhookAttempt]]
    ) -> Sequence[WebhookAttempt | None]:
        """Make attempts one after the other; now and then a lane has to stop in between."""
        results: list[WebhookAttempt | None] = [None] * len(jobs)
        for number, job in enumerate(jobs):
            if self.world.faults.on and self.world.chance(0.02):
                break
            results[number] = job()
        return results

    def _holds(self, endpoint_id: str) -> bool:
        now = self.clock()
        wanted = Lease(f"webhook#{endpoint_id}", self.services.sweeper.owner, now + LEASE)
        return self.store.hold_lease(wanted, now).owner == wanted.owner

    def _publish(self) -> None:
        try:
            self.store.publish_events(self.clock())
        finally:
            self._publishes = False

    def _gather_loop(self) -> None:
        if not self.alive:
            return
        payments, self.inbox = self.inbox, []
        self.spawn(partial(self._hand_out, payments))

    def _hand_out(self, payments: list[Payment]) -> None:
        for group in self.services.dispatcher.group(payments):
            self.spawn_later(0, partial(self._submit, group))

    def _sweep_once(self) -> None:
        for name in self.services.mailbox_collector.due():
            self.spawn_later(0, partial(self.services.mailbox_collector.collect, name))
        if self.world.chance(0.2):
            self.services.sweeper.run()
            return
        found = self.services.sweeper.find_due()
        for batch in found.batches:
            self._resume(batch)
        for event in found.events:
            self.spawn_later(0, partial(self.services.inbox.apply, event))
        for payment in found.take_back:
            self.spawn_later(0, partial(self.services.poller.cancel_unclaimed, payment))
        for payment in found.expired:
            self.spawn_later(0, partial(self.services.sweeper.expire, payment))
        for group in found.groups:
            self.spawn_later(0, partial(self._submit, group))

    def _submit(self, group: list[Payment]) -> None:
        self._follow_later(self.services.dispatcher.submit(group))

    def _resume(self, batch: Batch) -> None:
        self.spawn_later(0, lambda: self._follow_later(self.services.dispatcher.resume(batch)))

    def _follow_later(self, batch: Batch | None) -> None:
        """Schedule a poll of what was just accepted; later polls are the sweep's."""
        if batch is None or batch.state is not BatchState.ACCEPTED or batch.accepted_at is None:
            return
        age = max(self.micros() - micros_of(batch.accepted_at), 0)
        delay = max(age // 2, SECOND)
        if delay < 30 * SECOND and self.world.chance(0.7):
            self.spawn_later(delay, lambda: self._look(batch.batch_id))

    def _look(self, batch_id: str) -> None:
        batch = self.store.get_batch(batch_id)
        if batch is not None and batch.state is BatchState.ACCEPTED:
            self._follow_later(self.services.dispatcher.resume(batch))
