"""A thread that the service needs survives its errors; one that ended takes its process with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from paymentapp import supervision
from paymentapp.errors import StoreUnavailable
from paymentapp.supervision import EXIT_STATUS, ServiceThread, Supervisor
from tests.support.worker_world import until

# Threads end on purpose here.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

FAST = 0.01  # seconds between two checks


class Steps:
    """A step that raises what is planned, then waits for its end."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.at: list[float] = []
        self.ends = threading.Event()
        self.waits = False

    def __call__(self, thread: ServiceThread) -> bool:
        self.at.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        if self.waits:
            thread.wait()
        return not self.ends.wait(20)


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Steps, ServiceThread]]]:
    made: list[tuple[Steps, ServiceThread]] = []

    def start(*errors: BaseException, waits: bool = False) -> tuple[Steps, ServiceThread]:
        steps = Steps(*errors)
        steps.waits = waits
        thread = ServiceThread("tested", steps, limit=3 * supervision.CHECK_SECONDS)
        made.append((steps, thread))
        thread.start()
        return steps, thread

    yield start
    for steps, thread in made:
        steps.ends.set()
        thread.join(10)


Start = Callable[..., tuple[Steps, ServiceThread]]


@pytest.mark.parametrize("error", [StoreUnavailable("busy"), ValueError("x"), MemoryError()])
def test_a_step_that_raises_is_repeated(started: Start, error: Exception) -> None:
    steps, thread = started(error)
    until(lambda: len(steps.at) == 2)
    assert thread.is_alive()
    assert not thread.has_died


def test_the_pause_doubles_with_each_failure_in_a_row(started: Start) -> None:
    steps, _ = started(*(ValueError(n) for n in range(4)))
    until(lambda: len(steps.at) == 5)
    pauses = [later - sooner for sooner, later in zip(steps.at, steps.at[1:], strict=False)]
    for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert pause >= least


def test_a_thread_that_is_stopped_has_not_died(started: Start) -> None:
    steps, thread = started()
    steps.ends.set()
    thread.join(10)
    assert not thread.is_alive()
    assert not thread.has_died


def test_a_failing_step_is_not_repeated_after_the_stop() -> None:
    stopping = threading.Event()
    stopping.set()
    steps = Steps(*(ValueError(n) for n in range(100)))
    thread = ServiceThread("tested", steps, limit=60, stopping=stopping)
    thread.start()
    thread.join(10)
    assert len(steps.at) == 1
    assert not thread.has_died


def test_a_thread_that_was_never_started_has_not_died() -> None:
    assert not ServiceThread("tested", Steps(), limit=60).has_died


def test_a_thread_that_ended_is_a_problem(started: Start) -> None:
    _, thread = started(SystemExit())
    thread.join(10)
    assert Supervisor(lambda: [thread]).check() == "thread tested has ended"


def test_a_thread_without_progress_is_a_problem(started: Start) -> None:
    steps, thread = started()
    until(lambda: bool(steps.at))
    supervisor = Supervisor(lambda: [thread])
    assert [supervisor.check() for _ in range(3)] == [None] * 3
    assert supervisor.check() == "thread tested has made no progress for 3 s"
    thread.beat()
    assert supervisor.check() is None


def test_a_thread_that_waits_for_work_is_none(started: Start) -> None:
    steps, thread = started(waits=True)
    until(lambda: thread.waiting and bool(steps.at))
    supervisor = Supervisor(lambda: [thread])
    assert {supervisor.check() for _ in range(10)} == {None}


class Watched:
    """A supervisor that is fast, and only says that it ends the process."""

    def __init__(
        self, threads: list[ServiceThread], monkeypatch: pytest.MonkeyPatch, grace: float = 0.05
    ) -> None:
        monkeypatch.setattr(supervision, "CHECK_SECONDS", FAST)
        monkeypatch.setattr(supervision, "GRACE_SECONDS", grace)
        self.ended: list[int] = []
        self.supervisor = Supervisor(lambda: threads, end=self._end)
        self.supervisor.start()

    def _end(self, status: int) -> None:
        self.ended.append(status)
        self.supervisor.stop()


def test_a_process_whose_thread_has_ended_ends_itself(
    started: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, thread = started(SystemExit())
    thread.join(10)
    watched = Watched([thread], monkeypatch)
    until(lambda: watched.ended == [EXIT_STATUS])
    assert "thread tested has ended: this process ends, to be started again" in caplog.text


def test_a_process_that_can_start_no_thread_ends_itself_all_the_same(
    started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, thread = started(SystemExit())
    thread.join(10)
    watched = Watched([thread], monkeypatch)

    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    until(lambda: watched.ended == [EXIT_STATUS])


def test_it_says_so_first(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    _, thread = started(SystemExit())
    thread.join(10)
    watched = Watched([thread], monkeypatch, grace=60)
    until(lambda: watched.supervisor.problem() == "thread tested has ended")
    assert not watched.ended
    watched.supervisor.stop()
    assert watched.supervisor.problem() is None


def test_a_process_whose_threads_run_goes_on(
    started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, thread = started(waits=True)
    watched = Watched([thread], monkeypatch)
    time.sleep(0.3)
    assert not watched.ended
    assert watched.supervisor.problem() is None
    watched.supervisor.stop()


def test_threads_that_cannot_be_checked_once_are_checked_again(
    started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, thread = started(SystemExit())
    thread.join(10)
    failures = [ValueError("x")]

    def threads() -> list[ServiceThread]:
        if failures:
            raise failures.pop()
        return [thread]

    monkeypatch.setattr(supervision, "CHECK_SECONDS", FAST)
    supervisor = Supervisor(threads, end=lambda _status: None)
    supervisor.start()
    until(lambda: supervisor.problem() == "thread tested has ended")
    supervisor.stop()


def test_a_process_ends_itself_though_what_was_found_cannot_be_shown(
    started: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, thread = started(SystemExit())
    thread.join(10)
    watched = Watched([thread], monkeypatch, grace=60)
    watched.supervisor.on_check = lambda _running, _failed: 1 / 0
    until(lambda: "is not shown" in caplog.text)
    assert watched.supervisor.check() == "thread tested has ended"
    watched.supervisor.stop()


def test_each_check_tells_how_many_threads_run_and_which_one_has_failed(started: Start) -> None:
    _, ended = started(SystemExit())
    ended.join(10)
    _, runs = started()
    supervisor, told = Supervisor(lambda: [runs, ended]), []
    supervisor.on_check = lambda running, failed: told.append((running, failed))
    supervisor.check()
    assert told == [(1, "tested")]
