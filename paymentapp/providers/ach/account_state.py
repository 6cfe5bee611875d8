"""What is known of the accounts that were paid, stored by the account's destination.

An account is sealed anew when a key is replaced, and another one when a bank corrects it: each
destination leads to the one that came after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

from paymentapp.models.provider_state import ProviderState, update_state_entry

_LONGEST = 100  # links of a chain that are followed


class AccountRecord(NamedTuple):
    """The destination that replaced one, and the return code by which it must not be used."""

    sealed: str | None = None  # the same account under another key
    corrected: str | None = None  # the account that the bank says is right
    blocked: str | None = None


class AccountState:
    """Reads and writes what is known of accounts."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def find(self, destination: str) -> AccountRecord:
        """Return what is on record of a destination."""
        entry = self._state.get_state_entry(_name(destination))
        return AccountRecord(**json.loads(entry.text)) if entry else AccountRecord()

    def current(self, destination: str) -> str:
        """Return the destination that is right by the bank's corrections, or the same."""
        return self._replacement(destination) or destination

    def chain(self, destination: str) -> list[str]:
        """Return a destination and those that came after it, corrections and new seals alike."""
        return [destination, *(after for after, _ in self._after(destination))]

    def seals(self, destination: str) -> list[str]:
        """Return a destination and those by which the same account was sealed later."""
        found = [destination]
        for after, is_correction in self._after(destination):
            if is_correction:
                break
            found.append(after)
        return found

    def resealed(self, destination: str, sealed: str) -> None:
        """Record that the same account is sealed anew."""
        self._add(destination, "sealed", sealed)

    def correct(self, destination: str, corrected: str) -> None:
        """Record the account that is right instead of another; the first one counts."""
        self._add(destination, "corrected", corrected)

    def block(self, destination: str, code: str) -> None:
        """Record that an account must not be paid, however it is sealed; the first code counts."""
        for each in self.seals(destination):
            self._add(each, "blocked", code)

    def _replacement(self, destination: str) -> str | None:
        """Return the last destination behind a correction; None where there is no correction."""
        found = list(self._after(destination))
        return found[-1][0] if any(is_correction for _, is_correction in found) else None

    def _after(self, destination: str) -> Iterator[tuple[str, bool]]:
        """Yield each destination that came after one, and whether it was a correction."""
        for _ in range(_LONGEST):
            record = self.find(destination)
            after = record.corrected or record.sealed
            if after is None:
                return
            yield after, record.corrected is not None
            destination = after

    def _add(self, destination: str, field: str, value: str) -> None:
        """Set a field, unless it is set."""

        def change(text: str) -> str:
            record = json.loads(text)
            return json.dumps({field: value} | record, separators=(",", ":"))

        update_state_entry(self._state, _name(destination), "{}", change)


def _name(destination: str) -> str:
    return f"ach/account/{hashlib.sha256(destination.encode()).hexdigest()[:40]}"
