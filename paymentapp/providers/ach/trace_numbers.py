"""Trace numbers: given out in blocks, each to one batch, and the way from a return to its payment.

A block is a hundred of the seven-digit sequence numbers under the ODFI's eight. A counter says
which block is next, but it only saves looking: a block is a batch's by a note of its own, which
is added conditionally, so that a counter that has wrapped, or was lost, gives nothing out twice.
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
from paymentapp.models.money import Money
from paymentapp.models.provider_state import ProviderState, update_state_entry
from paymentapp.nacha import trace_number

BLOCK = 100
BLOCKS = 99_999  # sequence numbers 1 to 9,999,900
# A return that comes late by the rules (60 days for what nobody authorized), twice over.
KEPT = timedelta(days=120)
_TRIES = 1_000  # blocks still in use that are passed over


class Target(NamedTuple):
    """An entry of ours: which place in which batch, and what it paid to whom."""

    batch_id: str
    position: int
    trace: str
    item_id: str
    money: Money
    destination: str

    def __repr__(self) -> str:
        return f"Target({self.batch_id} {self.position})"


class Traces:
    """Gives trace numbers out, and knows whose they are."""

    def __init__(self, state: ProviderState, odfi: str, clock: Clock) -> None:
        self._state = state
        self._odfi = odfi
        self._clock = clock

    def free(self, count: int) -> list[int]:
        """Return ascending blocks of so many numbers that no batch has.

        They are a batch's once they are assigned to it; no other process gets them from the
        counter meanwhile. Raises Misconfigured where there are none.
        """
        wanted = -(-count // BLOCK)
        found: list[int] = []
        for _ in range(_TRIES):
            for block in self._next(wanted - len(found)):
                if block not in found and self._is_free(block):
                    found.append(block)
            if len(found) == wanted:
                return sorted(found)
        raise Misconfigured("NO_TRACE_NUMBERS", f"none is free within {KEPT.days} days")

    def assign(self, blocks: Sequence[int], batch_id: str, members: Sequence[Member]) -> None:
        """Put on record whose numbers these are: position 0 has the first of the first block.

        Numbers that a crash leaves unused after this are lost until their blocks come round again.
        Raises NotSent where another process has taken a block.
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

    def numbers(self, blocks: Sequence[int], count: int) -> list[str]:
        """The first so many trace numbers of some blocks."""
        return [self.trace(blocks[n // BLOCK], n % BLOCK) for n in range(count)]

    def find(self, trace: str) -> Target | None:
        """The entry that went out under a trace number, as far as it is ours."""
        if not (len(trace) == 15 and trace.isascii() and trace.isdigit()):
            return None
        if trace[:8] != self._odfi or int(trace[8:]) == 0:
            return None
        block, place = divmod(int(trace[8:]) - 1, BLOCK)
        targets = self.targets([block])
        return targets[place] if place < len(targets) else None

    def targets(self, blocks: Sequence[int]) -> list[Target]:
        """The entries of a file, in the order of its blocks."""
        found = []
        for block in blocks:
            note = self._state.get_state_entry(self._name(block))
            record = json.loads(note.text) if note else {}
            for place, (item_id, amount, destination) in enumerate(record.get("members", ())):
                found.append(
                    Target(
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
        """The trace number at a place of a block."""
        return trace_number(self._odfi, block * BLOCK + place + 1)

    def _next(self, count: int) -> list[int]:
        """The next blocks by the counter, which no other process gets from it."""
        name = f"ach/traces/{self._odfi}"
        moved = update_state_entry(
            self._state, name, "0", lambda text: str((int(text) + count) % BLOCKS)
        )
        first = int(moved.text) - count
        return [(first + step) % BLOCKS for step in range(count)]

    def _is_free(self, block: int) -> bool:
        note = self._state.get_state_entry(self._name(block))
        return note is None or not self._is_in_use(note.text)

    def _is_in_use(self, text: str) -> bool:
        return self._clock() - from_text(json.loads(text)["at"]) <= KEPT

    def _taken(self, record: str, text: str) -> str:
        if text and self._is_in_use(text):
            raise NotSent("TRACE_NUMBERS_TAKEN", "another process was given the same ones")
        return record

    def _name(self, block: int) -> str:
        return f"ach/traces/{self._odfi}/{block:05d}"
