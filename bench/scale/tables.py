"""The items of a simulated DynamoDB: three tables, each with an index that lags behind it."""

from __future__ import annotations

import marshal
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.scale.expressions import Item, KeyRange
from paymentapp.storage.dynamodb.attribute_values import to_record
from paymentapp.storage.dynamodb.tables import definition
from paymentapp.storage.item_size import item_size

Position = tuple[str, str]  # sort key of the index, then what tells equal ones apart
_LAST = "\U0010ffff"


class Entry(NamedTuple):
    """An item as it is stored, in as little memory as can be: there are millions."""

    data: bytes
    size: int

    def item(self) -> Item:
        item: Item = marshal.loads(self.data)  # written by `entry_of`
        return item


def entry_of(item: Item) -> Entry:
    """Return an item with its size as DynamoDB counts it."""
    return Entry(marshal.dumps(item), item_size(to_record(item)))


class _Shown(NamedTuple):
    """A change of an index, and when it is shown."""

    at: int
    key: tuple[str, str]
    shard: str | None  # None: the item has left the index
    position: Position
    entry: Entry | None


@dataclass
class SimulatedIndex:
    """A sparse secondary index. Its changes are shown in their order, each after a lag."""

    name: str
    partition_key: str
    sort_key: str
    projects_all: bool
    _shards: dict[str, list[Position]] = field(default_factory=dict)
    _entries: dict[tuple[str, str], tuple[str, Position, Entry]] = field(default_factory=dict)
    _coming: deque[_Shown] = field(default_factory=deque)

    def keys_of(self, item: Item | None) -> tuple[str, str] | None:
        """Return the index's keys of an item; None where it is not in the index."""
        if not item or self.partition_key not in item or self.sort_key not in item:
            return None
        return item[self.partition_key]["S"], item[self.sort_key]["S"]

    def put(
        self,
        key: tuple[str, str],
        old: Item | None,
        new: Item | None,
        entry: Entry | None,
        at: int,
    ) -> None:
        """Record a change that is shown at a time, in microseconds."""
        after = self.keys_of(new)
        if after is None and self.keys_of(old) is None:
            return
        at = max(at, self._coming[-1].at) if self._coming else at
        shard, sort = after or (None, "")
        self._coming.append(_Shown(at, key, shard, (sort, "\n".join(key)), entry))

    def find(self, wanted: KeyRange, now: int) -> Iterator[tuple[Position, Entry]]:
        """Yield what is shown of a shard, in order."""
        self._show(now)
        positions = self._shards.get(wanted.partition, [])
        low = bisect_left(positions, (wanted.low, ""))
        high = bisect_right(positions, (wanted.high, _LAST))
        for number in range(low, high):
            position = positions[number]
            first, second = position[1].split("\n")
            yield position, self._entries[first, second][2]

    def __len__(self) -> int:
        return len(self._entries)

    def oldest(self) -> str | None:
        """Return the least sort key that is shown."""
        return min((each[0][0] for each in self._shards.values() if each), default=None)

    def _show(self, now: int) -> None:
        while self._coming and self._coming[0].at <= now:
            shown = self._coming.popleft()
            known = self._entries.pop(shown.key, None)
            if known is not None:
                positions = self._shards[known[0]]
                del positions[bisect_left(positions, known[1])]
            if shown.shard is not None and shown.entry is not None:
                insort(self._shards.setdefault(shown.shard, []), shown.position)
                self._entries[shown.key] = shown.shard, shown.position, shown.entry


class SimulatedTable:
    """A table; its key is a partition key, and a sort key where it has one."""

    def __init__(self, name: str) -> None:
        described = definition("", name)
        self.name = name
        self.keys = [each["AttributeName"] for each in described["KeySchema"]]
        (index,) = described["GlobalSecondaryIndexes"]
        first, second = (each["AttributeName"] for each in index["KeySchema"])
        projects_all = index["Projection"]["ProjectionType"] == "ALL"
        self.index = SimulatedIndex(index["IndexName"], first, second, projects_all)
        self._partitions: dict[str, dict[str, Entry]] = {}
        self._order: dict[str, list[str]] = {}  # sort keys of partitions that were queried

    def key_of(self, item: Any) -> tuple[str, str]:
        """Return the keys of an item, or of a request."""
        sort = item[self.keys[1]]["S"] if len(self.keys) > 1 else ""
        return item[self.keys[0]]["S"], sort

    def get(self, key: tuple[str, str]) -> Entry | None:
        """Return a stored item."""
        partition = self._partitions.get(key[0])
        return partition.get(key[1]) if partition else None

    def put(self, key: tuple[str, str], entry: Entry | None) -> None:
        """Store an item in place of the one with its key, or remove that one."""
        partition = self._partitions.setdefault(key[0], {})
        order = self._order.get(key[0])
        if entry is None:
            if partition.pop(key[1], None) is not None and order is not None:
                order.remove(key[1])
            return
        if order is not None and key[1] not in partition:
            insort(order, key[1])
        partition[key[1]] = entry

    def find(self, wanted: KeyRange, after: str | None, backwards: bool) -> Iterator[Entry]:
        """Yield items of a partition in the order of their sort keys."""
        partition = self._partitions.get(wanted.partition, {})
        order = self._order.get(wanted.partition)
        if order is None:
            order = self._order[wanted.partition] = sorted(partition)
        found = order[bisect_left(order, wanted.low) : bisect_right(order, wanted.high)]
        for sort in reversed(found) if backwards else found:
            if after is None or (sort < after if backwards else sort > after):
                yield partition[sort]

    def all(self) -> Iterator[Entry]:
        """Yield every item."""
        for partition in self._partitions.values():
            yield from partition.values()


WriteHook = Callable[[str, Item | None, Item | None], None]  # table, old and new version
