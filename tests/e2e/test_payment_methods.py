"""One customer paid by three methods, by the service that `make run` starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.service import ROOT, running_service

ACCOUNT = b"000123456789"
PHONE = b"4155550100"


def test_the_three_ways_in_curl(tmp_path: Path) -> None:
    """Pay by PayPal, Stripe and ACH, with a return; no account number is stored in plain text."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    with running_service(tmp_path, PAYMENTAPP_ACH_REHEARSAL_SECONDS="2") as service:
        told = subprocess.run(
            [ROOT / "curl" / "ways.sh"],
            env=os.environ | {"PAYMENTAPP_URL": service.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr + service.output()
        assert "Done: every result is the expected one" in told.stdout
        stored = [path for path in (tmp_path / "var").glob("paymentapp.db*") if path.is_file()]
        assert stored
        kept = [*(path.read_bytes() for path in stored), service.output().encode()]
        for secret in (ACCOUNT, PHONE):
            assert all(secret not in content for content in [*kept, told.stdout.encode()])
