"""The Provider interface over the ledger, with every fault between the two."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from paymentapp.errors import InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.providers.base import Accepted, CurrencyRule, Provider, Refused
from paymentapp.providers.updates import ItemReport
from paymentapp.services.dispatch.batching import LEASE
from tests.faults.simulation import faults
from tests.faults.simulation.ledger import FORGETS_AFTER, Item, Ledger
from tests.faults.simulation.scheduler import MILLISECOND, MINUTE, SECOND, current_task
from tests.faults.simulation.trace import Subject

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

SUBMIT_RATE = 0.35
FETCH_RATE = 0.1
CANCEL_RATE = 0.3
_PATIENCE = 30 * SECOND  # of the HTTP client
_BEFORE: Mapping[str, type[Exception]] = {
    faults.NOT_SENT: NotSent,
    faults.BUSY: NotSent,
    faults.TOKEN: Misconfigured,
    faults.ERROR_BEFORE: OutcomeUnknown,
    faults.TIMEOUT_BEFORE: OutcomeUnknown,
    faults.GARBAGE_BEFORE: OutcomeUnknown,
    faults.OWN_CODE_BEFORE: ValueError,
    faults.NO_FUNDS: InsufficientFunds,
}
_AFTER: Mapping[str, type[Exception]] = {
    faults.ERROR_AFTER: OutcomeUnknown,
    faults.TIMEOUT_AFTER: OutcomeUnknown,
    faults.GARBAGE_AFTER: OutcomeUnknown,
    faults.OWN_CODE_AFTER: ValueError,
}
_DOWN = (faults.NOT_SENT, faults.ERROR_BEFORE, faults.TIMEOUT_BEFORE)


class SimulatedProvider(Provider):
    """A process's access to the provider."""

    name = "paypal"
    forgets_batch_after: timedelta | None = timedelta(microseconds=FORGETS_AFTER)
    looks_before_resending = False
    returns_unclaimed_after: timedelta | None = timedelta(days=30)
    submits_per_second = 2
    description = "a ledger, over a bad line"
    configured = True
    currencies: Mapping[str, CurrencyRule] = {
        "USD": CurrencyRule(2, Decimal(20000)),
        "JPY": CurrencyRule(0, Decimal(3000000)),
    }

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self.batch_size = world.batch_size

    @property
    def ledger(self) -> Ledger:
        return self.world.ledger

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        subject = batch.batch_id
        forced = self.world.doomed(subject, "submit")
        refuses = self._refuses_just_now(batch, members)
        fault = self._begin("submit", subject, faults.SUBMITS, SUBMIT_RATE, forced)
        if fault is None and refuses:
            return self._late_refusal(subject)
        if fault == faults.ACTS_LATE:
            kept = list(members)
            delay = self.world.draw(10 * MINUTE)
            self.world.in_transit(delay, lambda: self._act(subject, kept, "late"))
            raise OutcomeUnknown(fault)
        if self.world.funds_are_out() and not self.world.regretters.covers(members):
            return self.without_funds(subject)
        outcome = self._act(subject, members, fault)
        if isinstance(outcome, Refused):
            self.world.touch(subject, faults.REFUSED)
        self._end(fault)
        return outcome

    def without_funds(self, batch_id: str) -> Accepted | Refused:
        """Report no funds for any batch, also for one that was accepted with its answer lost."""
        self.world.touch(batch_id, faults.NO_FUNDS)
        self.world.note(self.process, "submit", batch_id, faults.NO_FUNDS)
        raise InsufficientFunds("INSUFFICIENT_FUNDS")

    def _refuses_just_now(self, batch: Batch, members: Sequence[Member]) -> bool:
        """Whether this call is refused, for a reason that the next one will not meet.

        Only a call whose batch nobody else has claimed: whoever has, may have sent it, and no
        refusal of another call says what became of that one.
        """
        return (
            self.world.faults.on
            and len(members) > 1
            and batch.attention_at == batch.created_at + LEASE
            and not self.ledger.knows(batch.batch_id)
            and zlib.crc32(batch.batch_id.encode()) % 2 == 0
        )

    def _late_refusal(self, batch_id: str) -> Refused:
        """Say so only when another process may have sent the batch again."""
        self.world.touch(batch_id, faults.REFUSED)
        number = zlib.crc32(batch_id.encode())
        if number % 4 == 0:
            self.world.stalls_at_claim[batch_id] = self.process
        self.process.wait(30 * SECOND + number % (40 * SECOND))
        self.world.note(self.process, "submit", batch_id, "was refused, by a late answer")
        return Refused("JUST_NOW")

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Return reports in random order; some missing, some repeated, some outdated."""
        forced = self.world.doomed(batch.batch_id, "fetch")
        self._begin("fetch", batch.batch_id, faults.FETCHES, FETCH_RATE, forced)
        payout = self.ledger.payout(batch.reference or "")
        now = self.world.time.micros()
        reports = [self._seen(item, now) for item in payout.items]
        if self.world.faults.on and len(reports) > 1 and self.world.chance(0.2):
            self.world.rng.shuffle(reports)
            reports = reports[self.world.draw(2) :] + reports[:1]
        self.world.note(self.process, "fetch", batch.batch_id, "")
        return reports

    def cancel(self, provider_item_id: str) -> ItemReport:
        item = self.ledger.by_item_id[provider_item_id]
        subject = (item.member.key,)
        fault = self._begin("take_back", subject, faults.CANCELS, CANCEL_RATE, False)
        report = item.report(self.ledger.cancel(item))
        self.world.note(self.process, "take_back", subject, report.raw_status)
        self._end(fault)
        return report

    def check(self) -> None:
        return

    def close(self) -> None:
        return

    def _seen(self, item: Item, now: int) -> ItemReport:
        """Return an item's status as a poll shows it, which may be outdated."""
        behind = self.world.faults.on and self.world.chance(0.05)
        return item.report(item.raw_status(max(now - MINUTE, item.steps[0][0]) if behind else now))

    def _act(self, batch_id: str, members: Sequence[Member], how: str | None) -> Accepted | Refused:
        outcome = self.ledger.take(batch_id, members)
        note = outcome.reference if isinstance(outcome, Accepted) else outcome
        self.world.note(self.process, "submit", batch_id, (how, note) if how else note)
        return outcome

    def _begin(
        self, call: str, subject: Subject, menu: tuple[str, ...], rate: float, forced: bool
    ) -> str | None:
        """Send the request. Return the fault that follows the provider's action."""
        world, process = self.world, self.process
        task = current_task()
        task.subject = subject
        if call in world.fault_plan.traps:
            world.fault_plan.trigger(call, process)
        if world.provider_is_down():
            world.touch_task(task, faults.DOWN)
            fault: str | None = _DOWN[world.draw(3)]
        else:
            fault = world.faults.draw(menu, rate, forced)
            if fault is not None:
                world.touch_task(task, fault)
        process.wait(self._latency(fault))
        if fault in (faults.TIMEOUT_AFTER, faults.ACTS_LATE):
            process.wait(_PATIENCE)
        if fault is not None and (fault in _BEFORE or fault == faults.CRASH_BEFORE):
            world.note(process, call, subject, fault)
            if fault == faults.CRASH_BEFORE:
                process.die()
            self._raise(_BEFORE[fault], fault)
        return fault

    def _latency(self, fault: str | None) -> int:
        if fault == faults.SLOW_PROVIDER:
            return MINUTE + self.world.draw(4 * MINUTE)
        if fault == faults.TIMEOUT_BEFORE:
            return _PATIENCE
        return 50 * MILLISECOND + self.world.draw(500 * MILLISECOND)

    def _end(self, fault: str | None) -> None:
        """Return after the provider has acted; the answer may be lost."""
        if fault == faults.CRASH_AFTER:
            self.process.die()
        if fault is not None and fault in _AFTER:
            self._raise(_AFTER[fault], fault)
        self.process.wait(self.world.draw(100 * MILLISECOND))

    def _raise(self, error: type[Exception], fault: str) -> None:
        if issubclass(error, NotSent) and fault == faults.BUSY:
            raise error(fault, retry_after=self.world.draw(90))
        raise error(fault)
