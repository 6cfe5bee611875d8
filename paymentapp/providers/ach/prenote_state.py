"""What is known of an account that was asked about by a prenote, on record by its destination."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry

_SUFFIX = ".pre"
_FREE = "{}"  # of a claim on a file that was never made: the account can be claimed again


class Asked(NamedTuple):
    """An account that was asked about: in which file, since when, and what came back."""

    note: StateEntry
    file_id: str
    destination: str  # as it was sealed then
    at: datetime
    returned: str | None
    open: bool  # it was, long enough ago


class PrenoteState:
    """Reads and writes what is known of accounts. Of many who ask about one, the first counts."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def find(self, destination: str) -> Asked | None:
        """Return what is known of an account; None where nobody has asked about it."""
        _, note = self._known(destination)
        return _read(note) if note and note.text != _FREE else None

    def ask(self, destination: str, file_id: str, now: datetime) -> Asked:
        """Claim an account for a file of prenotes; return whose it is: of whoever came first."""
        record = {"file": file_id, "destination": destination, "at": to_text(now)}
        claim = json.dumps(record)

        def claimed(name: str) -> StateEntry:
            return update_state_entry(
                self._state,
                name,
                _FREE,
                lambda text: claim if text == _FREE else text,
                likely_new=True,
            )

        note = claimed(_name(destination))
        alias = _alias(note)
        return _read(claimed(alias) if alias else note)

    def returned(self, destination: str, code: str) -> None:
        """There is no such account, or it is not to be paid: the first reason counts."""
        name, note = self._known(destination)
        if note is None:
            return

        def change(text: str) -> str:
            record = json.loads(text)
            if not record or "returned" in record:
                return text
            return json.dumps({**record, "returned": code})

        update_state_entry(self._state, name, _FREE, change)

    def may_be_paid(self, asked: Asked) -> None:
        """Note that an account may be paid, for when its file is forgotten too. Where this is not
        written, the next payment finds out again."""
        record = json.loads(asked.note.text) | {"open": True}
        self._state.change_state_entry(asked.note, asked.note.changed(json.dumps(record)))

    def free(self, asked: Asked) -> None:
        """Give up a claim on a file that does not have the account in it."""
        self._state.change_state_entry(asked.note, asked.note.changed(_FREE))

    def keep(self, old: str, new: str) -> None:
        """The same account is sealed anew: what is known of it, now or later, is known of both."""
        name, note = self._known(old)
        if note is not None:
            self._state.add_state_entry(StateEntry.new(_name(new), json.dumps({"as": name})))

    def _known(self, destination: str) -> tuple[str, StateEntry | None]:
        """Where an account is noted, and what; under the name of how it was sealed first."""
        name = _name(destination)
        note = self._state.get_state_entry(name)
        alias = _alias(note) if note else None
        return (alias, self._state.get_state_entry(alias)) if alias else (name, note)


def prenote_file(batch_id: str, number: int) -> str:
    """The id of a batch's own file of prenotes; one that was made takes no more accounts."""
    return f"{batch_id}.{number}{_SUFFIX}"


def is_prenote(file_id: str) -> bool:
    """Whether a file has prenotes in it, and no payments."""
    return file_id.endswith(_SUFFIX)


def _alias(note: StateEntry) -> str | None:
    alias: str | None = json.loads(note.text).get("as")
    return alias


def _read(note: StateEntry) -> Asked:
    record = json.loads(note.text)
    return Asked(
        note,
        record["file"],
        record["destination"],
        from_text(record["at"]),
        record.get("returned"),
        record.get("open", False),
    )


def _name(destination: str) -> str:
    return f"ach/prenote/{hashlib.sha256(destination.encode()).hexdigest()[:40]}"
