"""Threads, queues, locks and sleep in simulated time, for code that imports the real ones.

All run in one thread, as greenlets: one runs until it waits. What waits is continued by the
scheduler in the order of its times, so that a run follows from its seed alone.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # it brings no types

from tests.faults.simulation.clock import START
from tests.faults.simulation.scheduler import SECOND, Scheduler


class _Waiter:
    """A greenlet that waits; it is continued once, by an event or by its timeout."""

    def __init__(self) -> None:
        self._greenlet = getcurrent()
        self._continued = False

    def resume(self) -> None:
        if not self._continued:
            self._continued = True
            self._greenlet.switch()


class Kernel:
    """The scheduler, and what greenlets wait by."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return self.scheduler.now / SECOND

    def sleep(self, seconds: float) -> None:
        """Let others run for so long."""
        self.scheduler.sleep(max(0, round(seconds * SECOND)))

    def spawn(self, work: Callable[[], object], after: float = 0.0) -> None:
        """Run something in a greenlet of its own."""

        def begin() -> None:
            greenlet(work, parent=self.scheduler.hub).switch()

        self.scheduler.later(round(after * SECOND), begin)

    def park(self, waiters: deque[_Waiter], timeout: float | None) -> None:
        """Wait until one of the others resumes this greenlet, or until the timeout."""
        waiter = _Waiter()
        waiters.append(waiter)
        if timeout is not None:
            self.scheduler.later(max(1, round(timeout * SECOND)), waiter.resume)
        self.scheduler.hub.switch()

    def resume(self, waiters: deque[_Waiter]) -> None:
        """Continue all that wait."""
        while waiters:
            self.scheduler.later(0, waiters.popleft().resume)


class SimulatedEvent:
    """`threading.Event`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._is_set = False
        self._waiters: deque[_Waiter] = deque()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._kernel.resume(self._waiters)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._kernel.park(self._waiters, timeout)
        return self._is_set


class SimulatedLock:
    """`threading.Lock`, which may be held while its holder waits."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._held = False
        self._waiters: deque[_Waiter] = deque()

    def acquire(self, blocking: bool = True) -> bool:
        while self._held and blocking:
            self._kernel.park(self._waiters, None)
        taken, self._held = not self._held, True
        return taken

    def release(self) -> None:
        self._held = False
        self._kernel.resume(self._waiters)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


class SimulatedThread:
    """`threading.Thread`."""

    def __init__(
        self, kernel: Kernel, target: Callable[[], object], name: str = "", daemon: bool = True
    ) -> None:
        self.name = name
        self.daemon = daemon
        self.ident: int | None = None
        self._kernel = kernel
        self._target = target
        self._ended = SimulatedEvent(kernel)

    def start(self) -> None:
        self.ident = id(self)
        self._kernel.spawn(self._run)

    def is_alive(self) -> bool:
        return self.ident is not None and not self._ended.is_set()

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._ended.set()


class SimulatedQueue:
    """`queue.Queue`."""

    def __init__(self, kernel: Kernel, maxsize: int = 0) -> None:
        self._kernel = kernel
        self._maxsize = maxsize
        self._items: deque[Any] = deque()
        self._waiters: deque[_Waiter] = deque()

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)

    def put(self, item: Any) -> None:
        self.put_nowait(item)

    def put_nowait(self, item: Any) -> None:
        if 0 < self._maxsize <= len(self._items):
            raise queue.Full
        self._items.append(item)
        self._kernel.resume(self._waiters)

    def get_nowait(self) -> Any:
        if not self._items:
            raise queue.Empty
        return self._items.popleft()

    def get(self, timeout: float | None = None) -> Any:
        end = None if timeout is None else self._kernel.seconds() + timeout
        while not self._items:
            left = None if end is None else end - self._kernel.seconds()
            if left is not None and left <= 0:
                raise queue.Empty
            self._kernel.park(self._waiters, left)
        return self._items.popleft()


class SimulatedFuture:
    """`concurrent.futures.Future`, as far as `result`."""

    def __init__(self, kernel: Kernel, work: Callable[[], Any]) -> None:
        self._done = SimulatedEvent(kernel)
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except Exception as error:
            self._error = error
        finally:
            self._done.set()

    def result(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class SimulatedExecutor:
    """`concurrent.futures.ThreadPoolExecutor`."""

    def __init__(self, kernel: Kernel, workers: int) -> None:
        self._kernel = kernel
        self._free = workers
        self._waiting: deque[SimulatedFuture] = deque()
        self._futures: list[SimulatedFuture] = []

    def submit(self, work: Callable[..., Any], *args: Any) -> SimulatedFuture:
        future = SimulatedFuture(self._kernel, lambda: work(*args))
        self._futures.append(future)
        self._waiting.append(future)
        if self._free:
            self._free -= 1
            self._kernel.spawn(self._work)
        return future

    def _work(self) -> None:
        while self._waiting:
            self._waiting.popleft().run()
        self._free += 1

    def __enter__(self) -> SimulatedExecutor:
        return self

    def __exit__(self, *_error: object) -> None:
        for future in self._futures:
            future._done.wait()


class _Module:
    """A module of which some names are others; the rest is the real one's."""

    def __init__(self, real: object, **names: object) -> None:
        self._real = real
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def simulated_modules(kernel: Kernel) -> Sequence[tuple[object, object]]:
    """Return what stands in for the modules of threads and time: pairs of the real and its own."""
    epoch = START.timestamp()

    def with_kernel(kind: Callable[..., object]) -> Callable[..., object]:
        return lambda *args, **kwargs: kind(kernel, *args, **kwargs)

    return [
        (
            threading,
            _Module(
                threading,
                Event=with_kernel(SimulatedEvent),
                Lock=with_kernel(SimulatedLock),
                Thread=with_kernel(SimulatedThread),
            ),
        ),
        (queue, _Module(queue, Queue=with_kernel(SimulatedQueue))),
        (
            time,
            _Module(
                time,
                monotonic=kernel.seconds,
                perf_counter=kernel.seconds,
                sleep=kernel.sleep,
                time=lambda: epoch + kernel.seconds(),
            ),
        ),
    ]
