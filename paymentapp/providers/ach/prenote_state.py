"""The prenote of each account, stored by the account's destination."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry

_SUFFIX = ".pre"
_FREE = "{}"  # the claim was given up, since its file was never made: it can be claimed again


class PrenoteRecord(NamedTuple):
    """The prenote of an account: its file, when it was claimed, and its return code."""

    entry: StateEntry
    file_id: str
    destination: str  # as it was sealed then
    at: datetime
    returned: str | None
    open: bool  # the waiting time is over: the account may be paid


class PrenoteState:
    """Reads and writes the prenotes of accounts. The first claim on an account counts."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def find(self, destination: str) -> PrenoteRecord | None:
        """Return the prenote of an account; None where there is none."""
        _, entry = self._stored(destination)
        return _read(entry) if entry and entry.text != _FREE else None

    def claim(self, destination: str, file_id: str, now: datetime) -> PrenoteRecord:
        """Claim an account for a file of prenotes; return the claim that stands, the first."""
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

        entry = claimed(_name(destination))
        alias = _alias(entry)
        return _read(claimed(alias) if alias else entry)

    def returned(self, destination: str, code: str) -> None:
        """Record that the prenote was returned; the first reason counts."""
        name, entry = self._stored(destination)
        if entry is None:
            return

        def change(text: str) -> str:
            record = json.loads(text)
            if not record or "returned" in record:
                return text
            return json.dumps({**record, "returned": code})

        update_state_entry(self._state, name, _FREE, change)

    def may_be_paid(self, prenote: PrenoteRecord) -> None:
        """Record that an account may be paid, so that its file is not read again.

        If the write is lost, the next payment finds out again.
        """
        entry = prenote.entry
        record = json.loads(entry.text) | {"open": True}
        self._state.change_state_entry(entry, entry.changed(json.dumps(record)))

    def free(self, prenote: PrenoteRecord) -> None:
        """Give up a claim whose file does not contain the account."""
        self._state.change_state_entry(prenote.entry, prenote.entry.changed(_FREE))

    def keep(self, old: str, new: str) -> None:
        """Share the prenote of an account with the same account under another seal."""
        name, entry = self._stored(old)
        if entry is not None:
            self._state.add_state_entry(StateEntry.new(_name(new), json.dumps({"as": name})))

    def _stored(self, destination: str) -> tuple[str, StateEntry | None]:
        """Return the name and the entry of an account's prenote, by the account's first seal."""
        name = _name(destination)
        entry = self._state.get_state_entry(name)
        alias = _alias(entry) if entry else None
        return (alias, self._state.get_state_entry(alias)) if alias else (name, entry)


def prenote_file(batch_id: str, number: int) -> str:
    """Return the id of a batch's `number`th file of prenotes."""
    return f"{batch_id}.{number}{_SUFFIX}"


def is_prenote(file_id: str) -> bool:
    """Return whether a file has prenotes and no payments."""
    return file_id.endswith(_SUFFIX)


def _alias(entry: StateEntry) -> str | None:
    alias: str | None = json.loads(entry.text).get("as")
    return alias


def _read(entry: StateEntry) -> PrenoteRecord:
    record = json.loads(entry.text)
    return PrenoteRecord(
        entry,
        record["file"],
        record["destination"],
        from_text(record["at"]),
        record.get("returned"),
        record.get("open", False),
    )


def _name(destination: str) -> str:
    return f"ach/prenote/{hashlib.sha256(destination.encode()).hexdigest()[:40]}"
