"""The fence: whatever fails or stops at any step, beside any other process, a file goes once.

Every call of the state and of the folder is a step. A process can fail or stop before or after
each, and another can run while it is suspended at one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, StoreUnavailable
from paymentapp.models.batches import Batch, Member
from paymentapp.models.provider_state import StateEntry
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.bank_mail.folders import FolderError
from paymentapp.providers.base import (
    Accepted,
    NeedsReview,
    Postponed,
    Refused,
    Withdrawn,
)
from tests.support.ach_backend import ATTEMPT, HookedFolder
from tests.support.memory_store import MemoryStore
from tests.unit.ach.conftest import Company

STEPS = 60  # more than any attempt has
Outcome = Accepted | Refused | NeedsReview | Postponed | Withdrawn | Exception


class Stopped(BaseException):
    """The process ends here; nothing of it runs after this."""


class _StepState:
    """A process's access to the provider state, each call a step."""

    def __init__(self, store: MemoryStore, step: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._store, self._step = store, step

    def add_state_entry(self, note: StateEntry) -> StateEntry:
        added: StateEntry = self._step("add_note", lambda: self._store.add_state_entry(note))
        return added

    def get_state_entry(self, name: str) -> StateEntry | None:
        found: StateEntry | None = self._step("get_note", lambda: self._store.get_state_entry(name))
        return found

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        return bool(self._step("change_note", lambda: self._store.change_state_entry(old, new)))


class Process:
    """A process that pays; `step` is called with each operation."""

    def __init__(
        self,
        company: Company,
        step: Callable[[str, Callable[[], Any]], Any] | None = None,
        **settings: str,
    ) -> None:
        step = step or (lambda _, act: act())
        self.ach: Ach = company.provider(
            state=_StepState(company.state, step),
            outgoing=HookedFolder(company.folder, step),
            **settings,
        )

    def submit(self, batch: Batch, members: list[Member]) -> Outcome:
        try:
            return self.ach.submit(batch, members)
        except (NotSent, OutcomeUnknown, Misconfigured) as error:
            return error


def failing(at: int, error: type[BaseException], *, after: bool) -> Callable[..., Any]:
    """Make the step at a place fail, after it was done or before."""
    places = count()

    def step(what: str, act: Callable[[], Any]) -> Any:
        if next(places) != at:
            return act()
        if after:
            act()
        if error is Stopped:
            raise Stopped
        in_store = what.endswith("note")
        raise StoreUnavailable("down") if in_store else FolderError("ConnectionResetError")

    return step


def carried_on(company: Company, batch: Batch, members: list[Member], *, takes: bool) -> Outcome:
    """Let other processes try until there is an answer; the bank takes files at once, or last."""
    for _ in range(10):
        if takes:
            company.bank.work()
        outcome = Process(company).submit(batch, members)
        if isinstance(outcome, Accepted | NeedsReview):
            break
        company.clock.pass_by(seconds=ATTEMPT / 2 + 1)
    else:
        raise AssertionError(f"no answer but {outcome}")
    company.bank.work()
    return outcome


def check(company: Company, outcome: Outcome, members: list[Member]) -> None:
    """Check that nobody was paid twice, and everybody once if the answer says so."""
    paid = company.credits()
    assert all(times == 1 for times in paid.values()), paid
    if isinstance(outcome, Accepted):
        assert len(paid) == len(members)
    else:
        assert isinstance(outcome, NeedsReview)
        assert outcome.code.startswith("UPLOAD_UNCERTAIN")


@pytest.fixture
def members(company: Company) -> list[Member]:
    return [company.member("1111222233"), company.member("4444555566", account_type="savings")]


@pytest.fixture
def batch(company: Company, members: list[Member]) -> Batch:
    return company.batch(*members)


def steps_of(company: Company, batch: Batch, members: list[Member]) -> list[str]:
    """Return the steps of an undisturbed attempt."""
    done: list[str] = []

    def step(what: str, act: Callable[[], Any]) -> Any:
        done.append(what)
        return act()

    assert isinstance(Process(company, step).submit(batch, members), Accepted)
    return done


def test_an_attempt_writes_aside_moves_the_note_and_renames(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    steps = steps_of(company, batch, members)
    assert len(steps) < STEPS
    assert steps[steps.index("open") :] == [
        *("open", "sizes", "change_note", "write", "sizes", "change_note", "rename", "sizes"),
        *("get_note", "change_note"),
    ]
    [path] = (company.folder / "outgoing").iterdir()
    assert path.name == f"ach-20260302-{batch.batch_id}.ach"
    company.bank.work()
    assert company.credits() == {"1111222233": 1, "4444555566": 1}


@pytest.mark.parametrize("takes", [True, False], ids=["taken at once", "taken late"])
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("error", [Stopped, FolderError], ids=["crash", "error"])
def test_one_fault_at_each_step(
    tmp_path: Path, error: type[BaseException], after: bool, takes: bool
) -> None:
    outcomes = []
    for at in range(STEPS):
        company = Company(tmp_path / str(at))
        members = [company.member("1111222233")]
        batch = company.batch(*members)
        told: Outcome | None = None
        with suppress(Stopped):
            told = Process(company, failing(at, error, after=after)).submit(batch, members)
        assert told is None or isinstance(told, Accepted | NotSent | OutcomeUnknown), at
        if isinstance(told, NotSent):
            company.bank.work()
            assert company.credits() == {}, at
        outcome = carried_on(company, batch, members, takes=takes)
        check(company, outcome, members)
        outcomes.append(outcome)
        company.bank.close()
        if told is not None and isinstance(told, Accepted) and at > 30:
            break  # the fault comes after the end
    doubtful = sum(isinstance(outcome, NeedsReview) for outcome in outcomes)
    # Only where the bank takes the file before anybody looks, nothing tells what became of it.
    assert doubtful <= (4 if takes else 0)


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_two_crashes_in_a_row(tmp_path: Path, after: bool) -> None:
    """Stop the second process too, at each step of its recovery from the first crash."""
    numbers = count()
    for first in range(10, 32, 3):
        for second in range(0, 25, 2):
            company = Company(tmp_path / str(next(numbers)))
            members = [company.member("1111222233")]
            batch = company.batch(*members)
            for at in (first, second):
                with suppress(Stopped):
                    Process(company, failing(at, Stopped, after=after)).submit(batch, members)
                company.clock.pass_by(seconds=ATTEMPT + 1)
            check(company, carried_on(company, batch, members, takes=True), members)
            company.bank.close()


class Slow:
    """Suspend a process at one of its steps until it is resumed.

    Then it goes on, or takes that step and ends.
    """

    def __init__(
        self,
        company: Company,
        batch: Batch,
        members: list[Member],
        at: int,
        *,
        ends: bool = False,
        **settings: str,
    ) -> None:
        self._at, self._places, self._ends = at, count(), ends
        self._reached, self._go = threading.Event(), threading.Event()
        self.outcome: Outcome | None = None
        process = Process(company, self._step, **settings)

        def run() -> None:
            with suppress(Stopped):
                self.outcome = process.submit(batch, members)
            self._reached.set()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert self._reached.wait(10)

    def _step(self, what: str, act: Callable[[], Any]) -> Any:  # noqa: ARG002
        here = next(self._places) == self._at
        if here:
            self._reached.set()
            assert self._go.wait(10)
        done = act()
        if here and self._ends:
            raise Stopped
        return done

    def goes_on(self) -> Outcome | None:
        self._go.set()
        self._thread.join(10)
        return self.outcome


def slow_at_each_step(tmp_path: Path) -> Iterator[tuple[Company, Batch, list[Member], Slow]]:
    for at in range(40):
        company = Company(tmp_path / str(at))
        members = [company.member("1111222233")]
        batch = company.batch(*members)
        yield company, batch, members, Slow(company, batch, members, at)
        company.bank.close()


@pytest.mark.parametrize("late", [True, False], ids=["for ever", "for a moment"])
@pytest.mark.parametrize("takes", [True, False], ids=["taken at once", "taken late"])
def test_a_slow_process_wakes_up_after_another_has_been_there(
    tmp_path: Path, late: bool, takes: bool
) -> None:
    """Resume it also after the time of an attempt, when the other takes it for dead."""
    for company, batch, members, slow in slow_at_each_step(tmp_path):
        if late:
            company.clock.pass_by(seconds=ATTEMPT + 1)
        Process(company).submit(batch, members)
        if takes:
            company.bank.work()
        slow.goes_on()
        check(company, carried_on(company, batch, members, takes=takes), members)


@pytest.mark.parametrize("ends", [True, False], ids=["and ends", "and goes on"])
def test_a_slow_process_wakes_up_while_another_stands_at_each_step(
    tmp_path: Path, ends: bool
) -> None:
    """Resume it, for example, between another's look into the folder and its next step."""
    numbers = count()
    for first in range(12, 22):
        for second in range(14):
            company = Company(tmp_path / str(next(numbers)))
            members = [company.member("1111222233")]
            batch = company.batch(*members)
            one = Slow(company, batch, members, first, ends=ends)
            company.clock.pass_by(seconds=ATTEMPT + 1)
            other = Slow(company, batch, members, second)
            one.goes_on()
            company.bank.work()
            other.goes_on()
            check(company, carried_on(company, batch, members, takes=True), members)
            company.bank.close()


def test_many_processes_at_once_upload_one_file(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    threads = [
        threading.Thread(target=Process(company).submit, args=(batch, members)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert carried_on(company, batch, members, takes=True) == Accepted(
        f"ach-20260302-{batch.batch_id}.ach"
    )
    assert company.credits() == {"1111222233": 1, "4444555566": 1}


def stop_at(
    company: Company, batch: Batch, members: list[Member], what: str, *, after: bool
) -> None:
    """End a process at the first step of a kind in the folder."""

    def step(name: str, act: Callable[[], Any]) -> Any:
        if name != what:
            return act()
        if after:
            act()
        raise Stopped

    with pytest.raises(Stopped):
        Process(company, step).submit(batch, members)


def test_what_was_renamed_and_taken_is_doubtful_and_stays_so(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    stop_at(company, batch, members, "rename", after=True)
    company.bank.work()
    outcome = Process(company).submit(batch, members)
    assert isinstance(outcome, OutcomeUnknown)  # the other may only be slow
    company.clock.pass_by(seconds=ATTEMPT + 1)
    for _ in range(2):
        outcome = Process(company).submit(batch, members)
        assert isinstance(outcome, NeedsReview)
        assert "under neither name" in outcome.code
        assert len(outcome.code) < 200
    assert company.credits() == {"1111222233": 1, "4444555566": 1}


def test_a_slow_process_that_comes_first_has_uploaded(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    """Let its rename come between the other's look and the withdrawal."""
    stop_at(company, batch, members, "rename", after=False)
    company.clock.pass_by(seconds=ATTEMPT + 1)
    name = f"ach-20260302-{batch.batch_id}.ach"

    def step(what: str, act: Callable[[], Any]) -> Any:
        if what == "rename":
            outgoing = company.folder / "outgoing"
            (outgoing / f".{name}.1.part").rename(outgoing / name)
        return act()

    assert Process(company, step).submit(batch, members) == Accepted(name)


def test_what_was_not_renamed_goes_out_by_itself(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    stop_at(company, batch, members, "rename", after=False)
    company.bank.work()
    company.clock.pass_by(seconds=ATTEMPT + 1)
    assert isinstance(Process(company).submit(batch, members), Accepted)
    assert len(list((company.folder / "outgoing").iterdir())) == 1  # and leaves nothing else there


def test_a_file_of_another_size_is_for_a_person(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    stop_at(company, batch, members, "rename", after=True)
    [path] = (company.folder / "outgoing").iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    company.clock.pass_by(seconds=ATTEMPT + 1)
    outcome = Process(company).submit(batch, members)
    assert isinstance(outcome, NeedsReview)
    assert "940 bytes instead of 950" in outcome.code


def test_a_part_that_was_cut_off_is_never_renamed(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    def step(what: str, act: Callable[[], Any]) -> Any:
        done = act()
        if what == "write":
            [path] = (company.folder / "outgoing").iterdir()
            path.write_bytes(path.read_bytes()[:94])
        return done

    outcome = Process(company, step).submit(batch, members)
    assert isinstance(outcome, NotSent)
    assert outcome.code == "FOLDER_INCOMPLETE"
    assert list((company.folder / "outgoing").iterdir()) == []
    assert isinstance(Process(company).submit(batch, members), Accepted)


def test_a_bank_that_takes_the_file_at_once_has_it(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    def step(what: str, act: Callable[[], Any]) -> Any:
        done = act()
        if what == "rename":
            company.bank.work()
        return done

    assert isinstance(Process(company, step).submit(batch, members), Accepted)
    assert isinstance(Process(company).submit(batch, members), Accepted)
    assert company.credits() == {"1111222233": 1, "4444555566": 1}


@pytest.mark.parametrize("what", ["open", "sizes", "write"])
def test_before_the_renaming_nothing_was_sent(
    company: Company, batch: Batch, members: list[Member], what: str
) -> None:
    def step(name: str, act: Callable[[], Any]) -> Any:
        if name == what:
            raise FolderError("ConnectionRefusedError")
        return act()

    for _ in range(2):
        assert isinstance(Process(company, step).submit(batch, members), NotSent)
    assert isinstance(Process(company).submit(batch, members), Accepted)


def test_a_folder_that_lets_nobody_in_needs_a_person(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    def step(name: str, act: Callable[[], Any]) -> Any:
        if name == "open":
            raise FolderError("AuthenticationException", denied=True)
        return act()

    process = Process(company, step)
    outcome = process.submit(batch, members)
    assert isinstance(outcome, Misconfigured)
    with pytest.raises(Misconfigured):
        process.ach.check()


def test_a_store_that_is_down_leaves_it_unknown(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    company.state.down = True
    assert isinstance(Process(company).submit(batch, members), OutcomeUnknown)
    with pytest.raises(NotSent):
        company.ach.fetch(batch)
    company.state.down = False
    assert isinstance(Process(company).submit(batch, members), Accepted)


def test_news_of_an_entry_ends_all_doubt(company: Company) -> None:
    members = [company.member("R03111222233")]
    batch = company.batch(*members)
    stop_at(company, batch, members, "rename", after=True)
    company.bank.work()
    company.clock.pass_by(seconds=ATTEMPT + 1)
    assert isinstance(Process(company).submit(batch, members), NeedsReview)
    assert len(list(company.ach.mailbox.collect())) == 1
    assert isinstance(Process(company).submit(batch, members), Accepted)


def test_an_acknowledgment_of_an_entry_ends_all_doubt(company: Company) -> None:
    members = [company.member("1111222233", entry_class="CCD")]
    batch = company.batch(*members)
    stop_at(company, batch, members, "rename", after=True)
    company.bank.work()
    company.clock.pass_by(seconds=ATTEMPT + 1)
    assert isinstance(Process(company).submit(batch, members), NeedsReview)
    [delivery] = company.ach.mailbox.collect()
    assert b'"kind":"acknowledgment"' in delivery.bodies[0]
    assert isinstance(Process(company).submit(batch, members), Accepted)


def test_a_crash_after_a_withdrawal_is_no_doubt(
    company: Company, batch: Batch, members: list[Member]
) -> None:
    """The file was withdrawn, so that nobody can have it: it goes out without an operator."""
    stop_at(company, batch, members, "rename", after=False)
    company.clock.pass_by(seconds=ATTEMPT + 1)
    stop_at(company, batch, members, "rename", after=True)
    names = [path.name for path in (company.folder / "outgoing").iterdir()]
    assert [name.rpartition(".")[2] for name in names] == ["withdrawn"]
    company.clock.pass_by(seconds=ATTEMPT + 1)
    assert isinstance(Process(company).submit(batch, members), Accepted)
    company.bank.work()
    assert company.credits() == {"1111222233": 1, "4444555566": 1}
