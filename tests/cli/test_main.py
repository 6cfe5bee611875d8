"""The command line itself: exit statuses, messages and columns."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

import paymentapp.cli
from paymentapp.cli.common import DAYS, MOMENT, ProgressReport, line, period_of, plural
from tests.support.service import clean_environ

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_error_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "paymentapp", "audit", "verify"],
        env=clean_environ() | {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/none.db"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("paymentapp: database: ")
    assert ended.stderr.count("\n") == 1


def test_an_error_that_nobody_foresaw_is_not_taken_for_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit with status 2. A patch, since no known error can cause this."""

    @click.command()
    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(paymentapp.cli, "commands", broken)
    monkeypatch.setattr(sys, "argv", ["paymentapp"])
    with pytest.raises(SystemExit) as ended:
        paymentapp.cli.main()
    assert ended.value.code == 2
    assert "RuntimeError: a bug" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_told_now_and_then_and_on_a_terminal_alone(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    progress = ProgressReport("reconcile")
    progress("1 batch compared")
    assert capsys.readouterr().err == ""
    progress._printed_at -= 3  # seconds of work
    progress("2 batches compared")
    progress("3 batches compared")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "",
        "reconcile: 2 batches compared\n" if terminal else "",
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", NOW.replace(hour=0)),
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01t12:00:00z", NOW),
        ("2026-03-01T12:00", NOW),
        ("2026-03-01T14:00:00+02:00", NOW),
    ],
)
def test_moments_are_in_utc_where_they_say_nothing_else(text: str, moment: datetime) -> None:
    assert MOMENT.convert(text, None, None) == moment


def test_a_span_is_of_the_last_days_by_default() -> None:
    assert period_of(None, None, NOW) == (NOW - timedelta(days=DAYS), NOW)
    early = NOW - timedelta(days=99)
    assert period_of(None, early, NOW) == (early - timedelta(days=DAYS), early)
    assert period_of(early, None, NOW) == (early, NOW)


def test_columns_are_never_cut() -> None:
    assert line((4, 4), ("a", "b", "c")) == "a     b     c"
    assert line((4, 4), ("abcdef", "b", "")) == "abcdef  b"


def test_numbers_go_with_their_nouns() -> None:
    counted = [plural(0, "payment"), plural(1, "batch"), plural(1200, "batch")]
    assert counted == ["0 payments", "1 batch", "1,200 batches"]


def test_what_a_command_makes_is_for_its_own_user_alone() -> None:
    code = (
        "import os, paymentapp.cli as cli; "
        "cli.commands.main = lambda **_: print(oct(os.umask(0))); cli.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], umask=0o022, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "0o77\n"
