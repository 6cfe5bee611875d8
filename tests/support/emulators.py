"""A DynamoDB for the tests: the one in the environment, or ministack on loopback."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.service import ROOT, free_port

START_SECONDS = 30
FAKE_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def ministack_program() -> Path | None:
    """Return the path of the console script, if emulator.sh has installed it."""
    program = ROOT / ".tools" / "ministack" / "bin" / "ministack"
    return program if program.exists() else None


@contextmanager
def ministack(program: Path, folder: Path, **settings: str) -> Iterator[str]:
    """Run the emulator on a free port of 127.0.0.1; yields its address."""
    with ministack_process(program, folder, **settings) as (address, _):
        yield address


@contextmanager
def ministack_process(
    program: Path, folder: Path, **settings: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the emulator as `ministack` does; yields its address and its process."""
    port = free_port()
    where = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    environment = {**os.environ, **where, **settings}
    with (folder / "ministack.log").open("w") as log:
        process = subprocess.Popen(
            [str(program)], env=environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for_http(process, address)
        yield address, process
    finally:
        process.terminate()
        process.wait(10)


def wait_for_http(
    process: subprocess.Popen[bytes], address: str, seconds: float = START_SECONDS
) -> None:
    """Wait until an emulator answers HTTP, whatever it answers. Raises RuntimeError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the emulator at {address} does not answer")
