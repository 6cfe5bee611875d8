"""Copying a store into another one, so that no payment is lost, and none can leave twice.

Several passes compare all records and write those that differ: the first ones while the service
runs, the last one while nothing does. Due work is copied last, and the target is held until an
operator releases it. Why: docs/decisions/0061-copy.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from paymentapp.clock import Clock, to_text
from paymentapp.errors import Conflict
from paymentapp.models.actors import Actor
from paymentapp.models.batches import BatchState
from paymentapp.models.holds import REASON_MAX, Hold, HoldScope, new_hold_id, target_of
from paymentapp.models.revisions import new_revision
from paymentapp.services.backoffice.copy_tally import CopyTally, add_to
from paymentapp.services.dispatch.funds_watch import BALANCES_LEASE
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.codec.operations import HOLDS, hold_record
from paymentapp.storage.codec.records import Record
from paymentapp.storage.copying import (
    CHUNK,
    MARK,
    CopiedTable,
    CopyableStore,
    Key,
    StoredRecord,
    TablePart,
    comparable,
)

HOLD_SECONDS = 3.0  # a hold is in force in every process after two
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_MARK_KEY = (MARK, "mark")
_HOLD_KEY = (HOLDS, target_of(HoldScope.ALL, ""))
# Attributes that make a record due; a pass that is not the last one leaves them out.
_DUE = {CopiedTable.PAYMENTS: "due_at", CopiedTable.OPERATIONS: "attention_at"}
_COMPARED = (CopiedTable.CUSTOMERS, CopiedTable.OPERATIONS, CopiedTable.PAYMENTS)  # by their keys
# What the source never deletes: what is in the target alone was written by a service there.
_KEPT = (CopiedTable.CUSTOMERS, CopiedTable.PAYMENTS)
_SAVE_EVERY = 20  # chunks after which the position is stored, from which a pass is resumed
# An engine that lists events late lists up to ten hours of them by each call, and not the latest.
_PUBLISH_CALLS, _PUBLISHED_LATE = 4, timedelta(minutes=1)
_UNSENT = (BatchState.PREPARED, BatchState.FROZEN)


@dataclass
class StoreCopy:
    """A copy of `source` into `target`, both with their tables; `progress` is told how far it is.

    `sleep` waits for a number of seconds.
    """

    source: CopyableStore
    target: CopyableStore
    clock: Clock
    progress: Callable[[str], None]
    sleep: Callable[[float], None]
    tally: CopyTally = field(default_factory=CopyTally, init=False)
    _began_at: float = field(default=0.0, init=False)  # in epoch seconds

    def run(self) -> CopyTally:
        """Copy what differs, but for due marks, while the service goes on with the source.

        A pass that was interrupted is resumed where it was. Raises Conflict where the target is not
        this copy's, or is used; StoreUnavailable.
        """
        position = self._open()
        for table, after in _resumed(position):
            self._copy(table, after)
        self._merge_events()
        self._save(None)
        return self.tally

    def finish(self, by: Actor) -> CopyTally:
        """Stop the source for good, copy the rest, due work last, and compare every record.

        Every payment of the source is held, and each one that could still be sent gets another
        revision: a process that has read it before sends it no more. Differences that are left are
        in the tally. Raises Conflict where a process uses one of the stores; StoreUnavailable.
        """
        self._open()
        self._refuse_use_of(self.source, "source")
        self._hold_source(by)
        self._fence()
        for _ in range(_PUBLISH_CALLS):
            self.source.publish_events(self.clock() + _PUBLISHED_LATE)
        for table in _COMPARED:
            self._copy(table, None)
        self._merge_events()
        for table in _COMPARED:
            self._remove_others(table)
        for each in self.tally.tables.values():
            each.source = 0
        for table in _COMPARED:
            self._complete(table)
        self._check_events()
        self._save(None)
        self.tally.compare()
        return self.tally

    def _open(self) -> tuple[CopiedTable, Key] | None:
        """Mark the target as this copy's, and hold it; return where to resume, None for the start.

        Raises Conflict.
        """
        self._began_at = self.clock().timestamp()
        self._refuse_use_of(self.target, "target")
        found = self.target.read_keys(CopiedTable.OPERATIONS, [_MARK_KEY, _HOLD_KEY])
        mark = found.get(_MARK_KEY)
        if mark is None:
            self._refuse_records()
            self.target.put_many(CopiedTable.OPERATIONS, [self._hold(), self._mark(None)])
            return None
        if mark["source"] != self.source.description:
            raise Conflict(f"the target holds a copy of another store: {mark['source']}")
        if _HOLD_KEY not in found:
            raise Conflict("the hold of the target was released: it is in service")
        return _read_position(mark)

    def _refuse_records(self) -> None:
        """Raise Conflict where a target that has no mark holds anything."""
        for table in CopiedTable:
            if any(part.records for part in _parts(self.target, table, None)):
                raise Conflict(f"the target is not empty: it has {table}; copy into a new store")

    def _refuse_use_of(self, store: CopyableStore, name: str) -> None:
        """Raise Conflict while a lease is valid: processes that stop give back all but one."""
        now = self.clock()
        leases = [each for each in store.list_leases() if each.name != BALANCES_LEASE]
        until = max((each.until for each in leases), default=now)
        if until > now:
            raise Conflict(
                f"a process works with the {name}: stop every one; if that is done, repeat this "
                f"after {to_text(until)}"
            )

    def _hold(self) -> StoredRecord:
        """Return the hold of the target, until that of the source takes its place."""
        now = self.clock()
        # Until the last pass nothing is due: a payment that was released before would never leave.
        reason = f"unfinished copy, not to be released: {self.source.description}"[:REASON_MAX]
        hold = Hold(new_hold_id(now), HoldScope.ALL, "", reason, "copy", now)
        return StoredRecord(_HOLD_KEY, hold_record(hold))

    def _hold_source(self, by: Actor) -> None:
        """Hold every payment of the source, and wait until every process has seen that."""
        now = self.clock()
        reason = f"moved to {self.target.description}"[:REASON_MAX]
        self.source.add_hold(Hold(new_hold_id(now), HoldScope.ALL, "", reason, by.name, now))
        self.progress("the source is held")
        self.sleep(HOLD_SECONDS)

    def _fence(self) -> None:
        """Give another revision to what could be sent, so that no earlier reader can send it.

        First payments, then batches: one that has stamped a payment before is on record by then.
        """
        payments = self.source.scan_payments(_FIRST, _LAST)
        while chunk := list(islice(payments, CHUNK)):
            due = [each for each in chunk if each.due_at is not None]
            changes = [PaymentChange(each, replace(each, revision=new_revision())) for each in due]
            if not all(self.source.change_payments(changes)):
                raise Conflict("a payment of the source was changed meanwhile: is it in use?")
        for batch in self.source.scan_batches(_FIRST, _LAST):
            if batch.state in _UNSENT and not self.source.change_batch(batch, batch.changed()):
                raise Conflict(f"batch {batch.batch_id} was changed meanwhile: is it in use?")

    def _copy(self, table: CopiedTable, after: Key | None) -> None:
        """Write the records of a table that differ in the target, without their due marks."""
        tally = self.tally.tables[table]
        for number, part in enumerate(_parts(self.source, table, after), start=1):
            wanted = [self._not_due(table, each) for each in self._unexpired(part.records)]
            differing = self._differing(table, wanted)
            if differing:
                self.target.put_many(table, differing)
            tally.source += len(wanted)
            tally.written += len(differing)
            self.progress(f"{table}: {tally.source:,} read, {tally.written:,} written")
            if number % _SAVE_EVERY == 0 and part.after is not None:
                self._save((table, part.after))

    def _remove_others(self, table: CopiedTable) -> None:
        """Delete what the source has no more, and count what is in the target.

        A payment or a customer of the target alone is a difference, and stays.
        """
        tally = self.tally.tables[table]
        for part in _parts(self.target, table, None):
            found = self._unexpired(part.records)
            known = self.source.read_keys(table, [each.key for each in found]) if found else {}
            others = [each.key for each in found if each.key not in known]
            if table in _KEPT:
                self.tally.differ(table, others, "in the target alone: is it in use?")
            elif others:
                self.target.delete_many(table, others)
                tally.deleted += len(others)
            kept = [each for each in found if each.key in known or table in _KEPT]
            tally.target += len(kept)
            if table is CopiedTable.PAYMENTS:
                add_to(self.tally.target_sums, kept)
            self.progress(f"{table}: {tally.target:,} of the target compared")

    def _complete(self, table: CopiedTable) -> None:
        """Write due marks, and compare each record; what differs otherwise is a difference."""
        tally = self.tally.tables[table]
        for part in _parts(self.source, table, None):
            wanted = self._unexpired(part.records)
            differing = self._differing(table, wanted)
            due = [each for each in differing if self._not_due(table, each) != each]
            late = [self._not_due(table, each) for each in due]
            changed = {each.key for each in self._differing(table, late)}
            armed = [each for each in due if each.key not in changed]
            if armed:
                self.target.put_many(table, armed)
                tally.written += len(armed)
            left = [each.key for each in self._differing(table, differing)]
            self.tally.differ(table, left, "not the same in both stores: is the source in use?")
            tally.source += len(wanted)
            if table is CopiedTable.PAYMENTS:
                add_to(self.tally.source_sums, wanted)
            self.progress(f"{table}: {tally.source:,} compared")

    def _merge_events(self) -> None:
        """Copy the list of events, which both stores have in the same order."""
        tally = self.tally.tables[CopiedTable.EVENTS]
        for wanted, found in self._both_lists():
            differing = [each for each in wanted if _differs(each, found.get(each.key))]
            others = sorted(found.keys() - {each.key for each in wanted})
            if others:
                self.target.delete_many(CopiedTable.EVENTS, others)
            if differing:
                self.target.put_many(CopiedTable.EVENTS, differing)
            tally.source += len(wanted)
            tally.written += len(differing)
            tally.deleted += len(others)
            self.progress(f"events: {tally.source:,} read, {tally.written:,} written")

    def _check_events(self) -> None:
        tally = self.tally.tables[CopiedTable.EVENTS]
        for wanted, found in self._both_lists():
            left = [each.key for each in wanted if _differs(each, found.get(each.key))]
            self.tally.differ(CopiedTable.EVENTS, left, "not the same in both stores")
            tally.source += len(wanted)
            tally.target += len(found)

    def _both_lists(self) -> Iterator[tuple[list[StoredRecord], dict[Key, Record]]]:
        """Yield parts of the source's list, each with what the target has at these positions."""
        last: Key | None = None
        for part in _parts(self.source, CopiedTable.EVENTS, None):
            if part.after is not None and not part.records:
                continue
            end = part.records[-1].key if part.after is not None else None
            found = dict(self._unexpired(list(self._events_between(last, end))))
            yield self._unexpired(part.records), found
            last = end

    def _events_between(self, after: Key | None, end: Key | None) -> Iterator[StoredRecord]:
        for part in _parts(self.target, CopiedTable.EVENTS, after):
            for each in part.records:
                if end is not None and each.key > end:
                    return
                yield each

    def _differing(self, table: CopiedTable, wanted: Sequence[StoredRecord]) -> list[StoredRecord]:
        """Return the records that the target does not have so."""
        if not wanted:
            return []
        found = self.target.read_keys(table, [each.key for each in wanted])
        return [each for each in wanted if _differs(each, found.get(each.key))]

    def _unexpired(self, records: Sequence[StoredRecord]) -> list[StoredRecord]:
        """Return records without those that had expired when the copy began.

        An engine may delete these at any moment.
        """
        return [
            each
            for each in records
            if "expires_at" not in each.record or each.record["expires_at"] > self._began_at
        ]

    def _not_due(self, table: CopiedTable, stored: StoredRecord) -> StoredRecord:
        name = _DUE.get(table)
        if name is None or name not in stored.record:
            return stored
        rest = {each: value for each, value in stored.record.items() if each != name}
        return stored._replace(record=rest)

    def _save(self, position: tuple[CopiedTable, Key] | None) -> None:
        """Store where the copy is, in the target."""
        self.target.put_many(CopiedTable.OPERATIONS, [self._mark(position)])

    def _mark(self, position: tuple[CopiedTable, Key] | None) -> StoredRecord:
        record: Record = {"source": self.source.description}
        if position is not None:
            record["position"] = json.dumps(position)
        return StoredRecord(_MARK_KEY, record)


def _differs(stored: StoredRecord, other: Record | None) -> bool:
    return other is None or comparable(other) != comparable(stored.record)


def _parts(store: CopyableStore, table: CopiedTable, after: Key | None) -> Iterator[TablePart]:
    """Yield the parts of a table after a key."""
    while True:
        part = store.read_table(table, after, CHUNK)
        yield part
        after = part.after
        if after is None:
            return


def _read_position(mark: Record) -> tuple[CopiedTable, Key] | None:
    if "position" not in mark:
        return None
    table, key = json.loads(mark["position"])
    return CopiedTable(table), tuple(key)


def _resumed(
    position: tuple[CopiedTable, Key] | None,
) -> Iterator[tuple[CopiedTable, Key | None]]:
    """Yield the tables that are to be copied, each with the key after which it begins."""
    tables = list(_COMPARED)
    first = tables.index(position[0]) if position else 0
    for table in tables[first:]:
        yield table, position[1] if position and table is position[0] else None
