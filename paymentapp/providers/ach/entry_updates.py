"""What the bank has reported about the entries of a file: returns and acknowledgments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from paymentapp.banking import FUNDS_RETURNS, MOST_RETRIES, return_reason
from paymentapp.models.provider_state import ProviderState, update_state_entry

_NONE = '{"returned":{},"acknowledged":[]}'
_REASON_LENGTH = 40
REVERSED = "REVERSED"  # in place of a return code: the entry was taken back, by a debit of ours


class ReversalAttempt(NamedTuple):
    """The file that takes an entry back, and the code by which the bank returned its debit."""

    file_id: str
    returned: str = ""  # empty: it was not

    @property
    def may_be_tried_again(self) -> bool:
        """Return whether it came back for lack of funds."""
        return self.returned in FUNDS_RETURNS


@dataclass(frozen=True, slots=True)
class EntryUpdates:
    """The return code of each returned entry, and the entries of which other things are known."""

    returned: Mapping[int, str] = field(default_factory=dict)  # by position
    acknowledged: frozenset[int] = frozenset()
    confirmed: frozenset[int] = frozenset()  # of which an operator has said that they were paid
    # Attempts to take an entry back, oldest first.
    reversals: Mapping[int, Sequence[ReversalAttempt]] = field(default_factory=dict)


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
        reversals = {
            int(position): [ReversalAttempt(*each) for each in attempts]
            for position, attempts in record.get("reversals", {}).items()
        }
        return EntryUpdates(returned, frozenset(record["acknowledged"]), confirmed, reversals)

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

    def claim_reversals(
        self, file_id: str, positions: Sequence[int], reversal_id: str, *, again: bool
    ) -> None:
        """Claim entries for one file of reversals, all by one write; those that others have stay.

        An entry is claimed once, and `again` after each debit that came back for lack of funds, two
        times at most. One that the bank has returned is not claimed.
        """

        def change(record: dict[str, Any]) -> None:
            claims = record.setdefault("reversals", {})
            for position in map(str, positions):
                attempts = claims.get(position, [])
                last = ReversalAttempt(*attempts[-1]) if attempts else None
                free = last.may_be_tried_again and again if last else not again
                if free and len(attempts) <= MOST_RETRIES and position not in record["returned"]:
                    claims[position] = [*attempts, [reversal_id, ""]]

        self._change(file_id, change)

    def add_reversal_return(self, file_id: str, position: int, reversal_id: str, code: str) -> None:
        """Record that the bank has returned a debit that takes an entry back."""

        def change(record: dict[str, Any]) -> None:
            for attempt in record.get("reversals", {}).get(str(position), []):
                if attempt == [reversal_id, ""]:
                    attempt[1] = code

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
    words = "Taken back by a reversal" if code == REVERSED else return_reason(code).short
    return f"{code} {words}"[:_REASON_LENGTH]


def _name(file_id: str) -> str:
    return f"ach/news/{file_id}"
