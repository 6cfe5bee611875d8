"""Child processes that are stopped together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType

STOP_SECONDS = 15
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ProcessGroup:
    """Child processes. Handles SIGINT, SIGTERM and SIGHUP for all of them.

    On Linux they end as well when this process is killed. With `end_with_parent` it ends them when
    its own parent has ended, unless SIGHUP is ignored, as by nohup: that is to outlive a terminal.
    """

    def __init__(self, *, end_with_parent: bool = False) -> None:
        self._children: list[subprocess.Popen[str]] = []
        self._stopping = False
        outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._parent = os.getppid() if end_with_parent and not outlives_terminal else 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or not outlives_terminal:
                signal.signal(number, self._on_signal)

    def start(
        self,
        command: list[str],
        stdout: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a child in a session of its own, so that Ctrl-C does not reach it directly."""
        child = subprocess.Popen(  # noqa: S603
            command,
            stdout=stdout,
            text=True,
            start_new_session=True,
            env=environ,
            preexec_fn=_dying_with(os.getpid()),
        )
        self._children.append(child)
        return child

    def alive(self) -> bool:
        """Return whether all children run, and nothing has said to stop."""
        if self._parent and os.getppid() != self._parent:
            self._stopping = True
        return not self._stopping and all(child.poll() is None for child in self._children)

    def wait(self) -> int:
        """Wait for a signal or the parent's end (returns 0), or the end of a child (returns 1)."""
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


def _dying_with(parent: int) -> Callable[[], None] | None:
    """Return what a child calls before it becomes another program; None where Linux is not."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: after the fork only a call is safe
    return partial(_end_with_parent, libc, parent)


def _end_with_parent(libc: ctypes.CDLL, parent: int) -> None:
    """Have the kernel send SIGTERM when the parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it has ended meanwhile
        os._exit(1)
