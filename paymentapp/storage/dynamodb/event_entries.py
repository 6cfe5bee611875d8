"""Entries of events in the DynamoDB store: their keys, and what is stored in them.

An entry is in a partition of its hour, or of the account's list of payments. Its sort key begins
with a time. The position of an event, which its id holds, is the sort key of its entry and its
number there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import EPOCH
from paymentapp.models.events import Event, PublishedEvent
from paymentapp.storage.codec.events import event_id_of, microseconds_of, read_event
from paymentapp.storage.codec.records import Record, reads

SHARDS = 4  # partitions of one hour: each takes 1,000 entries a second
LIST_SHARDS = 8  # partitions of the account's list: likewise, for payments
HOURS_MAX = 12  # that one call looks into
TIME_DIGITS, RANDOM_DIGITS, NUMBER_DIGITS = 20, 6, 3  # of a position
ENTRY_DIGITS = TIME_DIGITS + RANDOM_DIGITS
AFTER_ALL = "9" * NUMBER_DIGITS  # the number after that of every event


class EventEntry(NamedTuple):
    """An entry as it is stored: its key, its events, and the numbers of those that are void."""

    pk: str
    sk: str
    events: Sequence[Event]
    void: Sequence[int]

    def published(self) -> Iterator[PublishedEvent]:
        """Yield the events of the entry that are not void."""
        for number, event in enumerate(self.events):
            if number not in self.void:
                position = f"{self.sk}{number:0{NUMBER_DIGITS}}"
                yield PublishedEvent(event_id_of(position), event)


@reads
def read_entry(record: Record) -> EventEntry:
    """Return the entry of a record."""
    events = [read_event(texts) for texts in record["events"]]
    return EventEntry(record["pk"], record["sk"], events, record.get("void", ()))


def list_partition(shard: int) -> str:
    """Return the partition of a shard of the account's list of payments."""
    return f"payments#{shard}"


def reference_partition(digest: str, shard: int) -> str:
    """Return the partition of a shard of the payments with a reference, by its digest."""
    return f"references#{digest}#{shard}"


def partitions_of(hour: datetime) -> list[str]:
    """Return the partitions that hold the entries of an hour."""
    of_hour = (hour_partition(hour, shard) for shard in range(SHARDS))
    return [*of_hour, *map(list_partition, range(LIST_SHARDS))]


def hour_partition(hour: datetime, shard: int) -> str:
    """Return the partition of a shard of an hour's entries, but for those of acceptances."""
    return f"events#{hour:%Y%m%d%H}#{shard}"


def position_of(moment: datetime) -> str:
    """Return a time as the beginning of a sort key; times before 1970 as the least."""
    return f"{max(0, microseconds_of(moment)):0{TIME_DIGITS}}"


def time_of(position: str) -> datetime:
    """Return the time with which a position or a sort key begins."""
    return EPOCH + timedelta(microseconds=int(position[:TIME_DIGITS]))


def hour_after(moment: datetime) -> datetime:
    """Return the beginning of the next hour."""
    return hour_of(moment) + timedelta(hours=1)


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour that a time is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def hours(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield a time of each hour between two times, HOURS_MAX of them at most."""
    hour = first
    for _ in range(HOURS_MAX):
        yield hour
        hour = hour_after(hour)
        if hour > last:
            return
