"""What is on record of each file: what leaves (written once), and how far it has come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry
from paymentapp.providers.base import Refused


class UploadStep(StrEnum):
    """How far a file has come. `docs/decisions/0014-ach.md` draws the walk."""

    RENDERED = "rendered"  # certainly not with the bank
    WRITING = "writing"  # an attempt writes it under a name that the bank does not read
    DELIVERING = "delivering"  # from here on the bank may have it
    UPLOADED = "uploaded"  # the bank has it
    DOUBTFUL = "doubtful"  # an attempt has ended, and nothing tells how: a person decides


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file as it was made: whoever was first decided, and nobody makes it again."""

    name: str
    size: int  # bytes
    blocks: Sequence[int]  # of trace numbers, see `traces`
    cutoff: datetime
    effective: date
    next_day: date
    above: Sequence[int]  # positions that settle on `next_day`: above the same-day limit
    content: str = field(repr=False)  # see `files`: sealed, or encrypted for the bank

    def effective_date(self, position: int) -> date:
        """When the entry at a position is to settle."""
        return self.next_day if position in self.above else self.effective


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far a file has come, by which attempt, since when; the note that says so."""

    note: StateEntry
    step: UploadStep
    attempt: int
    since: datetime

    def moved(self, step: UploadStep, now: datetime, attempt: int | None = None) -> UploadProgress:
        """The next version, to be written conditionally."""
        number = self.attempt if attempt is None else attempt
        return UploadProgress(self.note.changed(_progress(step, number, now)), step, number, now)


class FileState:
    """Reads and writes the notes of files."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def made(self, file_id: str) -> FilePlan | Refused | None:
        """What was decided for a batch: a file, or that there can be none."""
        note = self._state.get_state_entry(_file(file_id))
        return _read(note.text) if note else None

    def decide(self, file_id: str, made: FilePlan | Refused) -> FilePlan | Refused:
        """Put a decision on record; returns what stands there, by whoever was first."""
        return _read(self._state.add_state_entry(StateEntry.new(_file(file_id), _text(made))).text)

    def progress(self, file_id: str, made_at: datetime) -> UploadProgress:
        """How far the file of a batch has come."""
        name = _upload(file_id)
        note = self._state.get_state_entry(name)
        if note is None:
            note = self._state.add_state_entry(
                StateEntry.new(name, _progress(UploadStep.RENDERED, 0, made_at))
            )
        record = json.loads(note.text)
        return UploadProgress(
            note, UploadStep(record["step"]), record["attempt"], from_text(record["since"])
        )

    def uploaded(self, file_id: str, now: datetime) -> None:
        """Put on record that the bank has the file, whatever other processes make of the note
        meanwhile."""

        def change(text: str) -> str:
            record = json.loads(text)
            if record["step"] == UploadStep.UPLOADED:
                return text
            return _progress(UploadStep.UPLOADED, record["attempt"], now)

        start = _progress(UploadStep.RENDERED, 0, now)
        update_state_entry(self._state, _upload(file_id), start, change)

    def change(self, old: UploadProgress, new: UploadProgress) -> bool:
        """Replace one step by the next, unless somebody else has."""
        return self._state.change_state_entry(old.note, new.note)


def _file(file_id: str) -> str:
    return f"ach/file/{file_id}"


def _upload(file_id: str) -> str:
    return f"ach/upload/{file_id}"


def _progress(step: UploadStep, attempt: int, since: datetime) -> str:
    return json.dumps({"step": step, "attempt": attempt, "since": to_text(since)})


def _text(made: FilePlan | Refused) -> str:
    if isinstance(made, Refused):
        return json.dumps({"refused": made.code, "verdicts": dict(made.member_errors)})
    record = asdict(replace(made, blocks=list(made.blocks), above=list(made.above)))
    times = {
        "cutoff": to_text(made.cutoff),
        "effective": made.effective.isoformat(),
        "next_day": made.next_day.isoformat(),
    }
    return json.dumps(record | times, separators=(",", ":"))


def _read(text: str) -> FilePlan | Refused:
    record = json.loads(text)
    if "refused" in record:
        member_errors: Mapping[str, str] = record["verdicts"]
        return Refused(record["refused"], {int(key): why for key, why in member_errors.items()})
    times = {
        "cutoff": from_text(record["cutoff"]),
        "effective": date.fromisoformat(record["effective"]),
        "next_day": date.fromisoformat(record["next_day"]),
    }
    return FilePlan(**record | times)
