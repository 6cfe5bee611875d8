"""What DynamoDB allows a partition and a table, and what a run has used of it.

A partition, of a table or an index, serves at most 3,000 read units and 1,000 write units a second
(bp-partition-key-design.html in docs.aws.amazon.com/amazondynamodb/latest/developerguide/). A
table's quota is 40,000 of each (ServiceQuotas.html there).

A partition here is the value of a partition key: that is the best that DynamoDB's adaptive
capacity can do for a hot key, and where its sort keys grow, as ours do, it cannot split further.
No burst is saved up.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

PARTITION_WRITES = 1_000
PARTITION_READS = 3_000
TABLE_UNITS = 40_000
_WARM = 0.1  # of a partition's limit: less is not worth a row
_HASH = re.compile(r"[0-9a-f]{12,}|(?<=^batch#).+|(?<=^batch-reference#).+|(?<=customer-)\d+")


class PartitionUse(NamedTuple):
    """The use of one partition in its busiest second, and in all."""

    table: str
    key: str
    peak: float
    total: float


@dataclass
class Capacity:
    """Units of one kind (writes or reads) by partition, a second at a time."""

    partition_limit: float
    table_limit: float = TABLE_UNITS
    total: Counter[str] = field(default_factory=Counter)  # by table or index
    throttled: Counter[tuple[str, str]] = field(default_factory=Counter)  # by table and key
    peaks: Counter[tuple[str, str]] = field(default_factory=Counter)
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)
    peak_of_table: Counter[str] = field(default_factory=Counter)
    _second: int = -1
    _used: Counter[tuple[str, str]] = field(default_factory=Counter)
    _used_of_table: Counter[str] = field(default_factory=Counter)

    def refuse(self, second: int, uses: list[tuple[str, str, float]]) -> tuple[str, str] | None:
        """Take units for (table, key, units), all or none; return the key that has no room.

        An item that is larger than the limit is allowed once the partition is unused.
        """
        if second != self._second:
            self.roll(second)
        for table, key, units in uses:
            used = self._used[table, key]
            if used and used + units > self.partition_limit:
                self.throttled[table, key] += 1
                return table, key
            if self._used_of_table[table] + units > self.table_limit:
                self.throttled[table, "(the whole table)"] += 1
                return table, "(the whole table)"
        for table, key, units in uses:
            self.take(table, key, units)
        return None

    def take(self, table: str, key: str, units: float) -> None:
        """Count units without a limit."""
        self._used[table, key] += units  # type: ignore[assignment]  # halves of a unit
        self._used_of_table[table] += units  # type: ignore[assignment]
        self.total[table] += units  # type: ignore[assignment]

    def roll(self, second: int) -> None:
        """End a second: keep what its partitions used, of those that were busy."""
        least = self.partition_limit * _WARM
        for place, used in self._used.items():
            if used >= least:
                self.peaks[place] = max(self.peaks[place], used)
                self.sums[place] += used
        for table, used in self._used_of_table.items():
            self.peak_of_table[table] = max(self.peak_of_table[table], used)
        self._second = second
        self._used.clear()
        self._used_of_table.clear()

    def forget(self) -> None:
        """Forget what was used so far, such as by preparations."""
        for counted in (self.total, self.throttled, self.peaks, self.sums, self.peak_of_table):
            counted.clear()

    def hottest(self, count: int) -> list[PartitionUse]:
        """Return the busiest partitions, one for each kind of key, the busiest first."""
        found: dict[tuple[str, str], PartitionUse] = {}
        for (table, key), peak in self.peaks.most_common():
            kind = table, key_kind(key)
            if kind not in found:
                found[kind] = PartitionUse(table, key, peak, self.sums[table, key])
        return list(found.values())[:count]


def key_kind(key: str) -> str:
    """Return a key with what differs between records of one kind replaced.

    >>> key_kind("batch#20260301T120000-ab12"), key_kind("events#2026030112#3")
    ('batch#…', 'events#2026030112#3')
    """
    return _HASH.sub("…", key)
