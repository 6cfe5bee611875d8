"""Threads that the service needs: each one survives its errors, and is watched.

A loop runs as a `ServiceThread`, which repeats a step whatever the step raises. A `Supervisor`
watches them: where one has ended, or makes no progress for longer than a step can take, `/healthz`
says so, and the process ends itself, so that its parent (gunicorn's arbiter, a container's runtime)
starts it again. Why a process and not a thread is restarted: docs/decisions/0018-supervision.md.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from paymentapp.errors import StoreUnavailable

log = logging.getLogger(__name__)

# sysexits.h's EX_SOFTWARE. Not 3 or 4: by these a gunicorn worker says that it could not start, and
# the arbiter then ends the whole service.
EXIT_STATUS = 70
CHECK_SECONDS = 1.0
GRACE_SECONDS = 3.0  # between the first sight of a problem and the end of the process
LONGEST_PAUSE = 5.0  # seconds after a step that failed
_LOG_SECONDS = 2.0  # for the last log lines, which a blocked stderr must not hold up for ever


class ServiceThread:
    """A daemon thread that repeats a step until the step returns False.

    A step that raises is logged and repeated after a pause, which doubles from 0.1 to 5 seconds
    with each failure in a row. `limit` is longer than a step can take, in seconds.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[ServiceThread], bool],
        *,
        limit: float,
        stopping: threading.Event | None = None,
    ) -> None:
        """Make a thread, not started. It passes itself to `step`.

        Once `stopping` is set, a step that fails is not repeated.
        """
        self.name = name
        self.limit = limit
        self.progress = 0  # grows with each step, and wherever the step says so
        self.waiting = False  # for work, or for another process: no progress is expected
        self._step = step
        self._stopping = stopping or threading.Event()
        self._finished = False
        self._beat_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread. Call this after a fork, never before."""
        self._beat_at = time.monotonic()
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, for `timeout` seconds at most."""
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    @property
    def has_died(self) -> bool:
        """Return whether the thread was started, and has ended without being asked to."""
        return self._thread.ident is not None and not self.is_alive() and not self._finished

    @property
    def silence(self) -> float:
        """Return the seconds since the thread last made progress."""
        return time.monotonic() - self._beat_at

    def beat(self) -> None:
        """Record progress within a step. Call it from the thread itself."""
        self.waiting = False
        self.progress += 1
        self._beat_at = time.monotonic()

    def wait(self) -> None:
        """Record that the thread begins to wait, for any time, until the next `beat`.

        Two calls and no context manager: they are a part of every write.
        """
        self.waiting = True

    def stack(self) -> str:
        """Return where the thread is in the code, without any values."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else "it runs no more\n"

    def _run(self) -> None:
        failures = 0
        while True:
            self.beat()
            try:
                if not self._step(self):
                    break
            except StoreUnavailable as error:
                failures += 1
                log.warning("thread %s: step failed: %s; repeated", self.name, error)
            except Exception:
                failures += 1
                log.exception("thread %s: step failed; repeated", self.name)
            else:
                failures = 0
                continue
            if self._stopping.wait(min(LONGEST_PAUSE, 0.05 * 2.0 ** min(failures, 10))):
                break
        self._finished = True


class Supervisor:
    """Watches the threads of this process, and ends the process where one of them has failed.

    Time is counted in checks and not by a clock: a process that was suspended for hours must not
    take all of its threads for stuck when it goes on.
    """

    def __init__(
        self,
        threads: Callable[[], Sequence[ServiceThread]],
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """Make a supervisor of the threads that `threads` returns at each check."""
        self._threads = threads
        self._end = end
        # Called after each check, with how many threads run and the name of one that has failed.
        self.on_check: Callable[[int, str | None], object] = lambda _running, _failed: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._seen: dict[ServiceThread, tuple[int, int]] = {}  # progress, and checks without any
        self._problem: str | None = None

    def start(self) -> None:
        """Begin to watch. Call this after a fork, never before."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, before the threads are stopped."""
        self._stopping.set()

    def problem(self) -> str | None:
        """Return which thread has failed, or None. Where nothing is watched there is no problem."""
        if self._thread.ident is None or self._stopping.is_set():
            return None
        return self._problem if self._thread.is_alive() else "thread supervisor has ended"

    def check(self) -> str | None:
        """Look at each thread once; return and keep the first problem."""
        threads = self._threads()
        problems = {thread: self._problem_of(thread) for thread in threads}
        failed = [thread for thread in threads if problems[thread] is not None]
        self._problem = problems[failed[0]] if failed else None
        self._show(sum(thread.is_alive() for thread in threads), failed)
        return self._problem

    def _show(self, running: int, failed: Sequence[ServiceThread]) -> None:
        """Tell `on_check` what was found. Its errors must not keep the process from ending."""
        try:
            self.on_check(running, failed[0].name if failed else None)
        except Exception:
            log.exception("what the check of the threads has found is not shown")

    def _problem_of(self, thread: ServiceThread) -> str | None:
        if thread.has_died:
            return f"thread {thread.name} has ended"
        progress, checks = self._seen.get(thread, (-1, 0))
        checks = checks + 1 if thread.progress == progress and not thread.waiting else 0
        self._seen[thread] = (thread.progress, checks)
        seconds = checks * CHECK_SECONDS
        if seconds < thread.limit:
            return None
        return f"thread {thread.name} has made no progress for {seconds:.0f} s"

    def _watch(self) -> None:
        failing = 0.0
        while not self._stopping.wait(CHECK_SECONDS):
            try:
                failing = failing + CHECK_SECONDS if self.check() else 0.0
            except Exception:
                log.exception("the threads could not be checked; checked again")
                continue
            if failing > GRACE_SECONDS and not self._stopping.is_set():
                self._end_process()

    def _end_process(self) -> None:
        """Log what is wrong and end the process, without waiting for anything that may hang."""
        try:
            reporter = threading.Thread(target=self._report, daemon=True)
            reporter.start()
            reporter.join(_LOG_SECONDS)
        finally:  # also where no further thread can be started
            self._end(EXIT_STATUS)

    def _report(self) -> None:
        for thread in self._threads():
            if self._problem and self._problem.startswith(f"thread {thread.name} "):
                log.error("thread %s is at:\n%s", thread.name, thread.stack())
        log.critical("%s: this process ends, to be started again", self._problem)
