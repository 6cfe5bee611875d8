"""The exit statuses of docs/operating.md are those of the commands."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from paymentapp.cli import commands
from tests.cli.conftest import Desk
from tests.cli.test_audit import set_field
from tests.cli.test_reconcile import INTERRUPTIBLE
from tests.cli.test_worker import until
from tests.support.service import ROOT, clean_environ

Row = tuple[str, int]  # the command, and the exit status

# Those of servers are seen where they run: a file of tests, and what it has to say.
SEEN_ELSEWHERE: dict[Row, tuple[str, str]] = {
    ("run", 0): ("tests/e2e/test_run.py", "process.wait(30) == 0"),
    ("run", 1): ("tests/e2e/test_run.py", "process.wait(30) == 1"),
    ("worker", 0): ("tests/cli/test_worker.py", "process.wait(START_SECONDS) == 0"),
    ("worker", 70): ("tests/e2e/test_ended_threads.py", "process.wait(SECONDS) == 70"),
}


def documented() -> list[Row]:
    page = (ROOT / "docs" / "operating.md").read_text()
    table = page.partition("| command | exit status | |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `?([a-z ]+?)`? \| ([0-9]+) \|", table, re.MULTILINE)
    return [(command, int(status)) for command, status in rows]


def did_its_work(desk: Desk, _: Path) -> int:
    return desk.run("init").exit_code


def could_not(desk: Desk, _: Path) -> int:
    desk.run("init")
    unknown_record = desk.run("payments", "show", "ann", "never").exit_code
    wrong_option = desk.run("summary", "--by", "week").exit_code
    wrong_setting = desk.run("status", PAYMENTAPP_STORE="mysql").exit_code
    assert unknown_record == wrong_option == wrong_setting
    return unknown_record


def interrupted(desk: Desk, _: Path) -> int:
    desk.pay("ann", follow=False)
    desk.set_simulator(latency=2)
    before = desk.reads()
    command = [sys.executable, "-c", INTERRUPTIBLE, "reconcile"]
    process = subprocess.Popen(
        command,
        env=clean_environ() | desk.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: desk.reads() > before)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    return process.returncode


def a_problem(desk: Desk, _: Path) -> int:
    return desk.run("settings", PAYMENTAPP_WORKERS="many").exit_code


def a_finding(desk: Desk, _: Path) -> int:
    desk.pay("ann")
    set_field(desk, "status", '"failed"')
    return desk.run("audit", "verify").exit_code


def a_difference(desk: Desk, _: Path) -> int:
    desk.pay("ann", follow=False)
    return desk.run("reconcile").exit_code


def a_row_is_not_fine(desk: Desk, folder: Path) -> int:
    desk.run("init")
    file = folder / "june.csv"
    file.write_text("customer_id,email,amount,currency\nann,ann@example.com,1,USD\n")
    return desk.run("pay", str(file)).exit_code  # nobody knows the customer


def stores_differ(desk: Desk, folder: Path) -> int:
    desk.pay("ann")
    copy = ("copy", "--from", f"sqlite:///{desk.database}", "--to", f"sqlite:///{folder}/b.db")
    assert desk.run(*copy, "--finish").exit_code == 0
    with replace(desk, environ=desk.environ | {"PAYMENTAPP_STORE": copy[-1]}).service() as target:
        target.customers.register("bob", "bob@example.com", {})
    return desk.run(*copy, "--finish").exit_code


def not_confirmed(desk: Desk, _: Path) -> int:
    desk.pay("ann")
    done = CliRunner().invoke(commands, ["customers", "erase", "ann"], "n\n", env=desk.environ)
    assert "erased_at" not in desk.run("customers", "show", "ann", "--json").stdout
    return done.exit_code


SCENARIOS: dict[Row, Callable[[Desk, Path], int]] = {
    ("every command", 0): did_its_work,
    ("every command", 2): could_not,
    ("every command", 130): interrupted,
    ("settings", 1): a_problem,
    ("audit verify", 1): a_finding,
    ("reconcile", 1): a_difference,
    ("copy", 1): stores_differ,
    ("pay", 1): a_row_is_not_fine,
    ("customers erase", 1): not_confirmed,
}


def test_the_table_has_what_is_tested() -> None:
    assert sorted(documented()) == sorted([*SCENARIOS, *SEEN_ELSEWHERE])


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_command_ends_as_the_table_says(desk: Desk, tmp_path: Path, row: Row) -> None:
    assert SCENARIOS[row](desk, tmp_path) == row[1]


@pytest.mark.parametrize("row", SEEN_ELSEWHERE, ids=lambda row: f"{row[0]} {row[1]}")
def test_servers_are_tested_where_they_run(row: Row) -> None:
    file, text = SEEN_ELSEWHERE[row]
    assert text in (ROOT / file).read_text()
