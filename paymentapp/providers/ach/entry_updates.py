"""What the bank has reported about the entries of a file: returns and acknowledgments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paymentapp.banking import return_reason
from paymentapp.models.provider_state import ProviderState, update_state_entry

_NONE = '{"returned":{},"acknowledged":[]}'
_REASON_LENGTH = 40


@dataclass(frozen=True, slots=True)
class EntryUpdates:
    """The return code of each returned entry, and the entries of which other things are known."""

    returned: Mapping[int, str] = field(default_factory=dict)  # by position
    acknowledged: frozenset[int] = frozenset()
    confirmed: frozenset[int] = frozenset()  # of which an operator has said that they were paid


class EntryUpdateState:
    """Stores the updates of files; of several returns of an entry the first one counts."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def of_file(self, file_id: str) -> EntryUpdates:
        """Return everything that was reported about a file's entries."""
        stored = self._state.get_state_entry(_name(file_id))
        record = json.loads(stored.text if stored else _NONE)
        returned = {int(position): code for position, code in record["returned"].items()}
        confirmed = frozenset(record.get("confirmed", ()))
        return EntryUpdates(returned, frozenset(record["acknowledged"]), confirmed)

    def add_return(self, file_id: str, position: int, code: str) -> None:
        """Record that an entry was returned."""

        def change(record: dict[str, Any]) -> None:
            record["returned"].setdefault(str(position), code)

        self._change(file_id, change)

    def add_acknowledgment(self, file_id: str, position: int) -> None:
        """Record that the receiving bank has acknowledged an entry."""

        def change(record: dict[str, Any]) -> None:
            if position not in record["acknowledged"]:
                record["acknowledged"].append(position)

        self._change(file_id, change)

    def add_confirmation(self, file_id: str, position: int) -> None:
        """Record that an operator has said that an entry was paid."""

        def change(record: dict[str, Any]) -> None:
            if position not in record.setdefault("confirmed", []):
                record["confirmed"].append(position)

        self._change(file_id, change)

    def _change(self, file_id: str, change: Callable[[dict[str, Any]], None]) -> None:
        def changed(text: str) -> str:
            record = json.loads(text)
            change(record)
            return json.dumps(record, separators=(",", ":"))

        update_state_entry(self._state, _name(file_id), _NONE, changed)


def return_text(code: str) -> str:
    """Return a return code with its reason in words, in at most 40 characters.

    >>> return_text("R02")
    'R02 Account closed'
    """
    return f"{code} {return_reason(code).short}"[:_REASON_LENGTH]


def _name(file_id: str) -> str:
    return f"ach/news/{file_id}"
