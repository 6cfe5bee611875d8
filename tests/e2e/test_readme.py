"""The README's commands, in its order, on the service that `make run` starts."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT, free_port, running_service

FILE_COMMANDS = ("pay", "status", "summary", "payments", "reconcile", "export")


def commands() -> list[str]:
    lines = (ROOT / "README.md").read_text().splitlines()
    return [line for line in lines if line.startswith(("curl/", "WAIT=5 curl/"))]


def test_a_stranger_can_enter_each_command_as_it_stands(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    assert len(commands()) >= 9
    receiver = {"PYTHON": sys.executable, "RECEIVER_PORT": str(free_port())}
    with running_service(tmp_path, PAYMENTAPP_ACH_REHEARSAL_SECONDS="2") as service:
        for command in commands():
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env=os.environ | receiver | {"PAYMENTAPP_URL": service.url},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, command + done.stdout + done.stderr + service.output()


def block_of(command: str) -> str:
    """Return the block of commands that has a line."""
    (block,) = [
        each for each in (ROOT / "README.md").read_text().split("```\n") if f"\n{command}" in each
    ]
    return block


def a_checkout(folder: Path) -> None:
    """Make what the commands need of a checkout: the example, and the program where it is."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    program = folder / ".venv" / "bin" / "paymentapp"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m paymentapp "$@"\n')
    program.chmod(0o755)


def test_a_hundred_people_are_paid_from_a_file_as_it_stands(tmp_path: Path) -> None:
    block = block_of("paymentapp pay var/staff.csv")
    assert [line.split()[1] for line in block.splitlines() if line.startswith("paymentapp ")] == [
        *("pay", *FILE_COMMANDS)
    ]
    a_checkout(tmp_path)
    paying = block.replace("paymentapp status", "sleep 8; paymentapp status")  # as a reader would
    with running_service(tmp_path) as service:
        done = subprocess.run(
            ["bash", "-ec", paying],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr + service.output()
    assert "100 of 100 rows fine, 0 not; checked: nothing is paid in a dry run" in done.stdout
    assert "100 of 100 rows fine, 0 not; done" in done.stdout
    assert "staff-040" in done.stdout  # the payment that failed
    with (tmp_path / "var" / "payments.csv").open(newline="") as file:
        paid = [row["reference"] for row in csv.DictReader(file)]
    assert len(paid) == len(set(paid)) == 100
