"""A simulated process: the real services, and the work that its threads would do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn, cast

from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.payments import Payment
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.storage.base import Store
from paymentapp.worker.threaded import Worker
from tests.faults.simulation import faults
from tests.faults.simulation.clock import SkewedClock, micros_of
from tests.faults.simulation.scheduler import MILLISECOND, SECOND, Crash, Task

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
            ),
            store=self.store,
            providers=world.methods.providers(self),
            clock=self.clock,
            worker=cast(Worker, self),
            timer=lambda: world.time.micros() / SECOND,
        )

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
            if not self.world.anything_due(self):
                continue  # a look would change nothing
            try:
                self._sweep_once()
            except StoreUnavailable:
                continue

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

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except StoreUnavailable:
            return  # a worker's thread logs it, and goes on with the next thing
        except Exception as error:
            self.world.unexpected(error)

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
