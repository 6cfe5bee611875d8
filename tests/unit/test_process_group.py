"""Child processes end together, including one that does not react."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from paymentapp.cli import process_group
from paymentapp.cli.process_group import ProcessGroup
from tests.support.service import alive, children, clean_environ

SLEEPS = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(60)"
)


@pytest.fixture
def made() -> Iterator[ProcessGroup]:
    """Make a group; it takes this process's signals, which are restored afterwards."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_after_a_signal_all_are_ended_and_that_is_no_error(
    made: ProcessGroup, number: signal.Signals
) -> None:
    """A terminal that is closed sends SIGHUP."""
    sleeping = started(made, SLEEPS)
    signal.raise_signal(number)
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


GROUP = f"""
import subprocess, sys
from paymentapp.cli.process_group import ProcessGroup
group = ProcessGroup({{}})
child = group.start([sys.executable, "-c", {SLEEPS!r}], stdout=subprocess.PIPE)
print(child.pid, flush=True)
group.wait()
group.stop()
"""


def of_its_own(program: str, *shell: str) -> subprocess.Popen[str]:
    """Start a program of a group in a process of its own, perhaps by a shell."""
    command = [*shell, sys.executable, "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environ())


def pid_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def ended(pid: int) -> bool:
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_group_that_is_killed_takes_its_children_along() -> None:
    with of_its_own(GROUP.format("")) as group:
        child = pid_of(group)
        group.kill()
    assert ended(child)


def test_where_it_is_told_so_a_group_ends_with_its_parent() -> None:
    """As where `make run` is killed: the shell is the parent here."""
    program = GROUP.format("end_with_parent=True")
    with of_its_own(program, "sh", "-c", '"$@" & wait', "sh") as shell:
        child = pid_of(shell)
        shell.kill()
    assert ended(child)


def test_what_nohup_has_started_goes_on_without_its_terminal() -> None:
    program = GROUP.format("end_with_parent=True")
    with of_its_own(program, "sh", "-c", "trap '' HUP; \"$@\" & wait", "sh") as shell:
        child = pid_of(shell)
        (group,) = children(shell.pid)
        shell.kill()
        os.kill(group, signal.SIGHUP)
        time.sleep(0.5)
        assert alive(child)
        os.kill(group, signal.SIGTERM)
    assert ended(child)
