"""One world from one seed: processes, callers, store, provider and faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random

from paymentapp.models.batches import Batch, Member
from paymentapp.models.events import Event, events_of
from paymentapp.models.payments import Cause, Payment, PaymentKey
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.openach.provider import OpenAch
from paymentapp.providers.stripe.provider import Stripe
from tests.faults.simulation import bulk
from tests.faults.simulation.approvers import Approvers
from tests.faults.simulation.attempts import Attempts
from tests.faults.simulation.checks import held_is_shown, judge
from tests.faults.simulation.clients import Clients, Intent
from tests.faults.simulation.clock import Time, micros_of
from tests.faults.simulation.fault_plan import FaultPlan
from tests.faults.simulation.faults import Faults
from tests.faults.simulation.findings import Findings
from tests.faults.simulation.holders import Holders
from tests.faults.simulation.ledger import HELD_FOR, Item, Ledger
from tests.faults.simulation.limits import WorldLimits
from tests.faults.simulation.long_fault_plan import LongFaultPlan, WebhookFaultPlan
from tests.faults.simulation.operator import SimulatedOperator
from tests.faults.simulation.payment_methods import WorldMethods
from tests.faults.simulation.process import Process
from tests.faults.simulation.provider import SimulatedProvider
from tests.faults.simulation.regrets import Regretters
from tests.faults.simulation.retries import Retriers
from tests.faults.simulation.scheduler import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Scheduler,
    Task,
    current_owner,
)
from tests.faults.simulation.store import SimulatedStore
from tests.faults.simulation.tables import Tables
from tests.faults.simulation.trace import Subject, Trace
from tests.faults.simulation.webhooks import SCENE, WorldWebhooks

ENGINES = ("sqlite", "dynamodb", "postgresql")
STAGES = ("stamp", "freeze", "submit", "accept", "fetch", "settle")
PATIENCE = 45 * DAY  # after the last fault or question; what is not quiet by then never will be
# A world that needs more events runs in circles. Of 1,200 with 40 payments, 99 of 100 needed less
# than 27,000, and the one with the most 51,000: for weeks it looked for files of its bank.
EVENTS = 300  # for each payment
EVENTS_OF_ANY = 100_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The classes of a process's services; a seeded bug replaces one of them."""

    store: type[SimulatedStore] = SimulatedStore
    provider: type[SimulatedProvider] = SimulatedProvider
    ach: type[Ach] = Ach
    stripe: type[Stripe] = Stripe
    openach: type[OpenAch] = OpenAch


_PLANS: dict[str, type[FaultPlan]] = {
    "paypal": FaultPlan,
    SCENE: WebhookFaultPlan,
    bulk.SCENE: bulk.BulkFaultPlan,
}


