"""A provider's notes: what it must not forget, kept by the store and read by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from paymentapp.errors import StoreUnavailable
from paymentapp.models.revisions import new_revision

TRIES = 100  # each one that fails means that another writer's has succeeded


@dataclass(frozen=True, slots=True)
class StateEntry:
    """What a provider keeps for itself, such as a file that it has rendered: a name, and a text
    of at most 300 KB. The text stays out of `repr`."""

    name: str
    text: str = field(repr=False)
    revision: str

    @classmethod
    def new(cls, name: str, text: str) -> StateEntry:
        """Return a note that is not stored yet."""
        return cls(name, text, new_revision())

    def changed(self, text: str) -> StateEntry:
        """The next version of the note."""
        return StateEntry.new(self.name, text)


class ProviderState(Protocol):
    """Where a provider keeps what it must not forget: the part of a store that is its own."""

    def add_state_entry(self, note: StateEntry) -> StateEntry: ...

    def get_state_entry(self, name: str) -> StateEntry | None: ...

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool: ...


def update_state_entry(
    state: ProviderState,
    name: str,
    start: str,
    change: Callable[[str], str],
    *,
    likely_new: bool = False,
) -> StateEntry:
    """Replace a note's text by what `change` makes of it; return the note as it then stands.

    Where there is no such note, `change` gets `start`; where that is `likely_new`, it is tried
    first, without a look. Compare and swap: where another process has written meanwhile, `change`
    is called again, so it has no effects of its own. A note whose text it leaves as it was is not
    written; what it raises ends the update. Raises StoreUnavailable where other writers come first
    `TRIES` times in a row.
    """
    note = None if likely_new else state.get_state_entry(name)
    for _ in range(TRIES):
        text = change(note.text if note else start)
        if note is None:
            wanted = StateEntry.new(name, text)
            note = state.add_state_entry(wanted)
            if note.revision == wanted.revision:
                return note
        elif text == note.text:
            return note
        else:
            wanted = note.changed(text)
            if state.change_state_entry(note, wanted):
                return wanted
            note = state.get_state_entry(name)
    raise StoreUnavailable("a provider's note is changing all the time")
