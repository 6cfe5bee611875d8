"""Child processes end together, including one that does not react."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from paymentapp.cli import process_group
from paymentapp.cli.process_group import ProcessGroup

SLEEPS = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(60)"
)


@pytest.fixture
def made() -> Iterator[ProcessGroup]:
    """Make a group; it takes this process's signals, which are restored afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield ProcessGroup()
    for number, handler in before.items():
        signal.signal(number, handler)


def started(of: ProcessGroup, program: str) -> subprocess.Popen[str]:
    return of.start([sys.executable, "-c", program], stdout=subprocess.PIPE)


def test_when_one_ends_the_others_are_ended(made: ProcessGroup) -> None:
    sleeping = started(made, SLEEPS)
    started(made, "pass")
    assert made.wait() == 1
    made.stop()
    assert sleeping.returncode == -signal.SIGTERM


def test_after_a_signal_all_are_ended_and_that_is_no_error(made: ProcessGroup) -> None:
    sleeping = started(made, SLEEPS)
    signal.raise_signal(signal.SIGTERM)
    assert made.wait() == 0
    made.stop()
    assert sleeping.returncode == -signal.SIGTERM


def test_one_that_does_not_end_in_time_is_killed(
    made: ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill it. A patch, since the real wait is fifteen seconds."""
    monkeypatch.setattr(process_group, "STOP_SECONDS", 0.2)
    deaf = started(made, STUBBORN)
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == "deaf\n"
    made.stop()
    assert deaf.returncode == -signal.SIGKILL
