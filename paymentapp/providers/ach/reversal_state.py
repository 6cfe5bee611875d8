"""Reversals on record: who ordered each file of them, and which are not settled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry
from paymentapp.models.reversals import ReversalOrder, ReversalReason

_SUFFIX = ".rev"
_OPEN = "ach/reversals"


@dataclass(frozen=True, slots=True)
class ReversalRecord:
    """An order of a file of reversals, and the description of its entries."""

    batch_id: str
    order: ReversalOrder
    at: datetime
    description: str


class ReversalState:
    """Reads and writes the orders of reversals."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def new(self, record: ReversalRecord) -> str:
        """Record an order; return the id of its file, which no other order has."""
        number = 0
        while True:
            name = f"{record.batch_id}.{number}{_SUFFIX}"
            wanted = StateEntry.new(_name(name), _text(record))
            if self._state.add_state_entry(wanted).revision == wanted.revision:
                return name
            number += 1

    def find(self, reversal_id: str) -> ReversalRecord:
        """Return an order that is on record. Raises LookupError."""
        entry = self._state.get_state_entry(_name(reversal_id))
        if entry is None:
            raise LookupError(reversal_id)
        return _read(entry.text)

    def open(self) -> list[str]:
        """Return the files that are not settled, oldest first."""
        entry = self._state.get_state_entry(_OPEN)
        return list(json.loads(entry.text)) if entry else []

    def opened(self, reversal_id: str) -> None:
        """Record that a file is to be followed until it is settled."""

        def change(text: str) -> str:
            known: Sequence[str] = json.loads(text)
            return text if reversal_id in known else json.dumps([*known, reversal_id])

        update_state_entry(self._state, _OPEN, "[]", change)

    def settled(self, reversal_id: str) -> None:
        """Record that a file needs no following any more."""

        def change(text: str) -> str:
            return json.dumps([each for each in json.loads(text) if each != reversal_id])

        update_state_entry(self._state, _OPEN, "[]", change)


def is_reversal(file_id: str) -> bool:
    """Return whether a file has reversals, and no payments."""
    return file_id.endswith(_SUFFIX)


def batch_of(reversal_id: str) -> str:
    """Return the batch whose payments a file takes back."""
    return reversal_id.partition(".")[0]


def _name(reversal_id: str) -> str:
    return f"ach/reversal/{reversal_id}"


def _text(record: ReversalRecord) -> str:
    order = [record.order.reason.value, record.order.person, record.order.note]
    return json.dumps([record.batch_id, order, to_text(record.at), record.description])


def _read(text: str) -> ReversalRecord:
    batch_id, (reason, person, note), at, description = json.loads(text)
    order = ReversalOrder(ReversalReason(reason), person, note)
    return ReversalRecord(batch_id, order, from_text(at), description)