class World:
    """Everything that the processes share, and the source of all random decisions."""

    def __init__(self, seed: int, payments: int, engine: str, parts: Parts, scene: str) -> None:
        self.rng = Random(f"{seed} {engine}" if scene == "paypal" else f"{seed} {engine} {scene}")
        self.random = self.rng.random
        self.count = payments
        self.engine = engine
        self.parts = parts
        self.scheduler = Scheduler()
        self.time = Time(self.scheduler)
        self.trace = Trace()
        self.findings = Findings(self.scheduler)
        self.tick = (1, 1, 1_000, 16_000)[self.draw(4)]
        self.shards = 1 + self.draw(3)
        self.batch_size = (3, 8, 20, 50)[self.draw(4)]
        self.lost_wakes = self.random() ** 2
        self.hooks = self.random() if self.chance(0.7) else 0.0
        self.faults = Faults(self.rng, (0.3, 1.0, 1.0, 2.0)[self.draw(4)])
        self.operator = SimulatedOperator(self)
        self.retriers = Retriers(self)
        self.approvers = Approvers(self, f"{seed} {engine} {scene}")
        self.tables = Tables(
            *(self.time, self.rng, engine == "dynamodb", self.findings, self.operator.hears),
            on_success=self._succeeded,
            on_new=self.retriers.check,
            on_end=self.retriers.hears,
            on_change=self._changed,
            on_events=self._written,
        )
        self.ledger = Ledger(self.time, self.rng, self._announce)
        self.attempts = Attempts(self)
        self.regretters = Regretters(self, f"{seed} {engine} {scene}")
        self.holders = Holders(self)
        self.methods = WorldMethods(self, scene)
        self.limits = WorldLimits(self, f"{seed} {engine} {scene}")
        self.clients = Clients(self)
        self.bulk = bulk.WorldBulk(self, f"{seed} {engine} {scene}", scene)
        self.webhooks = WorldWebhooks(self, scene)
        self.fault_plan = _PLANS.get(scene, LongFaultPlan)(self)
        self.last_fault_at = 0
        self.jumped_at = 0
        self.processes: list[Process] = []
        self.stalls_at_claim: dict[str, Process] = {}  # batches, and who is sending them
        self._dooms: dict[str, str] = {}
        self._transit: dict[int, Callable[[], object]] = {}
        self._sent = 0
        self._announced = 0

    def _succeeded(self, payment: Payment) -> None:
        if payment.payment_method == "ach" and self.methods.bank:
            self.methods.bank.settles(payment)

    def _changed(self, old: Payment | None, new: Payment) -> None:
        self.limits.watch(old, new)
        self.approvers.watch(old, new)
        if self.webhooks.on:
            self._written(events_of(old, new))

    def _written(self, events: Sequence[Event]) -> None:
        self.webhooks.written(events)

    def run(self) -> None:
        """Run until no work is left, then check."""
        apart = (SECOND, 30 * SECOND, 5 * MINUTE)[self.draw(3)]
        self.webhooks.spread = 2 * apart
        for number in range(2 + self.draw(3)):
            self.processes.append(Process(self, f"p{number}", self.draw(2 * apart) - apart))
        span = self.fault_plan.span(self.count)
        self.clients.arrive(self.count, span)
        self.fault_plan.schedule(span)
        self.holders.schedule(span)
        self.webhooks.schedule(span)
        self.bulk.schedule(span)
        if self.methods.bank and self.chance(0.15):
            self.methods.bank.leaves_something_unreadable()
        for process in self.processes:
            process.spawn(process.sweep_forever)
        self.scheduler.run()
        if not self.findings.failures:
            judge(self)

    # Chances

    def draw(self, below: int) -> int:
        return int(self.random() * below)

    def chance(self, share: float) -> bool:
        return self.random() < share

    # What processes ask of the world

    def any_process(self) -> Process | None:
        """Return a process whose API answers now."""
        alive = [process for process in self.processes if process.alive]
        return alive[self.draw(len(alive))] if alive else None

    def pause_before_sweep(self, process: Process) -> int:
        """Return how long until the next sweep: while nothing is due, a sweep changes nothing."""
        pause = SECOND + self.draw(5 * SECOND)
        if (
            self.faults.on
            or self.clients.busy
            or self.holders.busy
            or any(len(p.tasks) > 1 for p in self.processes)
        ):
            return pause
        pause += self.draw(30 * MINUTE)
        when = self.soonest()
        if self.methods.bank and self.methods.bank.has_mail():
            return MINUTE
        if when is None:
            return HOUR
        if self.approvers.busy:  # what they approve is due at once, and its wake-up may be lost
            return pause
        return max(pause, min(micros_of(when) - process.micros(), DAY) + pause)

    def soonest(self) -> datetime | None:
        """Return when something is due, or was; None if nothing is left to do."""
        times = self.tables.soonest(), self.webhooks.soonest(), self.bulk.soonest()
        return min((when for when in times if when), default=None)

    def anything_due(self, process: Process) -> bool:
        """Return whether a sweep of this process would find something."""
        when = self.tables.soonest()
        if when is not None and when <= process.clock():
            return True
        return self.methods.bank is not None and self.methods.bank.has_mail()

    def is_over(self) -> bool:
        """Return whether nothing happens any more, or the run will never end."""
        if self.faults.on:
            return False
        last = max(self.last_fault_at, self.approvers.heard_at)
        if self.time.micros() - last > PATIENCE or (
            self.scheduler.events > EVENTS * self.count + EVENTS_OF_ANY
        ):
            self.scheduler.stopped = True
        elif not (
            self.clients.busy
            or self.holders.busy
            or self.approvers.busy
            or self.webhooks.busy
            or self.bulk.busy
            or self._announced
            or self._transit
            or not self.methods.is_quiet()
            or any(len(p.tasks) > 1 or not p.alive for p in self.processes)
        ):
            self.scheduler.stopped = self.soonest() is None
        return self.scheduler.stopped

    def at(self, when: int, event: Callable[[], object]) -> None:
        """Schedule a call at a true time; a time jump may bring it forward."""
        wait = when - self.time.micros()
        if wait <= 0:
            event()
            return
        step = min(wait, 20 * SECOND) if self.faults.on else wait
        self.scheduler.later(step, lambda: self.at(when, event))

    def restart(self, process: Process) -> None:
        """Start a new process in place of one that died, after a while."""
        place = self.processes.index(process)

        def start() -> None:
            fresh = Process(self, process.name, process.clock.skew)
            self.processes[place] = fresh
            fresh.spawn(fresh.sweep_forever)

        self.scheduler.later(100_000 + self.draw(10 * SECOND), start)

    def in_transit(self, delay: int, effect: Callable[[], object]) -> None:
        """Keep a request in the network after its sender has given up: it arrives all the same."""
        self._sent += 1
        number = self._sent
        self._transit[number] = effect

        def arrive() -> None:
            if self._transit.pop(number, None):
                effect()

        self.scheduler.later(delay, arrive)

    def has_transit(self) -> bool:
        """Return whether a request is still in the network."""
        return bool(self._transit)

    def jump(self, micros: int) -> None:
        """Skip time for all processes; requests in the network have arrived by then."""
        for effect in list(self._transit.values()):
            effect()
        self._transit.clear()
        self.time.jumped += micros
        self.jumped_at = self.time.micros()
        self.note(None, "time jumps", None, f"{micros / HOUR:.1f} h")

    def provider_is_down(self) -> bool:
        return self.scheduler.now < self.fault_plan.down_until

    def funds_are_out(self) -> bool:
        return self.scheduler.now < self.fault_plan.broke_until

    def unexpected(self, error: Exception) -> None:
        """Record an exception that a service should not raise."""
        self.findings.fail("service raised", f"{type(error).__name__}: {error}", None)

    # Faults and whom they touched

    def note(self, process: Process | None, call: str, subject: Subject, outcome: object) -> None:
        """Write a line of the trace."""
        owner = current_owner()
        self.trace.events.append(
            (
                self.scheduler.now + self.time.jumped,
                process.name if process is not None else "-",
                call,
                subject,
                outcome,
                owner.name if owner is not None else None,
            )
        )

    def touch_task(self, task: Task, fault: str) -> None:
        """Record that a fault affected the subject of a task."""
        if task.owner is not None:
            task.owner.faults.append(fault)
        self.touch(task.subject, fault)

    def touch(self, subject: Subject, fault: str, intent: Intent | None = None) -> None:
        """Record that a fault affected payments, a batch or a caller."""
        self.faults.counts[fault] += 1
        self.last_fault_at = self.time.micros()
        if intent is not None:
            intent.faults.append(fault)
        elif subject is not None:
            for key in self._keys(subject):
                known = self.clients.by_payment.get(key)
                if known is not None:
                    known.faults.append(fault)

    def _keys(self, subject: tuple[PaymentKey, ...] | str) -> Sequence[PaymentKey]:
        if isinstance(subject, str):
            return [member.key for member in self.tables.members.get(subject, [])]
        return subject

    def batch_made(self, batch: Batch, members: Sequence[Member]) -> None:
        """Record a new batch. If a member has met no fault so far, plan one for the batch."""
        for member in members:
            self.trace.batches.setdefault(member.key, []).append(batch.batch_id)
        if any(self.clients.is_untouched(member.key) for member in members):
            self._dooms[batch.batch_id] = STAGES[self.draw(len(STAGES))]

    def doomed(self, batch_id: str, stage: str) -> bool:
        """Return whether the planned fault is to happen at this stage; it happens once."""
        if self._dooms.get(batch_id) != stage:
            return False
        del self._dooms[batch_id]
        return True

    # Webhooks

    def _announce(self, item: Item, steps: Sequence[tuple[int, str]]) -> None:
        """Plan the webhooks of an item's statuses: some never come, some twice, in random order."""
        for at, raw in steps:
            if raw == "ONHOLD" and item.raw_status(at + HELD_FOR - SECOND) == raw:
                self.at(at + HELD_FOR - MINUTE, partial(held_is_shown, self, item, at))
            copies = int(self.chance(self.hooks)) + int(self.chance(self.hooks * 0.2))
            for _ in range(copies):
                delay = max(at - self.time.micros(), 0) + self.draw(
                    5 * MINUTE if self.chance(0.2) else 2 * SECOND
                )
                self._announced += 1
                self.scheduler.later(delay, partial(self._report, item, raw, 4))

    def _report(self, item: Item, raw: str, tries: int) -> None:
        """Deliver a webhook to a process; repeat until it is acknowledged."""
        process = self.any_process()
        heard = False

        def deliver() -> None:
            nonlocal heard
            assert process is not None
            try:
                payment = process.store.get_payment(item.member.key)
                if payment is not None:
                    process.services.settlement.apply_report(
                        payment, item.report(raw), Cause.WEBHOOK
                    )
                    item.acknowledged.append(raw)
                heard = True
            finally:
                after()

        def after() -> None:
            if heard or tries == 0:
                self._announced -= 1
            else:
                self.scheduler.later(10 * SECOND, lambda: self._report(item, raw, tries - 1))

        if process is None:
            after()
        else:
            process.spawn(deliver)
