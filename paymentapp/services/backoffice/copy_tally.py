"""What a copy of a store has read, written and found to differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from paymentapp.storage.copying import CopiedTable, Key, StoredRecord


class Difference(NamedTuple):
    """A record that is not the same in both stores after a copy."""

    table: CopiedTable
    key: Key
    text: str


@dataclass
class TableTally:
    """How many records of a table were read in each store, written and deleted."""

    source: int = 0
    target: int = 0
    written: int = 0
    deleted: int = 0


@dataclass
class CopyTally:
    """What a copy has done. Sums are of payments, by currency: their number and amount."""

    tables: dict[CopiedTable, TableTally] = field(
        default_factory=lambda: {table: TableTally() for table in CopiedTable}
    )
    source_sums: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    target_sums: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def differ(self, table: CopiedTable, keys: Sequence[Key], text: str) -> None:
        """Note records that differ."""
        self.differences += [Difference(table, key, text) for key in keys]

    def compare(self) -> None:
        """Note counts and sums that differ."""
        for table, each in self.tables.items():
            if each.source != each.target:
                text = f"{each.source:,} in the source, {each.target:,} in the target"
                self.differ(table, [()], text)
        if self.source_sums != self.target_sums:
            self.differ(CopiedTable.PAYMENTS, [()], "the sums are not the same")


def add_to(sums: dict[str, tuple[int, Decimal]], payments: Sequence[StoredRecord]) -> None:
    """Add payments to the sums of their currencies."""
    for each in payments:
        currency, amount = each.record["currency"], Decimal(each.record["amount"])
        count, total = sums.get(currency, (0, Decimal(0)))
        sums[currency] = count + 1, total + amount
