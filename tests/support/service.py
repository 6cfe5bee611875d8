"""The whole service as a user starts it: `paymentapp run --dev`, in its own folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 30


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Service:
    """A running service and a client for it."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Send one request; return the status and the decoded body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                content = answer.read()
                return answer.status, json.loads(content or "null", parse_float=Decimal)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read(), parse_float=Decimal)

    def output(self) -> str:
        return self.log.read_text()

    def descendants(self) -> list[int]:
        """Return the process ids below the service's own."""
        found, fresh = [], [self.process.pid]
        while fresh:
            fresh = [child for parent in fresh for child in children(parent)]
            found += fresh
        return found


def children(pid: int) -> list[int]:
    """Return the direct children of a process, from /proc."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 (a glob fails at an end)
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(name))
    return found


def alive(pid: int) -> bool:
    """Return whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run(*command: object, environ: Mapping[str, str], refused: bool = False) -> str:
    """Return what a command printed that succeeded, or that was refused."""
    done = subprocess.run(
        list(map(str, command)),
        env={**clean_environ(), **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode != 0) is refused, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running_service(
    folder: Path, command: str = "run --dev", /, **environ: str
) -> Iterator[Service]:
    """Start the service, by default with its simulators; wait until it is up; stop it by SIGINT.

    A command without --dev gets its store first.
    """
    port = free_port()
    log = folder / "service.log"
    if "--dev" not in command:
        init = [sys.executable, "-m", "paymentapp", "init"]
        subprocess.run(init, cwd=folder, env=clean_environ() | environ, check=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "paymentapp", *command.split()],
            cwd=folder,
            env=clean_environ() | {"PORT": str(port)} | environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    service = Service(process, port, log)
    try:
        end = time.monotonic() + START_SECONDS
        while "Stop with Ctrl-C" not in service.output():
            assert process.poll() is None, service.output()
            assert time.monotonic() < end, service.output()
            time.sleep(0.05)
        yield service
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def clean_environ() -> dict[str, str]:
    """Return our environment without the service's variables."""
    foreign = ("PAYMENTAPP_", "PAYPAL_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign) and k != "PORT"}
    return kept | {"PYTHONPATH": str(ROOT)}
