"""The project's commands: README lists what `make help` prints."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.service import ROOT

MENTIONING = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", ".ci/run")


@pytest.fixture(scope="module")
def printed() -> str:
    command = ["make", "--no-print-directory", "help"]  # these tests are run by make themselves
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_readme_lists_what_make_help_prints(printed: str) -> None:
    assert f"```\n{printed}```" in (ROOT / "README.md").read_text()


def test_make_help_prints_every_command(printed: str) -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert {line.split()[0] for line in printed.splitlines()} == set(phony[1].split())


@pytest.mark.parametrize("name", MENTIONING)
def test_every_make_command_that_a_text_names_is_there(name: str, printed: str) -> None:
    known = {line.split()[0] for line in printed.splitlines()}
    text = (ROOT / name).read_text()
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z][a-z0-9-]*)", text, re.MULTILINE))
    assert named <= known
