"""Child processes that are stopped together."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping
from types import FrameType

STOP_SECONDS = 15


class ProcessGroup:
    """Child processes. Handles SIGINT and SIGTERM for all of them."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def start(
        self,
        command: list[str],
        stdout: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a child in a session of its own, so that Ctrl-C does not reach it directly."""
        child = subprocess.Popen(  # noqa: S603
            command, stdout=stdout, text=True, start_new_session=True, env=environ
        )
        self._children.append(child)
        return child

    def alive(self) -> bool:
        """Return whether all children run and no signal has come."""
        return not self._stopping and all(child.poll() is None for child in self._children)

    def wait(self) -> int:
        """Wait for a signal (returns 0) or the end of a child (returns 1)."""
        while self.alive():
            time.sleep(0.1)
        return 0 if self._stopping else 1

    def stop(self) -> None:
        """Stop every child, the last one started first."""
        for child in reversed(self._children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
