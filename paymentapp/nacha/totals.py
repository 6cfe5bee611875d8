"""Counts, entry hash and totals, as in the control records of a batch and a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from paymentapp.nacha.models import Entry, NachaBatch
from paymentapp.nacha.transactions import TRANSACTION_CODES

HASH_MODULUS = 10**10  # "the rightmost 10 characters" (Appendix Three, 3.2.2, Entry Hash)


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of a control record; `debits` and `credits` are dollars."""

    entry_count: int = 0  # entries and addenda
    entry_hash: int = 0
    debits: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.entry_count + other.entry_count,
            (self.entry_hash + other.entry_hash) % HASH_MODULUS,
            self.debits + other.debits,
            self.credits + other.credits,
        )


def totals(batches: Iterable[NachaBatch]) -> Totals:
    """Return the totals of all entries of these batches."""
    found = Totals()
    for batch in batches:
        for entry in batch.entries:
            found += _of_entry(entry)
    return found


def _of_entry(entry: Entry) -> Totals:
    """Return an entry's part; with an unknown code or a bad amount it adds to neither total."""
    rdfi = entry.routing[:8]
    kind = TRANSACTION_CODES.get(entry.transaction_code)
    amount = entry.amount or Decimal(0)
    return Totals(
        1 + len(entry.addenda),
        int(rdfi) if rdfi.isascii() and rdfi.isdigit() else 0,
        amount if kind and not kind.is_credit else Decimal(0),
        amount if kind and kind.is_credit else Decimal(0),
    )
