"""The stored state of each file: its plan (written once), and the progress of its upload."""

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
    """How far the upload of a file is; `docs/decisions/0014-ach.md` draws the state machine."""

    RENDERED = "rendered"  # the bank certainly does not have it
    WRITING = "writing"  # an attempt writes it under a name that the bank does not read
    DELIVERING = "delivering"  # from here on the bank may have it
    UPLOADED = "uploaded"  # the bank has it
    DOUBTFUL = "doubtful"  # an attempt has ended with an unknown outcome: an operator decides


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file as it was made, once: the first process decides, and no other makes it again."""

    name: str
    size: int  # bytes
    blocks: Sequence[int]  # of trace numbers, see `trace_numbers`
    cutoff: datetime
    effective: date
    next_day: date
    above: Sequence[int]  # positions above the same-day limit, which settle on `next_day`
    content: str = field(repr=False)  # see `contents`: sealed, or encrypted for the bank

    def effective_date(self, position: int) -> date:
        """Return the date on which the entry at a position is to settle."""
        return self.next_day if position in self.above else self.effective


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """The step of an upload, its attempt, since when, and the stored entry."""

    entry: StateEntry
    step: UploadStep
    attempt: int
    since: datetime

    def moved(self, step: UploadStep, now: datetime, attempt: int | None = None) -> UploadProgress:
        """Return the next version, to be written conditionally."""
        number = self.attempt if attempt is None else attempt
        return UploadProgress(self.entry.changed(_progress(step, number, now)), step, number, now)


class FileState:
    """Reads and writes the state of files."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def decision(self, file_id: str) -> FilePlan | Refused | None:
        """Return what was decided for a batch: its file, or a refusal; None where nothing was."""
        stored = self._state.get_state_entry(_file(file_id))
        return _read(stored.text) if stored else None

    def decide(self, file_id: str, made: FilePlan | Refused) -> FilePlan | Refused:
        """Store a decision unless there is one; return the stored one, the first."""
        return _read(self._state.add_state_entry(StateEntry.new(_file(file_id), _text(made))).text)

    def progress(self, file_id: str, made_at: datetime) -> UploadProgress:
        """Return the progress of a file's upload; stored as RENDERED where there is none."""
        name = _upload(file_id)
        entry = self._state.get_state_entry(name)
        if entry is None:
            entry = self._state.add_state_entry(
                StateEntry.new(name, _progress(UploadStep.RENDERED, 0, made_at))
            )
        record = json.loads(entry.text)
        return UploadProgress(
            entry, UploadStep(record["step"]), record["attempt"], from_text(record["since"])
        )

    def uploaded(self, file_id: str, now: datetime) -> None:
        """Record that the bank has the file, whatever step another process writes meanwhile."""

        def change(text: str) -> str:
            record = json.loads(text)
            if record["step"] == UploadStep.UPLOADED:
                return text
            return _progress(UploadStep.UPLOADED, record["attempt"], now)

        start = _progress(UploadStep.RENDERED, 0, now)
        update_state_entry(self._state, _upload(file_id), start, change)

    def change(self, old: UploadProgress, new: UploadProgress) -> bool:
        """Replace one step by the next (compare-and-swap); False where another process has."""
        return self._state.change_state_entry(old.entry, new.entry)


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
