"""`.env.example` lists every setting, as a shell, systemd and containers read it."""

from __future__ import annotations

import re
import subprocess

import pytest
from click.testing import CliRunner

from paymentapp.cli import commands
from paymentapp.declarations import groups
from paymentapp.variables import Variable
from tests.support.printed_pages import ENV_EXAMPLE, env_example
from tests.support.service import ROOT

VARIABLES = [each for group in groups() for each in group.variables]


def test_it_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(commands, ["settings", "--env"]).output
    assert ENV_EXAMPLE.read_text() == env_example() == printed, "run `make docs`"


def test_it_sets_nothing_by_itself() -> None:
    lines = ENV_EXAMPLE.read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda each: each.name)
def test_each_setting_has_its_default(variable: Variable) -> None:
    """Without its # the line does not change the setting, whatever reads the file."""
    (line,) = re.findall(rf"^#{variable.name}=.*$", ENV_EXAMPLE.read_text(), re.MULTILINE)
    shell = ["sh", "-c", f'{line[1:]}; printf %s "${variable.name}"']
    value = subprocess.run(shell, env={}, capture_output=True, text=True, check=True).stdout
    assert value == (variable.default or "")


def test_a_copy_of_it_is_not_committed() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
