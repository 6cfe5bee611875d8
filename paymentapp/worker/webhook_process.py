"""A process of its own that delivers webhooks, started by a web process, and ended with it.

In the processes that serve requests the threads that deliver would wait for the same interpreter
lock as the requests do. Correctness needs no lease: it has one web process at a time start such a
process.
"""

from __future__ import annotations

import logging
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from paymentapp.clock import Clock
from paymentapp.services.outbound.deliverer import Deliverer
from paymentapp.storage.base import Store
from paymentapp.supervision import ServiceThread
from paymentapp.worker.leases import RenewedLease

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "paymentapp.delivering")
LEASE_NAME = "webhook-process"
LEASE = timedelta(seconds=30)
CHECK_SECONDS = 5.0  # between two checks of the lease and of the process, at most
STEP_LIMIT = 900.0


class WebhookProcess:
    """Has a process deliver webhooks while there are endpoints; a thread starts and stops it.

    The process ends when its standard input does: so also when this one is killed.
    """

    def __init__(
        self,
        deliverer: Deliverer,
        store: Store,
        clock: Clock,
        *,
        pause: float,
        command: Sequence[str] = COMMAND,
        on_end: Callable[[int], object] = lambda _pid: None,
    ) -> None:
        """Make it, not started. `on_end` is called with the id of a process that has ended."""
        self._deliverer = deliverer
        self._pause = min(pause, CHECK_SECONDS)
        self._command = (*command, secrets.token_hex(8))  # who owns the leases of each one
        self._on_end = on_end
        self._lease = RenewedLease(store, clock, LEASE_NAME, LEASE)
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # none is started once this is stopping
        self._stopping = threading.Event()
        self._thread = ServiceThread(
            "webhooks", self._step, limit=STEP_LIMIT, stopping=self._stopping
        )

    def start(self) -> None:
        """Start the thread. Call this after a fork, never before."""
        self._thread.start()

    def threads(self) -> Sequence[ServiceThread]:
        """Return the threads that have to run."""
        return [self._thread]

    def begin_to_stop(self) -> None:
        """Have the process begin no further attempt, and end."""
        with self._lock:
            self._stopping.set()
            self._ask_to_end()

    def stop(self, end: float) -> None:
        """Stop by `end` (monotonic seconds); what is not answered then is sent again later."""
        self.begin_to_stop()
        self._thread.join(max(0.0, end - time.monotonic()))
        self._end_child(end)
        self._lease.release()

    def _step(self, _thread: ServiceThread) -> bool:
        if self._child is not None and self._child.poll() is not None:
            log.error(
                "process %s, which delivers webhooks, has ended with status %s; started again",
                self._child.pid,
                self._child.returncode,
            )
            self._forget_child()
        if self._deliverer.endpoints() and self._lease.holds():
            self._start_child()
        elif self._child is not None:
            self._ask_to_end()
            self._end_child(time.monotonic() + CHECK_SECONDS)
        return not self._stopping.wait(self._pause)

    def _start_child(self) -> None:
        with self._lock:
            if self._child is None and not self._stopping.is_set():
                self._child = subprocess.Popen(  # noqa: S603  # our own command
                    self._command, stdin=subprocess.PIPE
                )

    def _ask_to_end(self) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()

    def _end_child(self, end: float) -> None:
        """Wait for the end of the process; kill it at `end`."""
        if self._child is None:
            return
        try:
            self._child.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._forget_child()

    def _forget_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            if child.stdin is not None:
                child.stdin.close()
            self._on_end(child.pid)
