"""A deterministic scheduler: one thread, many tasks, in an order that follows from the seed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from greenlet import (  # type: ignore[import-untyped]  # it brings no types
    GreenletExit,
    getcurrent,
    greenlet,
)

from tests.faults.simulation.webhook_reads import WebhookReads

if TYPE_CHECKING:
    from paymentapp.models.customers import Customer
    from tests.faults.simulation.clients import Intent
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.trace import Subject

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Crash(GreenletExit):  # type: ignore[misc]
    """The process ended here. No `except Exception` of the services catches it."""


class Task(greenlet):  # type: ignore[misc]
    """A thread of a simulated process; its subject is known when its process dies."""

    def __init__(
        self,
        scheduler: Scheduler,
        process: Process,
        work: Callable[[], object],
        owner: Intent | None,
    ) -> None:
        super().__init__(parent=scheduler.hub)
        self.process = process
        self.owner = owner  # the request that it serves
        self.subject: Subject = None  # what its last call was about
        self.customers: dict[str, Customer] = {}  # as it has read them last
        self.webhooks = WebhookReads()
        self._work = work

    def run(self) -> None:
        try:
            self._work()
        finally:
            self.process.tasks.pop(self, None)


class Scheduler:
    """Runs events in the order of their times; a sleeping task is a future event."""

    def __init__(self) -> None:
        self.now = 0  # microseconds since the start; never runs back, never jumps
        self.stopped = False
        self.events = 0
        self.hub = getcurrent()
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._pushed = 0

    def later(self, delay: int, event: Callable[[], object]) -> None:
        """Schedule a call after so many microseconds."""
        self._pushed += 1
        heapq.heappush(self._heap, (self.now + delay, self._pushed, event))

    def sleep(self, delay: int) -> None:
        """Let other tasks run; the calling task continues after so many microseconds."""
        self._pushed += 1
        heapq.heappush(self._heap, (self.now + delay, self._pushed, getcurrent().switch))
        self.hub.switch()

    def run(self) -> None:
        """Run until no events are left, or until stopped."""
        heap = self._heap
        while heap and not self.stopped:
            self.now, _, event = heapq.heappop(heap)
            event()  # a task that died meanwhile hands straight back
            self.events += 1


def current_task() -> Task:
    """Return the task that runs now; only tasks call a store or a provider."""
    return cast(Task, getcurrent())


def current_owner() -> Intent | None:
    """Return the process whose call is being served, or None for the world itself."""
    return cast("Intent | None", getattr(getcurrent(), "owner", None))
