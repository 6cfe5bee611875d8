"""What is on record of the incoming folder: when all of it was read, and what lies unread in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry

_EMPTY = '{"read_at":null,"unread":{}}'
_ASIDE = "set aside: "
_SEEN_TWICE = 2  # polls that have found a file the same: it is not being written any more


@dataclass(frozen=True, slots=True)
class UnreadRecord:
    """A file that is not read, or not wholly: what it is known by, and why."""

    key: str  # its digest; of its name and size where it was not fetched
    size: int
    since: str
    reason: str
    polls: int = 1  # that have found it so, 2 at most

    def found_at(self, moment: str) -> UnreadRecord:
        """Return this record as found at a moment."""
        return replace(self, since=moment)

    @property
    def file_id(self) -> str:
        """Return the id by which an operator names the file."""
        return f"file-{self.key[:16]}"

    @property
    def is_steady(self) -> bool:
        """Return whether the file was found the same by two polls."""
        return self.polls >= _SEEN_TWICE

    def after(self, before: UnreadRecord | None) -> UnreadRecord:
        """Return this record as that of a poll after the one that found `before`."""
        if before is None or before.key != self.key:
            return self
        return replace(self, since=before.since, polls=_SEEN_TWICE)


class IncomingState:
    """Reads and writes the state of the incoming folder."""

    def __init__(self, state: ProviderState, provider: str) -> None:
        self._state = state
        self._name = f"{provider}/incoming"
        self._done = f"{provider}/read"

    def read_at(self) -> datetime | None:
        """Return the latest time at which nothing in the folder was unread; None if never."""
        text = self._record()["read_at"]
        return from_text(text) if text else None

    def unread(self) -> dict[str, UnreadRecord]:
        """Return the files that the last poll left unread, by name."""
        return {name: UnreadRecord(**each) for name, each in self._record()["unread"].items()}

    def polled(self, at: datetime, unread: Mapping[str, UnreadRecord]) -> None:
        """Record a poll that began at a time, and the files that it left unread."""
        now = to_text(at)
        files = {name: asdict(record) for name, record in sorted(unread.items())}

        def change(text: str) -> str:
            before = json.loads(text)["read_at"]
            read_at = before if files or (before and before > now) else now
            return json.dumps({"read_at": read_at, "unread": files}, separators=(",", ":"))

        update_state_entry(self._state, self._name, _EMPTY, change)

    def is_done(self, key: str) -> bool:
        """Return whether a file was read before, or set aside by an operator."""
        return self._state.get_state_entry(f"{self._done}/{key}") is not None

    def is_set_aside(self, key: str) -> bool:
        """Return whether an operator has set a file aside."""
        entry = self._state.get_state_entry(f"{self._done}/{key}")
        return entry is not None and entry.text.startswith(_ASIDE)

    def read(self, key: str, name: str) -> None:
        """Record that a file was read, where it cannot be moved away."""
        self._state.add_state_entry(StateEntry.new(f"{self._done}/{key}", name))

    def set_aside(self, key: str, note: str) -> None:
        """Record that an operator has dealt with a file: it is not to be read."""
        self._state.add_state_entry(StateEntry.new(f"{self._done}/{key}", _ASIDE + note))

    def _record(self) -> Any:
        entry = self._state.get_state_entry(self._name)
        return json.loads(entry.text if entry else _EMPTY)


def unfetched_key(name: str, size: int) -> str:
    """Return the key of a file whose content is not known; no digest is like it."""
    return "x" + hashlib.sha256(f"{size} {name}".encode(errors="replace")).hexdigest()


def is_unfetched(key: str) -> bool:
    """Return whether a key is that of a file whose content is not known."""
    return key.startswith("x")
