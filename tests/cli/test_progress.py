"""Progress on a terminal: a line that is there while a command works, and away when it prints."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click
import pytest

from paymentapp.cli import progress
from paymentapp.cli.common import ProgressReport
from paymentapp.cli.progress import current, progress_line
from tests.support.terminal import Terminal

CLEARED = "\x1b[2K"  # the line under the cursor


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.05)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def shows(terminal: Terminal, text: str) -> bool:
    return _until(lambda: text in terminal.text)


def _until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_what_a_command_does_is_shown_until_it_ends(terminal: Terminal) -> None:
    with terminal.used(), progress_line("reconcile"):
        assert shows(terminal, "reconcile")
        ProgressReport("reconcile")("70 batches compared")
        assert shows(terminal, "reconcile: 70 batches compared")
        assert shows(terminal, "0:00:0")
    assert _until(lambda: terminal.text.rstrip("\n").endswith(CLEARED))
    assert current() is None


def test_it_is_away_before_anything_is_printed(terminal: Terminal) -> None:
    with terminal.used(), progress_line("export"):
        assert shows(terminal, "export")
        click.echo("a line of output")
        assert shows(terminal, "a line of output")
    before = terminal.text.partition("a line of output")[0]
    assert before.rstrip("\n").endswith(CLEARED)


def test_what_is_quick_shows_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 60)
    with terminal.used(), progress_line("export"):
        time.sleep(0.3)
    assert terminal.text == ""


def test_a_question_that_waits_for_its_answer_is_left_alone(terminal: Terminal) -> None:
    with terminal.used(), progress_line("pay"):
        click.echo("Are you sure? ", nl=False)
        time.sleep(0.4)
        assert shows(terminal, "sure?")
        assert "pay" not in terminal.text


def test_whoever_writes_bytes_has_the_terminal(terminal: Terminal) -> None:
    with terminal.used(), progress_line("export"):
        sys.stdout.buffer.write(b"a,b\n")
        time.sleep(0.4)
        sys.stdout.flush()
    assert shows(terminal, "a,b")
    assert "export" not in terminal.text


def test_in_a_pipe_there_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line("reconcile"):
        assert current() is None
        time.sleep(0.3)
    assert capsys.readouterr() == ("", "")


def test_without_the_library_there_is_no_line(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "find_spec", lambda _name: None)
    with terminal.used(), progress_line("reconcile"):
        assert current() is None
        time.sleep(0.3)
    assert terminal.text == ""
