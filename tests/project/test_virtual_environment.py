"""`make` on a Debian whose Python comes without venv: told what to install, and mended by it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT

# As Debian's Python without the package python3-venv: `-m venv` leaves a folder without pip.
WITHOUT_VENV = f"""#!/bin/sh
case "$*" in
  *ensurepip*) exit 1 ;;
  "-m venv "*) shift 2; {sys.executable} -m venv --without-pip "$@"; exit 1 ;;
  *) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what `make .venv/.run` depends on."""
    needed = ("Makefile", "requirements.txt", "requirements-build.txt", "setup.cfg")
    for name in (*needed, "pyproject.toml", "paymentapp/_version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / "debian-python"
    python.write_text(WITHOUT_VENV)
    python.chmod(0o755)
    return tmp_path


def make(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Make the virtual environment, and install nothing into it but say that pip is there."""
    nothing = ["INSTALL=-c 'import pip'", "PINNED=-c 'import pip'"]
    return subprocess.run(
        ["make", "--no-print-directory", ".venv/.run", f"PYTHON={python}", *nothing],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_is_missing_is_said_and_the_next_run_is_right(checkout: Path) -> None:
    failed = make(checkout, "./debian-python")
    assert failed.returncode != 0
    assert "sudo apt install python3-venv" in failed.stdout + failed.stderr
    mended = make(checkout, sys.executable)
    assert mended.returncode == 0, mended.stderr


def test_so_is_one_that_an_earlier_run_has_left_broken(checkout: Path) -> None:
    command = [sys.executable, "-m", "venv", "--without-pip", ".venv"]
    subprocess.run(command, cwd=checkout, check=True)
    assert make(checkout, "./debian-python").returncode != 0
    mended = make(checkout, sys.executable)
    assert mended.returncode == 0, mended.stderr
