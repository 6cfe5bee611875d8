"""Updates of provider state: nothing is lost under concurrency, and retries are bounded."""

from __future__ import annotations

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.models import provider_state
from paymentapp.models.provider_state import StateEntry, update_state_entry
from tests.support.memory_store import MemoryStore

NAME = "counter"


class Contended(MemoryStore):
    """A state where another writer increments before each of our writes, so many times."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others = others

    def add_state_entry(self, note: StateEntry) -> StateEntry:
        self._other()
        return super().add_state_entry(note)

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        self._other()
        return super().change_state_entry(old, new)

    def _other(self) -> None:
        if self.others:
            self.others -= 1
            stored = self._notes.get(NAME)
            self._notes[NAME] = StateEntry.new(NAME, one_more(stored.text if stored else "0"))


def one_more(text: str) -> str:
    return str(int(text) + 1)


def test_where_there_is_no_note_the_start_is_changed() -> None:
    store = MemoryStore()
    note = update_state_entry(store, NAME, "7", one_more)
    assert note.text == "8"
    assert store.get_state_entry(NAME) == note


def test_what_another_writes_meanwhile_is_changed_too() -> None:
    store = Contended(others=3)
    note = update_state_entry(store, NAME, "0", one_more)
    assert note.text == "4"
    assert store.get_state_entry(NAME) == note


def test_a_text_that_stays_is_not_written() -> None:
    store = MemoryStore()
    first = store.add_state_entry(StateEntry.new(NAME, "1"))
    assert update_state_entry(store, NAME, "0", str) == first
    assert store.calls == ["add_note", "get_note"]


def test_a_note_that_is_likely_new_is_added_without_a_look() -> None:
    store = MemoryStore()
    assert update_state_entry(store, NAME, "0", one_more, likely_new=True).text == "1"
    assert store.calls == ["add_note"]
    assert update_state_entry(store, NAME, "0", one_more, likely_new=True).text == "2"


def test_the_first_of_two_decisions_stands() -> None:
    store = Contended(others=1)
    assert update_state_entry(store, NAME, "", lambda text: text or "ours").text == "1"


def test_writers_who_never_let_us_through_end_the_update() -> None:
    store = Contended(others=10_000)
    with pytest.raises(StoreUnavailable):
        update_state_entry(store, NAME, "0", one_more)
    assert store.others == 10_000 - provider_state.TRIES


def test_an_error_of_the_change_ends_the_update() -> None:
    store = MemoryStore()
    with pytest.raises(ZeroDivisionError):
        update_state_entry(store, NAME, "0", lambda text: str(1 // int(text)))
    assert store.get_state_entry(NAME) is None
