"""The Store interface over the world's tables, with the failures of each engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.events import events_of, hold_event
from paymentapp.models.holds import Hold
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.limits import Charge, LimitReached
from paymentapp.models.payments import FINAL, Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.accepting import Attempt, Decide, PaymentContext
from paymentapp.storage.base import Lease
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange
from tests.faults.simulation import faults
from tests.faults.simulation.bulk_store import SimulatedBulk
from tests.faults.simulation.scheduler import MILLISECOND, MINUTE, SECOND, current_task
from tests.faults.simulation.trace import Subject, batch_in
from tests.faults.simulation.webhook_store import WebhookStore

if TYPE_CHECKING:
    from tests.faults.simulation.clients import Intent
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

Result = TypeVar("Result")
CHUNK = 25  # changes that DynamoDB takes in one call
READ_RATE = 0.03
WRITE_RATE = 0.08
STATES_OF_STAGES = {
    BatchState.FROZEN: "freeze",
    BatchState.ACCEPTED: "accept",
    BatchState.REFUSED: "accept",
}


class SimulatedStore(WebhookStore, SimulatedBulk):
    """A process's access to the tables.

    In each call other tasks run, it may fail before or after its effect, and the process may die.
    """

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self.tables = world.tables
        self.lagging = world.engine == "dynamodb"
        self.reads_first = world.engine != "sqlite"
        self._menu = faults.WRITES[world.engine]
        self._menu_of_many = faults.WRITES_OF_MANY[world.engine]

    def get_customer(self, customer_id: str) -> Customer | None:
        self._read("get_customer", None)
        found = self.tables.customers.get(customer_id)
        if found is not None:
            current_task().customers[customer_id] = found
        return found

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        return self._write(
            "change_customer", None, lambda: self.tables.change_customer(old, new, history)
        )

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Accept in one write as SQLite and PostgreSQL do, or in two as DynamoDB does."""
        payment, record, replaces = acceptance.payment, acceptance.record, acceptance.replaces
        binding = acceptance.binding
        if not self.lagging:
            accept = partial(self._accept, acceptance, current_task().owner)
            return self._write("add_payment", (payment.key,), accept)
        if acceptance.is_counted:
            self._read("count_of", (payment.key,))
            self._check(acceptance)
        if binding is not None:
            call = "claim_key" if replaces is None else "change_claim"
            bound = self._write(call, None, lambda: self.tables.bind_key(binding, replaces))
            if not is_same(bound, record):
                return AcceptResult(None, bound)
        self._announce(events_of(None, payment), (payment.key,))
        add = partial(self._add, acceptance, current_task().owner)
        return AcceptResult(self._write("add_payment", (payment.key,), add), record)

    def accept_at_once(
        self, customer_id: str, key_hashes: Sequence[str], decide: Decide
    ) -> Attempt:
        """Read and accept: in one write as SQLite, or one after the other as PostgreSQL.

        DynamoDB only reads.
        """
        if self.reads_first:
            return self._read_first(customer_id, key_hashes, decide)
        owner = current_task().owner

        def accept() -> Attempt:
            context = self._context(customer_id, key_hashes)
            acceptance = decide(context)
            if acceptance is None:
                return Attempt(context)
            current_task().subject = (acceptance.payment.key,)
            return Attempt(context, acceptance, self._accept(acceptance, owner))

        try:
            return self._write("add_payment", None, accept)
        except StoreUnavailable:
            context = self.read_for_payment(customer_id, key_hashes)
            if decide(context) is not None:
                raise
            return Attempt(context)

    def _read_first(self, customer_id: str, key_hashes: Sequence[str], decide: Decide) -> Attempt:
        context = self.read_for_payment(customer_id, key_hashes)
        acceptance = None if self.lagging else decide(context)
        if acceptance is None:
            return Attempt(context)
        return Attempt(context, acceptance, self.accept(acceptance))

    def _accept(self, acceptance: Acceptance, owner: Intent | None) -> AcceptResult:
        self._check(acceptance)
        record, binding = acceptance.record, acceptance.binding
        bound = self.tables.bind_key(binding, acceptance.replaces) if binding else record
        added = self._add(acceptance, owner) if is_same(bound, record) else None
        return AcceptResult(added, bound)

    def _check(self, acceptance: Acceptance) -> None:
        payment, record = acceptance.payment, acceptance.record
        bound = record and self.tables.claims.get(record.key_hash)
        if payment.key not in self.tables.payments and bound in {None, acceptance.replaces, record}:
            self.tables.counters.check(acceptance)

    def _add(self, acceptance: Acceptance, owner: Intent | None) -> Payment:
        payment = acceptance.payment
        stored = self.tables.payments.get(payment.key)
        if stored is None:
            self.tables.counters.count(acceptance)
            stored = payment
            self.world.clients.made(payment, owner)
            self.tables.put_payment(payment)
        return stored

    def bind_key(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        return self._write("bind_key", None, lambda: self.tables.bind_key(record, replaces))

    def count_of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        self._read("count_of", None)
        return self.tables.counters.of(charges)

    def reference_holder(self, claim: ReferenceClaim) -> PaymentKey | None:
        self._read("reference_holder", None)
        return self.tables.counters.holders.get(claim.digest)

    def get_payment(self, key: PaymentKey) -> Payment | None:
        self._read("get_payment", (key,))
        return self.tables.payments.get(key)

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        self._read("get_payments", tuple(keys))
        stored = self.tables.payments
        return {key: stored[key] for key in keys if key in stored}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        self.world.approvers.watch_details(changes, current_task().customers)
        subject = tuple(change.old.key for change in changes)
        if self.world.webhooks.on:
            self._announce([e for each in changes for e in events_of(*each)], subject)
        menu = self._menu_of_many if len(changes) > 1 else self._menu
        forced = self._must_fail(changes)
        call = "stamp" if changes[0].old.status is Status.PENDING else "change_payments"
        if not self.lagging:
            return self._write(call, subject, lambda: self._change_all(changes), menu, forced)
        fault = self._begin(call, subject, menu, WRITE_RATE, forced)
        if fault in (faults.CUT, faults.CUT_CRASH):
            return self._cut(fault, changes, subject)
        result: list[bool] = []
        for start in range(0, len(changes), CHUNK):
            chunk = changes[start : start + CHUNK]
            if start:
                self.process.wait(self.world.draw(15 * MILLISECOND))
            result += self._apply(fault, partial(self._change_all, chunk))
        return self._end(call, subject, fault, result)

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        raise NotImplementedError  # nor for this

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        raise NotImplementedError

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        self._read("due_payments", None)
        found = self.tables.due.due(shard, until, limit)
        stale = [p.key for p in found if self.tables.payments[p.key] is not p]
        if stale:
            self.world.touch(tuple(stale), faults.STALE)
        return found

    def read_for_payment(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        self._read("read_for_payment", None)
        return self._context(customer_id, key_hashes)

    def _context(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        claims = self.tables.claims
        found = {key: claims[key] for key in key_hashes if key in claims}
        return PaymentContext(self.tables.customers.get(customer_id), found)

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        self.world.batch_made(batch, members)

        def add() -> None:
            self.tables.members.setdefault(batch.batch_id, list(members))
            if batch.batch_id not in self.tables.batches:
                self.tables.put_batch(batch)

        menu = self._menu_of_many
        fault = self._begin("add_batch", batch.batch_id, menu, WRITE_RATE, False)
        if fault in (faults.CUT, faults.CUT_CRASH):  # members without a header are nobody's
            self.tables.members.setdefault(batch.batch_id, list(members))
            self._cut_short(fault)
        self._apply(fault, add)
        self._end("add_batch", batch.batch_id, fault, None)

    def get_batch(self, batch_id: str) -> Batch | None:
        self._read("get_batch", batch_id)
        return self.tables.batches.get(batch_id)

    def get_members(self, batch: Batch) -> list[Member]:
        self._read("get_members", batch.batch_id)
        return list(self.tables.members[batch.batch_id])

    def erase_members(self, batch: Batch, keys: Collection[PaymentKey]) -> bool:
        return self._write(
            "erase_members",
            batch.batch_id,
            lambda: self.tables.erase_members(batch.batch_id, keys),
        )

    def change_batch(self, old: Batch, new: Batch) -> bool:
        # The call's name tells the steps of a batch apart: for the trace, and for traps.
        stage = STATES_OF_STAGES.get(new.state) if new.state is not old.state else None
        forced = stage is not None and self.world.doomed(new.batch_id, stage)
        call = "change_batch" if new.state is old.state else f"batch {new.state}"
        sender = self.world.stalls_at_claim.get(new.batch_id, self.process)
        if sender is not self.process:
            del self.world.stalls_at_claim[new.batch_id]
            self.process.stall(2 * MINUTE)
        return self._write(
            call, new.batch_id, lambda: self.tables.change_batch(old, new), self._menu, forced
        )

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        self._read("due_batches", None)
        return [self.tables.batches[key] for key in self.tables.attention.due(shard, until, limit)]

    def parked_batches(self) -> list[Batch]:
        self._read("parked_batches", None)
        batches = self.tables.batches.values()
        return [batch for batch in batches if batch.state is BatchState.PARKED]

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        return self._write("add_event", None, lambda: self.tables.add_provider_event(event))

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        return self._write(
            "change_event", None, lambda: self.tables.change_provider_event(old, new)
        )

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        self._read("due_events", None)
        return [self.tables.events[key] for key in self.tables.news.due(shard, until, limit)]

    def add_state_entry(self, note: StateEntry) -> StateEntry:
        return self._write(
            "add_note",
            _subject_of(note.name),
            lambda: self.tables.notes.setdefault(note.name, note),
        )

    def get_state_entry(self, name: str) -> StateEntry | None:
        self._read("get_note", _subject_of(name))
        return self.tables.notes.get(name)

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        return self._write(
            "change_note", _subject_of(old.name), lambda: self.tables.change_state_entry(old, new)
        )

    def add_hold(self, hold: Hold) -> Hold:
        self._announce([hold_event(hold)])
        return self._write("add_hold", None, lambda: self.tables.add_hold(hold))

    def list_holds(self) -> list[Hold]:
        self._read("list_holds", None)
        return list(self.tables.holds.values())

    def released_holds(self) -> list[Hold]:
        self._read("released_holds", None)
        return list(self.tables.released.values())

    def release_hold(self, old: Hold, released: Hold) -> bool:
        self._announce([hold_event(released)])
        return self._write("release_hold", None, lambda: self.tables.release_hold(old, released))

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        def hold() -> Lease:
            held = self.tables.leases.get(wanted.name)
            if held is None or held.until <= now or held.owner == wanted.owner:
                self.tables.leases[wanted.name] = held = wanted
            return held

        return self._write("hold_lease", None, hold)

    def get_lease(self, name: str) -> Lease | None:
        self._read("get_lease", None)
        return self.tables.leases.get(name)

    # How a call goes, and goes wrong

    def _read(self, call: str, subject: Subject) -> None:
        fault = self._begin(call, subject, faults.READS, READ_RATE, False)
        self.world.note(self.process, call, subject, fault or "")

    def _write(
        self,
        call: str,
        subject: Subject,
        effect: Callable[[], Result],
        menu: tuple[str, ...] | None = None,
        forced: bool = False,
    ) -> Result:
        fault = self._begin(call, subject, menu or self._menu, WRITE_RATE, forced)
        return self._end(call, subject, fault, self._apply(fault, effect))

    def _begin(
        self, call: str, subject: Subject, menu: tuple[str, ...], rate: float, forced: bool
    ) -> str | None:
        """Let time pass and other tasks run; return the fault of this call."""
        world, process = self.world, self.process
        task = current_task()
        task.subject = subject
        if call in world.fault_plan.traps:
            world.fault_plan.trigger(call, process)
        if task.owner is not None:
            forced = task.owner.is_doomed() or forced
        fault = world.faults.draw(menu, rate, forced)
        if fault is None:
            process.wait(world.draw(12 * MILLISECOND))
            return None
        world.touch_task(task, fault)
        slow = MINUTE + world.draw(3 * MINUTE) if fault == faults.SLOW else 0
        process.wait(slow or world.draw(100 * MILLISECOND))
        if fault == faults.THROTTLED or fault == faults.CRASH_BEFORE:
            world.note(process, call, subject, fault)
            if fault == faults.CRASH_BEFORE:
                process.die()
            raise StoreUnavailable(fault)
        return fault

    def _apply(self, fault: str | None, effect: Callable[[], Result]) -> Result:
        """Apply the effect: once, twice where the client library repeats it, or too late."""
        if fault == faults.LANDS_LATE:
            self.world.in_transit(self.world.draw(2 * MINUTE), partial(_land, effect))
            raise StoreUnavailable(fault)
        result = effect()
        if fault == faults.REPEATED:
            self.process.wait(self.world.draw(5 * SECOND))
            result = effect()
        return result

    def _end(self, call: str, subject: Subject, fault: str | None, result: Result) -> Result:
        """Return after the effect; the answer may be lost."""
        accepted = result.result if isinstance(result, Attempt) else result
        stored = accepted.payment if isinstance(accepted, AcceptResult) else accepted
        outcome = getattr(stored, "status", getattr(stored, "name", stored))
        self.world.note(self.process, call, subject, (fault, outcome) if fault else outcome)
        if fault is None:
            if self.world.faults.on and self.world.chance(0.5):
                self.process.wait(self.world.draw(5 * MILLISECOND))
        elif fault == faults.UNAVAILABLE_AFTER:
            raise StoreUnavailable(fault)
        elif fault == faults.CRASH_AFTER:
            self.process.die()
        return result

    def _change_all(self, changes: Sequence[PaymentChange]) -> list[bool]:
        return [self.tables.change_payment(old, new) for old, new in changes]

    def _cut(self, fault: str, changes: Sequence[PaymentChange], subject: Subject) -> list[bool]:
        """Apply some of the changes, in random order; the caller does not learn which."""
        for old, new in changes:
            if self.world.chance(0.5):
                self.tables.change_payment(old, new)
        self.world.note(self.process, "change_payments", subject, fault)
        return self._cut_short(fault)

    def _cut_short(self, fault: str) -> list[bool]:
        if fault == faults.CUT_CRASH:
            self.process.die()
        raise StoreUnavailable(fault)

    def _must_fail(self, changes: Sequence[PaymentChange]) -> bool:
        """Return whether a fault is due here: planned for the batch, or none met it so far."""
        first = changes[0]
        stage = "stamp" if first.old.status is Status.PENDING else "settle"
        if first.new.batch_id is not None and self.world.doomed(first.new.batch_id, stage):
            return True
        return any(
            change.new.status in FINAL and self.world.clients.is_untouched(change.old.key)
            for change in changes
        )


def _land(effect: Callable[[], object]) -> None:
    """Apply a late write, unless its condition no longer holds."""
    with suppress(LimitReached, DuplicateFound):
        effect()


def is_same(bound: IdempotencyRecord | None, wanted: IdempotencyRecord | None) -> bool:
    """Return whether a key is bound as wanted, or there is no key."""
    return (bound and bound.revision) == (wanted and wanted.revision)


def _subject_of(note: str) -> Subject:
    """Return a state entry's batch, by its name; else the subject of its task."""
    return batch_in(note) or current_task().subject
