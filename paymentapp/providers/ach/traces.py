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
from typing import NamedTuple

from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import Misconfigured
from paymentapp.models import Member, Money
from paymentapp.nacha import trace_number
from paymentapp.notes import Note, Notebook, update_note

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

    def __init__(self, notebook: Notebook, odfi: str, clock: Clock) -> None:
        self._notebook = notebook
        self._odfi = odfi
        self._clock = clock

    def assign(self, batch_id: str, members: Sequence[Member]) -> list[int]:
        """Blocks for all members, ascending; position 0 has the first number of the first block.

        On record before anything is rendered. Numbers that a crash leaves unused are lost until
        their blocks come round again. Raises Misconfigured where no block is free.
        """
        parts = [members[first : first + BLOCK] for first in range(0, len(members), BLOCK)]
        free: list[Note] = []
        for _ in range(_TRIES):
            for block in self._next(len(parts) - len(free)):
                note = self._claimed(block, batch_id)
                if note is not None:
                    free.append(note)
            if len(free) == len(parts):
                break
        else:
            raise Misconfigured("NO_TRACE_NUMBERS", f"none is free within {KEPT.days} days")
        free.sort(key=lambda note: note.name)
        for index, (note, part) in enumerate(zip(free, parts, strict=True)):
            self._fill(note, batch_id, index * BLOCK, part)
        return [_block_of(note) for note in free]

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
            note = self._notebook.get_note(self._name(block))
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
        moved = update_note(
            self._notebook, name, "0", lambda text: str((int(text) + count) % BLOCKS)
        )
        first = int(moved.text) - count
        return [(first + step) % BLOCKS for step in range(count)]

    def _claimed(self, block: int, batch_id: str) -> Note | None:
        """The block's note as this call has written it; None where the block is in use."""
        now = self._clock()
        record = json.dumps({"batch": batch_id, "at": to_text(now)})
        wanted = Note.new(self._name(block), record)
        stored = self._notebook.add_note(wanted)
        if stored.revision == wanted.revision:
            return wanted
        if now - from_text(json.loads(stored.text)["at"]) <= KEPT:
            return None
        return wanted if self._notebook.change_note(stored, wanted) else None

    def _fill(self, note: Note, batch_id: str, first: int, members: Sequence[Member]) -> None:
        rows = [[m.item_id, str(m.money.amount), m.destination or ""] for m in members]
        record = json.loads(note.text) | {"batch": batch_id, "first": first, "members": rows}
        filled = note.changed(json.dumps(record, separators=(",", ":")))
        if not self._notebook.change_note(note, filled):
            raise Misconfigured("TRACE_NUMBERS_CHANGED", "a block that was claimed is another's")

    def _name(self, block: int) -> str:
        return f"ach/traces/{self._odfi}/{block:05d}"


def _block_of(note: Note) -> int:
    return int(note.name.rpartition("/")[2])
