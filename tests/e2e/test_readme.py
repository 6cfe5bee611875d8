"""The README's commands, in its order, on the service that `make run` starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT, free_port, running_service


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
