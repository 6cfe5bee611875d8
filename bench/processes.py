"""Servers on free loopback ports, which end whatever else happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bench.say import Failed

START_SECONDS = 30
STOP_SECONDS = 6


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Processes:
    """Child processes, each in its own process group, ended at the end of a `with` block."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._children:
            self.stop(self._children[-1])

    def start(
        self, name: str, command: list[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a child; its output goes to `name`.log in the directory."""
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                command,
                env=clean_environment() | dict(environment),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children.append(child)
        return child

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def stop(self, child: subprocess.Popen[bytes], *, at_once: bool = False) -> None:
        """Stop a child and its children: by SIGTERM, and after a few seconds by SIGKILL."""
        self._children.remove(child)
        if child.poll() is None and not at_once:
            child.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # its group: gunicorn's workers too
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def await_answer(self, name: str, child: subprocess.Popen[bytes], url: str) -> None:
        """Wait until a GET is answered with 200. Raises Failed, with the end of the child's log."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and child.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.005)
        raise Failed(f"{name} did not start: {self.log(name).read_text()[-1000:]}")


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would change how a server runs."""
    own = ("PAYMENTAPP_", "PAYPAL_", "GUNICORN_", "PORT", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    root = str(Path(__file__).resolve().parent.parent)
    return kept | {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": ""}


PYTHON = sys.executable
