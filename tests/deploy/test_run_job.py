"""deploy/azure/run_job.sh, with a stand-in for `az` that answers from a file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.hcl import ROOT

SCRIPT = ROOT / "deploy" / "azure" / "run_job.sh"
AZ = """\
#!/bin/sh
echo "$*" >> "$0.calls"
case "$*" in
  "containerapp job start "*) echo paymentapp-init-x1 ;;
  *) head -n 1 "$0.states"; sed -i 1d "$0.states" ;;
esac
"""


def run(folder: Path, *states: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script; each question for the job's state gets the next one."""
    az = folder / "az"
    az.write_text(AZ)
    az.chmod(0o755)
    (folder / "az.states").write_text("".join(f"{state}\n" for state in states))
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "RUN_JOB_SECONDS": "0"}
    done = subprocess.run(
        [SCRIPT, "a-group", "a-job"], env=environment, capture_output=True, text=True, timeout=60
    )
    return done, (folder / "az.calls").read_text().splitlines()


def test_it_waits_until_the_job_has_succeeded(tmp_path: Path) -> None:
    done, calls = run(tmp_path, "Running", "Running", "Succeeded")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls[0].startswith("containerapp job start --resource-group a-group --name a-job")
    assert len(calls) == 4
    assert all("--job-execution-name paymentapp-init-x1" in each for each in calls[1:])


@pytest.mark.parametrize("state", ["Failed", "Stopped", "Degraded"])
def test_a_job_that_has_failed_fails_the_apply(tmp_path: Path, state: str) -> None:
    done, _ = run(tmp_path, "Running", state)
    assert done.returncode == 1
    assert f"paymentapp-init-x1: {state}" in done.stderr


def test_a_job_that_does_not_end_fails_the_apply(tmp_path: Path) -> None:
    done, calls = run(tmp_path)
    assert done.returncode == 1
    assert "has not ended" in done.stderr
    assert len(calls) == 401
