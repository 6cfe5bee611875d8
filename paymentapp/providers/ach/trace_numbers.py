"""Trace numbers: assigned to batches in blocks; a return is matched to its payment by them.

A block is a hundred of the seven-digit sequence numbers below the ODFI's eight digits. A counter
proposes the next block, only to save reads: a block belongs to a batch by a stored entry of its
own, added conditionally. So a counter that has wrapped, or was lost, assigns nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import Misconfigured, NotSent
from paymentapp.models.batches import Member
from paymentapp.models.item_ids import key_of
from paymentapp.models.money import Money
from paymentapp.models.provider_state import ProviderState, update_state_entry
from paymentapp.nacha import trace_number

BLOCK = 100
BLOCKS = 99_999  # sequence numbers 1 to 9,999,900
# Twice the longest time that the rules allow for a return (60 days, of an unauthorized entry).
KEPT = timedelta(days=120)
_TRIES = 1_000  # blocks still in use that are skipped


class SentEntry(NamedTuple):
    """An entry that was sent: its batch and position, amount and payee."""

    batch_id: str
    position: int
    trace: str
    item_id: str
    money: Money
    destination: str

    def __repr__(self) -> str:
        return f"SentEntry({self.batch_id} {self.position})"


class Traces:
    """Assigns trace numbers, and finds the entry of one."""

    def __init__(self, state: ProviderState, odfi: str, clock: Clock) -> None:
        self._state = state
        self._odfi = odfi
        self._clock = clock

    def free(self, count: int) -> list[int]:
        """Return blocks, in ascending order, for `count` numbers that no batch has.

        `assign` makes them a batch's; meanwhile the counter gives them to no other process. Raises
        Misconfigured where there are none.
        """
        wanted = -(-count // BLOCK)
        found: list[int] = []
        for _ in range(_TRIES):
            for block in self._next(wanted - len(found)):
                if block not in found and self._is_free(block):
                    found.append(block)
            if len(found) == wanted:
                return sorted(found)
        raise Misconfigured("NO_TRACE_NUMBERS", f"all are in use for {KEPT.days} days")

    def assign(self, blocks: Sequence[int], batch_id: str, members: Sequence[Member]) -> None:
        """Assign blocks to a batch: position 0 has the first number of the first block.

        After a crash the numbers stay unused until their blocks are free again. Raises NotSent
        where another process has taken a block.
        """
        for index, block in enumerate(blocks):
            first = index * BLOCK
            rows = [
                [m.item_id, str(m.money.amount), m.destination or ""]
                for m in members[first : first + BLOCK]
            ]
            at = to_text(self._clock())
            record = {"batch": batch_id, "at": at, "first": first, "members": rows}
            text = json.dumps(record, separators=(",", ":"))
            taken = partial(self._taken, text)
            update_state_entry(self._state, self._name(block), "", taken, likely_new=True)
        self._index(blocks, members)

    def numbers(self, blocks: Sequence[int], count: int) -> list[str]:
        """Return the first `count` trace numbers of some blocks."""
        return [self.trace(blocks[n // BLOCK], n % BLOCK) for n in range(count)]

    def find(self, trace: str) -> SentEntry | None:
        """Return the entry that was sent under a trace number; None where it is not ours."""
        if not (len(trace) == 15 and trace.isascii() and trace.isdigit()):
            return None
        if trace[:8] != self._odfi or int(trace[8:]) == 0:
            return None
        entries = self.entries([block_of(trace)])
        place = (int(trace[8:]) - 1) % BLOCK
        return entries[place] if place < len(entries) else None

    def of_individual(self, individual_id: str) -> list[SentEntry]:
        """Return our entries of an individual id, which is the first part of an item id.

        It says when the payment was requested, so that the blocks of that day are searched.
        """
        wanted = individual_id.strip().lower()
        day = _day_of(wanted)
        entry = self._state.get_state_entry(self._day_name(day)) if day else None
        blocks = json.loads(entry.text) if entry else []
        return [each for each in self.entries(blocks) if each.item_id.partition(".")[0] == wanted]

    def entries(self, blocks: Sequence[int]) -> list[SentEntry]:
        """Return the entries of a file, in the order of its blocks."""
        found = []
        for block in blocks:
            stored = self._state.get_state_entry(self._name(block))
            record = json.loads(stored.text) if stored else {}
            for place, (item_id, amount, destination) in enumerate(record.get("members", ())):
                found.append(
                    SentEntry(
                        record["batch"],
                        record["first"] + place,
                        self.trace(block, place),
                        item_id,
                        Money(Decimal(amount), "USD"),
                        destination,
                    )
                )
        return found

    def trace(self, block: int, place: int) -> str:
        """Return the trace number at a place of a block."""
        return trace_number(self._odfi, block * BLOCK + place + 1)

    def _index(self, blocks: Sequence[int], members: Sequence[Member]) -> None:
        """Record which blocks have payments that were requested on a day."""
        days: dict[str, set[int]] = {}
        for place, member in enumerate(members):
            day = _day_of(member.item_id.partition(".")[0])
            if day is not None:
                days.setdefault(day, set()).add(blocks[place // BLOCK])
        for day, added in days.items():

            def change(text: str, added: set[int] = added) -> str:
                return json.dumps(sorted({*json.loads(text), *added}), separators=(",", ":"))

            update_state_entry(self._state, self._day_name(day), "[]", change)

    def _next(self, count: int) -> list[int]:
        """Advance the counter, and return the blocks that it proposes to this process only."""
        name = f"ach/traces/{self._odfi}"
        moved = update_state_entry(
            self._state, name, "0", lambda text: str((int(text) + count) % BLOCKS)
        )
        first = int(moved.text) - count
        return [(first + step) % BLOCKS for step in range(count)]

    def _is_free(self, block: int) -> bool:
        stored = self._state.get_state_entry(self._name(block))
        return stored is None or not self._is_in_use(stored.text)

    def _is_in_use(self, text: str) -> bool:
        return self._clock() - from_text(json.loads(text)["at"]) <= KEPT

    def _taken(self, record: str, text: str) -> str:
        if text and self._is_in_use(text):
            raise NotSent("TRACE_NUMBERS_TAKEN", "another process has the same ones")
        return record

    def _name(self, block: int) -> str:
        return f"ach/traces/{self._odfi}/{block:05d}"

    def _day_name(self, day: str) -> str:
        return f"ach/days/{self._odfi}/{day}"


def _day_of(individual_id: str) -> str | None:
    """Return the day on which the payment of an individual id was requested, as YYYYMMDD."""
    try:
        _, payment_id = key_of(f"{individual_id}.any")
    except ValueError:
        return None
    return f"{from_text(payment_id):%Y%m%d}"


def block_of(trace: str) -> int:
    """Return the block of a trace number of ours."""
    return (int(trace[8:]) - 1) // BLOCK
