"""The record of each file: what was decided once stays, whoever writes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadStep
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


def test_what_was_decided_is_read_as_it_was_written() -> None:
    plan = FilePlan(
        name="ach-b1.ach",
        size=1880,
        blocks=(7, 8),
        cutoff=NOW,
        effective=date(2026, 3, 2),
        next_day=date(2026, 3, 3),
        above=(1,),
        content="sealed",
    )
    files = FileState(MemoryStore())
    files.decide("b1", plan)
    found = files.decision("b1")
    assert isinstance(found, FilePlan)
    assert replace(found, blocks=(7, 8), above=(1,)) == plan
    assert [found.effective_date(place) for place in (0, 1)] == [plan.effective, plan.next_day]
