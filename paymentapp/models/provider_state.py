"""Provider state: durable entries of a provider's own, which nothing else reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from paymentapp.errors import StoreUnavailable
from paymentapp.models.revisions import new_revision

TRIES = 100  # each one that fails means that another writer has succeeded


@dataclass(frozen=True, slots=True)
class StateEntry:
    """An entry that a provider stores for itself, such as a rendered file.

    A name, and a text of at most 300 KB, which stays out of `repr`.
    """

    name: str
    text: str = field(repr=False)
    revision: str

    @classmethod
    def new(cls, name: str, text: str) -> StateEntry:
        """Return an entry that is not stored yet."""
        return cls(name, text, new_revision())

    def changed(self, text: str) -> StateEntry:
        """Return the next version of the entry."""
        return StateEntry.new(self.name, text)


class ProviderState(Protocol):
    """The part of the store that providers keep their own entries in; see `storage.base.Store`."""

    def add_state_entry(self, entry: StateEntry) -> StateEntry:
        """Store a new entry; return what is stored under its name, possibly an older one."""

    def get_state_entry(self, name: str) -> StateEntry | None:
        """Return the entry, by a consistent read; None where there is none."""

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""


def update_state_entry(
    state: ProviderState,
    name: str,
    start: str,
    change: Callable[[str], str],
    *,
    likely_new: bool = False,
) -> StateEntry:
    """Replace an entry's text by `change(text)`, by compare-and-swap; return the entry then.

    Where there is no such entry, `change` gets `start`; with `likely_new` that is tried first,
    without a read. Where another process has written meanwhile, `change` is called again, so it
    must have no side effects. An entry whose text does not change is not written; an error of
    `change` ends the update. Raises StoreUnavailable where other writers win `TRIES` times in a
    row.
    """
    entry = None if likely_new else state.get_state_entry(name)
    for _ in range(TRIES):
        text = change(entry.text if entry else start)
        if entry is None:
            wanted = StateEntry.new(name, text)
            entry = state.add_state_entry(wanted)
            if entry.revision == wanted.revision:
                return entry
        elif text == entry.text:
            return entry
        else:
            wanted = entry.changed(text)
            if state.change_state_entry(entry, wanted):
                return wanted
            entry = state.get_state_entry(name)
    raise StoreUnavailable(f"an entry of a provider's state was changed {TRIES} times meanwhile")
