"""The command: starts on a free port, ends at once, keeps its ledger when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulators import PayPalSimulatorSettings

from .support import serving
from .test_faults import Live


@contextmanager
def running(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "simulators", "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("PayPal simulator on http://127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def fail_to_start(*flags: str, **environ: str) -> str:
    """Return the one-line error of a start that must fail."""
    command = [sys.executable, "-m", "simulators", *flags]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=10, env=os.environ | environ, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


def test_a_killed_simulator_keeps_its_ledger(tmp_path: Path) -> None:
    state = str(tmp_path / "paypal.db")
    with running("--state", state) as (process, url):
        token = Live(url)
        assert token.pay("kept").status_code == 201
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    with running("--state", state) as (_, url):
        token.url = url
        assert token.pay("kept").status_code == 400
        assert token.pay("new").status_code == 201
        entries = token.read("ledger")["items"]
        assert [entry["sender_batch_id"] for entry in entries] == ["kept", "new"]
        answers = token.read("calls")["endpoints"]["POST /v1/payments/payouts"]["answers"]
        assert answers == {"201": 2, "400": 1}
        token.session.close()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(ending: signal.Signals) -> None:
    with running("--latency", "30") as (process, url):
        client = Live(url)
        with pytest.raises(Exception, match="timed out"):
            client.pay(timeout=0.2)
        before = time.monotonic()
        process.send_signal(ending)
        assert process.wait(5) == 0
        assert time.monotonic() - before < 2
        client.session.close()


def test_a_taken_port_is_said_in_one_line() -> None:
    with serving(PayPalSimulatorSettings()) as url:
        port = url.rpartition(":")[2]
        said = fail_to_start("--port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in said


def test_a_bad_setting_is_said_in_one_line(tmp_path: Path) -> None:
    assert "--down: must be one of" in fail_to_start("--down", "maybe")
    said = fail_to_start(PAYMENTAPP_SIMULATOR_LATENCY="soon")
    assert "PAYMENTAPP_SIMULATOR_LATENCY: must be a number of seconds" in said
    missing = str(tmp_path / "none" / "x.db")
    assert "cannot use the state file" in fail_to_start("--port", "0", "--state", missing)


def test_help_names_every_setting() -> None:
    command = [sys.executable, "-m", "simulators", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    for flag in ("--port", "--state", "--settle-delay", "--drop-after", "--balance", "--down"):
        assert flag in ended.stdout
