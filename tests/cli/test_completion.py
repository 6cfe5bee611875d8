"""The shell completes commands, options and their values."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT, clean_environ

COMMAND = (sys.executable, "-m", "paymentapp")


def completed(line: str) -> list[str]:
    """Return what Bash offers for the last word of a line."""
    words = line.split(" ")
    environ = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    asked = {"_PAYMENTAPP_COMPLETE": "bash_complete", **environ}
    answer = subprocess.run(
        COMMAND, env=clean_environ() | asked, capture_output=True, text=True, check=True
    )
    return [each.partition(",")[2] for each in answer.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("paymentapp re", ["reconcile", "release", "reversals"]),
        ("paymentapp keys cr", ["create"]),
        ("paymentapp reconcile --r", ["--repair"]),
        ("paymentapp keys create till --scope payments:a", ["payments:approve"]),
        ("paymentapp payments list --status su", ["submitting", "submitted", "succeeded"]),
    ],
)
def test_words_are_completed(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    environ = clean_environ() | {"_PAYMENTAPP_COMPLETE": f"{shell}_source"}
    script = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=True)
    assert f"_PAYMENTAPP_COMPLETE={shell}_complete" in script.stdout


def test_the_line_of_the_documentation_is_what_bash_takes(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    (line,) = [
        each.strip()
        for each in (ROOT / "docs" / "operating.md").read_text().splitlines()
        if "_PAYMENTAPP_COMPLETE=bash_source" in each
    ]
    program = tmp_path / "paymentapp"
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    command = f"{line.partition('#')[0]}; complete -p paymentapp"
    environ = clean_environ()
    environ["PATH"] = f"{tmp_path}:{environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", command], env=environ, capture_output=True, text=True, check=True
    )
    assert said.stdout == "complete -o nosort -F _paymentapp_completion paymentapp\n"
