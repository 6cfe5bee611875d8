"""People and programs outside the service: what they have yet to do in a world."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tests.faults.simulation.scheduler import SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World


class LaterSteps:
    """Takes steps at later times; a world is not at rest before all are taken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.busy = 0  # steps that are yet to be taken

    def _later(self, delay: int, event: Callable[[], object]) -> None:
        self.busy += 1

        def go() -> None:
            self.busy -= 1
            event()

        self.world.scheduler.later(delay, go)

    def _by_any_process(
        self, work: Callable[[Process], object], again: Callable[[], object]
    ) -> None:
        """Have a process do some work; where none runs, call `again` in a second."""
        process = self.world.any_process()
        if process is None:
            self._later(SECOND, again)
        else:
            process.spawn(partial(work, process))
