"""Commands name the store that they speak to, and only `init` makes one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Desk
from tests.support.service import clean_environ

COMMAND = (sys.executable, "-m", "paymentapp")


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=clean_environ() | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [("keys", "create", "till"), ("keys", "list"), ("audit", "verify"), ("run",)]
)
def test_in_the_wrong_folder_a_command_makes_no_store_and_says_where_it_looked(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = run(tmp_path, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    (said,) = ended.stderr.splitlines()
    assert f"SQLite {tmp_path}/var/paymentapp.db" in said
    assert "paymentapp init" in said
    assert list(tmp_path.rglob("*.db")) == []


def test_init_says_which_store_it_made(tmp_path: Path) -> None:
    assert f"store: SQLite {tmp_path}/var/paymentapp.db" in run(tmp_path, "init").stdout


def test_a_new_key_says_which_store_knows_it(desk: Desk) -> None:
    desk.run("init")
    made = desk.run("keys", "create", "till")
    assert f"in SQLite {desk.database}" in made.stderr
    assert made.stdout.startswith("pk_")


def test_on_a_terminal_a_command_names_its_store_first(tmp_path: Path) -> None:
    run(tmp_path, "init")
    terminal, end = pty.openpty()
    subprocess.run(
        [*COMMAND, "keys", "list"],
        cwd=tmp_path,
        env=clean_environ(),
        stdout=subprocess.PIPE,
        stderr=end,
        timeout=60,
        check=True,
    )
    os.close(end)
    assert os.read(terminal, 1000).decode() == f"store: SQLite {tmp_path}/var/paymentapp.db\r\n"
    os.close(terminal)


def test_elsewhere_standard_error_stays_empty(tmp_path: Path) -> None:
    run(tmp_path, "init")
    assert run(tmp_path, "keys", "list").stderr == ""


def test_a_misspelt_setting_is_warned_of_by_each_command(tmp_path: Path) -> None:
    """A command that does not see PAYMENTAPP_STORE speaks to another store."""
    run(tmp_path, "init")
    other = f"sqlite:///{tmp_path}/other.db"
    ended = run(tmp_path, "keys", "list", PAYMENTAPP_STROE=other)
    said = "PAYMENTAPP_STROE is set, but is no setting of this service: is PAYMENTAPP_STORE meant?"
    assert ended.stderr == f"{said}\n"
    listed = run(tmp_path, "settings", PAYMENTAPP_STROE=other)
    assert listed.stderr == ""
    assert "PAYMENTAPP_STROE is not a setting: did you mean PAYMENTAPP_STORE?" in listed.stdout
