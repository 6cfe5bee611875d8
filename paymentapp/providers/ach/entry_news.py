"""What the bank has said of a file's entries: what came back, what was acknowledged."""

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
class News:
    """By position: the code of each return; which entries were acknowledged."""

    returned: Mapping[int, str] = field(default_factory=dict)
    acknowledged: frozenset[int] = frozenset()


class EntryNewsState:
    """Keeps news of files. The first return of an entry counts; repeated ones change nothing."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def of(self, file_id: str) -> News:
        """All that was said of a file's entries."""
        note = self._state.get_state_entry(_name(file_id))
        record = json.loads(note.text if note else _NONE)
        returned = {int(position): code for position, code in record["returned"].items()}
        return News(returned, frozenset(record["acknowledged"]))

    def returned(self, file_id: str, position: int, code: str) -> None:
        """An entry has come back."""

        def change(record: dict[str, Any]) -> None:
            record["returned"].setdefault(str(position), code)

        self._change(file_id, change)

    def acknowledged(self, file_id: str, position: int) -> None:
        """The receiving bank has an entry."""

        def change(record: dict[str, Any]) -> None:
            if position not in record["acknowledged"]:
                record["acknowledged"].append(position)

        self._change(file_id, change)

    def _change(self, file_id: str, change: Callable[[dict[str, Any]], None]) -> None:
        def changed(text: str) -> str:
            record = json.loads(text)
            change(record)
            return json.dumps(record, separators=(",", ":"))

        update_state_entry(self._state, _name(file_id), _NONE, changed)


def words(code: str) -> str:
    """A return code and its reason, in at most 40 characters, as `R03 No account/unable to locate
    account` would be."""
    title = return_reason(code).title
    short = f"{code} {title[:1]}{title[1:].lower()}".strip()
    return short if len(short) <= _REASON_LENGTH else f"{short[: _REASON_LENGTH - 1].rstrip()}."


def _name(file_id: str) -> str:
    return f"ach/news/{file_id}"
