"""Events in the DynamoDB store: entries that announce what is about to be written.

1. An entry names the writes that follow it. It is put first, in a partition of its hour, and its
   sort key begins with its time. One that took longer than `LANDED` is left, and another one is
   put: so no entry that writes rely on appears later than that behind its time.
2. `publish_events` checks the entries that are older than `HORIZON` against the records, marks
   what was not written as void, and then moves the end of the list behind them.
3. What is void is checked again for a day, since a process may stall between its entry and its
   writes. What was written after all is announced once more, under another id.

So a write costs one more put, and no event is missed by a program that follows the list. The
acceptance of a payment is announced by the entry of the account's list (`list_entries`).
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import to_text, utc_now
from paymentapp.errors import StoreUnavailable
from paymentapp.models.events import (
    FUNDS_EVENTS,
    KEPT,
    OUTAGE_EVENTS,
    Event,
    EventPage,
    OtherEvent,
    PublishedEvent,
)
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.models.revisions import new_revision
from paymentapp.storage.codec.batches import BATCH, batch_key, read_batch
from paymentapp.storage.codec.bulk import RUNS, read_run
from paymentapp.storage.codec.customer_history import history_key, sort_key_before
from paymentapp.storage.codec.events import (
    event_id_of,
    event_texts,
    position_in,
)
from paymentapp.storage.codec.operations import HOLDS, RELEASED_HOLDS
from paymentapp.storage.codec.payments import read_payment
from paymentapp.storage.codec.records import Record
from paymentapp.storage.codec.webhook_endpoints import ENDPOINTS, read_endpoint
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record, to_value
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.event_entries import (
    AFTER_ALL,
    ENTRY_DIGITS,
    NUMBER_DIGITS,
    RANDOM_DIGITS,
    SHARDS,
    TIME_DIGITS,
    EventEntry,
    hour_after,
    hour_of,
    hour_partition,
    hours,
    partitions_of,
    position_of,
    read_entry,
    time_of,
)
from paymentapp.storage.dynamodb.records import DynamoDBRecords

log = logging.getLogger(__name__)

LANDED = 10.0  # seconds
HORIZON = timedelta(seconds=30)  # `LANDED`, and by how much the clocks of two hosts may differ
FIRST = timedelta(days=1)  # before the first publication: entries of a service that was just set up
CHECKED = timedelta(days=1)  # how long a write may come after its entry
AGAIN_MAX = 100  # void entries that one call checks again; the next call goes on
STEPS_MAX = 10  # of an hour, or of 500 entries of a shard; the next call goes on
EVENTS_MAX = 500  # of one entry: an item has at most 400 KB, and a number three digits
_PUTS_MAX = 3  # of one entry, each of which took longer than `LANDED`
_CHUNK = 500  # entries of a shard that are checked at once
END = {"pk": "events-end", "sk": "end"}
_UNMADE = "events-unmade"
_FIRST = " "  # before every position


class _Span(NamedTuple):
    """The entries of a part of an hour, in order. `cut` is the position at which it was cut off."""

    entries: list[EventEntry]
    cut: str | None


class DynamoDBEvents(DynamoDBRecords):
    """The list of events."""

    _again_after = _FIRST  # the void entry after which this process goes on with its second look

    def _announce(self, events: Sequence[Event]) -> None:
        """Put entries of the events of what is about to be written. Raises StoreUnavailable."""
        for start in range(0, len(events), EVENTS_MAX):
            self._put_entry(events[start : start + EVENTS_MAX])

    def _put_entry(self, events: Sequence[Event]) -> None:
        texts = [event_texts(event) for event in events]
        for _ in range(_PUTS_MAX):
            now, begun = utc_now(), time.monotonic()
            random = secrets.token_hex(RANDOM_DIGITS // 2)
            key = {
                "pk": hour_partition(now, secrets.randbelow(SHARDS)),
                "sk": position_of(now) + random,
            }
            expires_at = int((now + KEPT).timestamp())
            item = to_item(key | {"events": texts, "expires_at": expires_at})
            call(self._client().put_item, TableName=self._operations, Item=item)
            # By the wall clock too: the other one stands still while a host is suspended.
            took = max(time.monotonic() - begun, (utc_now() - now).total_seconds())
            if took <= LANDED:
                return
        raise StoreUnavailable(f"{_PUTS_MAX} entries of events took too long")

    def list_events(self, after: str | None, limit: int) -> EventPage:
        """Query the partitions of one hour after the other."""
        record = self._end_record()
        if record is None:
            return EventPage([], None)
        end = record["position"]
        first = _first(record)
        position = max(position_in(after), first) if after else first
        if position > end:
            return EventPage([], None)
        found: list[PublishedEvent] = []
        for hour in hours(time_of(position), time_of(end)):
            span = self._span(hour, position[:ENTRY_DIGITS], end, limit + 1)
            for entry in span.entries:
                for event in entry.published():
                    if position_in(event.event_id) > position:
                        found.append(event)
                    if len(found) == limit:
                        return EventPage(found, event.event_id)
            if span.cut is not None:
                return EventPage(found, event_id_of(span.cut + AFTER_ALL))
        if hour_after(hour) <= time_of(end):  # of more hours than one call looks into
            return EventPage(found, event_id_of(position_of(hour_after(hour))))
        return EventPage(found, found[-1].event_id if found else None)

    def get_event(self, event_id: str) -> Event | None:
        """Read the entry from each partition of its hour that it may be in.

        The id of another engine, from which the event was copied, has its time alone.
        """
        position, record = position_in(event_id), self._end_record()
        if len(position) == TIME_DIGITS:
            position += "0" * (RANDOM_DIGITS + NUMBER_DIGITS)
            event_id = event_id_of(position)
        if len(position) != ENTRY_DIGITS + NUMBER_DIGITS or record is None:
            return None
        sk = position[:ENTRY_DIGITS]
        if position <= _first(record) or sk > record["position"]:
            return None
        keys = [to_item({"pk": pk, "sk": sk}) for pk in partitions_of(time_of(position))]
        for item in conditional.read_many(self._client(), self._operations, keys):
            for published in read_entry(to_record(item)).published():
                if published.event_id == event_id:
                    return published.event
        return None

    def add_event(self, event: Event) -> None:
        """Put the entry, which is all that there is of it."""
        self._announce([event])

    def publish_events(self, now: datetime) -> None:
        """Check entries up to HORIZON ago, and move the end of the list behind them."""
        target = now - HORIZON
        for _ in range(STEPS_MAX):
            record = self._end_record()
            since = record["position"] if record else position_of(now - FIRST)
            hour = time_of(since)
            if hour >= target:
                break
            until = min(target, hour_after(hour))
            span = self._span(hour, since, position_of(until), _CHUNK)
            self._check(span.entries)
            first = record["first"] if record else since
            if not self._move_end(record, first, span.cut or position_of(until)):
                return  # another process publishes
        self._check_again(now)

    def _end(self) -> str | None:
        record = self._end_record()
        return record["position"] if record else None

    def _end_record(self) -> Record | None:
        record = self._get(self._operations, END)
        return {name: record[name] for name in record if name not in END} if record else None

    def _move_end(self, old: Record | None, first: str, position: str) -> bool:
        new = {"first": first, "position": position, "revision": new_revision()}
        if old is None:
            return self._add_operation(END["pk"], END["sk"], new) is None
        return self._change_operation(END["pk"], END["sk"], old, new)

    def _span(self, hour: datetime, after: str, until: str, limit: int) -> _Span:
        """Return the entries of an hour from a position on, and up to another one.

        At most `limit` of each shard: where one has more, the span is cut off at its last one.
        """
        found: list[EventEntry] = []
        cuts: list[str] = []
        bounds = {
            ":after": max(after, position_of(hour_of(hour))),
            ":until": min(until, position_of(hour_after(hour))),
        }
        for pk in partitions_of(hour):
            items = self._query(
                limit,
                TableName=self._operations,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :after AND :until",
                ExpressionAttributeValues=to_item({":pk": pk} | bounds),
                ConsistentRead=True,
            )
            entries = [read_entry(to_record(item)) for item in items]
            found += entries
            if len(entries) == limit:
                cuts.append(entries[-1].sk)
        cut = min(cuts, default=None)
        kept = (entry for entry in found if cut is None or entry.sk <= cut)
        return _Span(sorted(kept, key=lambda entry: entry.sk), cut)

    def _check(self, entries: Sequence[EventEntry]) -> None:
        """Mark events of what was not written as void."""
        made = self._made([event for entry in entries for event in entry.events])
        for entry in entries:
            void = [number for number, event in enumerate(entry.events) if event not in made]
            if void != list(entry.void):
                self._mark_void(entry, void)

    def _mark_void(self, entry: EventEntry, void: Sequence[int]) -> None:
        """Have what is void checked again later, and then mark it: a crash repeats both."""
        if void:
            expires_at = int((time_of(entry.sk) + 2 * CHECKED).timestamp())
            again = {"entry": entry.pk, "numbers": list(void), "expires_at": expires_at}
            self._put({"pk": _UNMADE, "sk": entry.sk} | again)
        call(
            self._client().update_item,
            TableName=self._operations,
            Key=to_item({"pk": entry.pk, "sk": entry.sk}),
            UpdateExpression="SET #void = :void",
            ExpressionAttributeNames={"#void": "void"},
            ExpressionAttributeValues={":void": to_value(list(void))},
        )

    def _check_again(self, now: datetime) -> None:
        """Announce once more what was void when its entry was checked, and is written now."""
        waiting = self._void_entries()
        for again in waiting:
            try:
                self._check_once_more(again, now)
            except StoreUnavailable as error:  # the next one may be readable
                log.warning("events of entry %s not checked again: %s", again["sk"], error)

    def _void_entries(self) -> list[Record]:
        """Return the next AGAIN_MAX records of what is void, and begin again after the last one.

        What is void behind the end of the list is checked with its entry, once more. Where the end
        has gone back, as in a table that was restored, it begins again as well: a range whose
        lower bound is above its upper one is an error to DynamoDB.
        """
        end = self._end() or _FIRST
        items = self._query(
            AGAIN_MAX,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :after AND :end",
            ExpressionAttributeValues=to_item(
                {":pk": _UNMADE, ":after": min(self._again_after, end), ":end": end}
            ),
            ConsistentRead=True,
        )
        found = [to_record(item) for item in items]
        self._again_after = f"{found[-1]['sk']}~" if len(found) == AGAIN_MAX else _FIRST
        return found

    def _check_once_more(self, again: Record, now: datetime) -> None:
        record = self._operation(again["entry"], again["sk"])
        entry = read_entry(record) if record else None
        waiting = {n: entry.events[n] for n in again["numbers"]} if entry else {}
        made = self._made(list(waiting.values()))
        self._announce([each for each in waiting.values() if each in made])
        left = [n for n, each in waiting.items() if each not in made]
        key = {"pk": _UNMADE, "sk": again["sk"]}
        if not left or time_of(again["sk"]) < now - CHECKED:
            self._delete(key)
        elif left != again["numbers"]:
            self._put(again | {"numbers": left})

    def _made(self, events: Sequence[Event]) -> set[Event]:
        """Return the events of what was written."""
        keys = {event.payment for event in events}
        wanted = [to_item(key._asdict()) for key in keys if key is not None]
        items = conditional.read_many(self._client(), self._disbursements, wanted)
        payments = {payment.key: payment for payment in map(read_payment, map(to_record, items))}
        return {event for event in events if self._is_made(event, payments)}

    def _is_made(self, event: Event, payments: Mapping[PaymentKey, Payment]) -> bool:
        if event.payment is not None:
            return event.is_in(payments.get(event.payment))
        if event.type in FUNDS_EVENTS | OUTAGE_EVENTS:
            return True
        if event.type == OtherEvent.BATCH_PARKED:
            record = self._operation(batch_key(event.subject[0]), BATCH)
            return record is not None and read_batch(record).parked_at == event.at
        if event.type == OtherEvent.BULK_COMPLETED:
            record = self._operation(RUNS, event.subject[0])
            return record is not None and read_run(record).completed_at == event.at
        if event.type == OtherEvent.PAYEE_CHANGED:
            customer_id, entry_id = event.subject
            sort_key = f"{sort_key_before(event.line)}#{entry_id}"
            return self._operation(history_key(customer_id), sort_key) is not None
        if event.type == OtherEvent.ENDPOINT_DISABLED:
            record = self._operation(ENDPOINTS, event.subject[0])
            disablings = read_endpoint(record).disablings if record else ()
            return event.at in disablings[event.line : event.line + 1]
        hold_id, target = event.subject
        released = self._operation(RELEASED_HOLDS, hold_id)
        placed = self._operation(HOLDS, target)
        in_force = placed is not None and placed["hold_id"] == hold_id
        if event.type == OtherEvent.HOLD_RELEASED:
            at = released["released_at"] if released is not None else None
            return at == to_text(event.at) and not in_force
        return released is not None or in_force

    def _operation(self, pk: str, sk: str) -> Record | None:
        return self._get(self._operations, {"pk": pk, "sk": sk})

    def _put(self, record: Record) -> None:
        call(self._client().put_item, TableName=self._operations, Item=to_item(record))

    def _delete(self, key: Record) -> None:
        call(self._client().delete_item, TableName=self._operations, Key=to_item(key))


def _first(record: Record) -> str:
    """Return the position with which the list begins, by the record of its end."""
    first: str = max(record["first"], position_of(time_of(record["position"]) - KEPT))
    return first
