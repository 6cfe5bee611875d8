"""The record of each file: what was decided once stays, whoever writes again."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.providers.ach.file_state import FileState, UploadStep
from tests.support.memory_store import MemoryStore
from tests.support.records import NOW


def test_when_the_bank_had_the_file_is_said_by_the_first_who_knew() -> None:
    files = FileState(MemoryStore())
    for hours in (0, 5):
        files.uploaded("b1", NOW + timedelta(hours=hours))
        found = files.progress("b1", NOW + timedelta(days=1))
        assert (found.step, found.since) == (UploadStep.UPLOADED, NOW)


def test_the_steps_are_stored_under_the_same_words_for_ever() -> None:
    """A record of an earlier version is read by them."""
    assert {step.name: step.value for step in UploadStep} == {
        name: name.lower() for name in ("RENDERED", "WRITING", "DELIVERING", "UPLOADED", "DOUBTFUL")
    }
