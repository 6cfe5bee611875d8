"""Faults that affect whole processes: outages, no funds, stalls, crashes, time jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

SLEEPS = (
    10 * MINUTE,
    2 * HOUR,
    26 * HOUR,
    26 * HOUR,
    3 * DAY,
)  # machines sleep, and go on where they were
MIDST = (  # calls before which it is worst to be held up
    *("stamp",) * 5,
    *("batch frozen",) * 3,
    *("change_payments", "add_batch", "submit", "submit", "batch accepted"),
    *("change_batch", "batch aborted", "batch closed", "add_payment", "claim_key", "take_back"),
)
OUTAGES = (26 * DAY, 31 * DAY)  # of the provider, in which every process is started again


class FaultPlan:
    """Plans a world's faults, and when they end."""

    midst: Sequence[str] = MIDST
    stalls = 20

    def __init__(self, world: World) -> None:
        self.world = world
        self.down_until = 0
        self.broke_until = 0
        self.traps: dict[str, list[Callable[[Process], None]]] = {}
        self._slept = False

    def span(self, count: int) -> int:
        """Return the time over which so many callers arrive."""
        return count * SECOND // (4 + self.world.draw(12))

    def aftermath(self) -> int:
        """Return how long faults continue after the last caller."""
        return 2 * MINUTE + self.world.draw(4 * MINUTE)

    def schedule(self, span: int) -> None:
        """Plan faults for the time in which payments arrive, and some more."""
        draw, chance, later = self.world.draw, self.world.chance, self.world.scheduler.later
        end = span + self.aftermath()
        for _ in range(draw(8)):  # what lies hours ahead should meet faults too
            later(span + draw(end - span), lambda: self.world.jump(draw(2 * HOUR)))
        for _ in range(draw(4)):
            later(draw(end), self._some_jump())
        for _ in range(draw(3)):
            later(draw(end), lambda: self._down(draw(40 * SECOND)))
        if chance(0.4):
            later(draw(end), lambda: self._broke(draw(60 * SECOND)))
        for _ in range(draw(self.stalls)):
            later(draw(end), lambda: self._set_trap(self._stall))
        for _ in range(draw(3)):
            later(draw(end), self._crash_all)
        later(end, self._clear_up)

    def _some_jump(self) -> Callable[[], None]:
        if self.world.chance(0.2):
            length = OUTAGES[self.world.draw(len(OUTAGES))]
            return lambda: self._outage(length)
        sleep = SLEEPS[self.world.draw(len(SLEEPS))]
        return lambda: self._set_trap(lambda process: self._sleep(sleep, process))

    def _set_trap(self, action: Callable[[Process], None]) -> None:
        """Schedule a fault just before the next call of some kind."""
        self.traps.setdefault(self.midst[self.world.draw(len(self.midst))], []).append(action)

    def trigger(self, call: str, process: Process) -> None:
        """Trigger the fault that waits for this call."""
        for action in self.traps.pop(call):
            action(process)

    def _outage(self, length: int) -> None:
        """Take the provider down; some time later skip weeks during which it stays down."""
        self._down(50 * SECOND)

        def skip() -> None:
            # A task that slept for weeks between its look at the clock and its call would be
            # beyond help: no service can promise anything then, and this one does not.
            if self.world.faults.on:
                self._crash_all()
                self.world.jump(length)

        self.world.scheduler.later(25 * SECOND, skip)

    def _sleep(self, length: int, process: Process) -> None:
        """Suspend all machines in the middle of their work; they resume at different times."""
        if length < DAY or not self._slept:
            self._slept = self._slept or length >= DAY
            self.world.jump(length)
            if self.world.chance(0.6):
                self._stall(process)

    def _down(self, length: int) -> None:
        self.down_until = max(self.down_until, self.world.scheduler.now + length)

    def _broke(self, length: int) -> None:
        self.broke_until = self.world.scheduler.now + length

    def _stall(self, process: Process) -> None:
        process.stall(30 * SECOND + self.world.draw(3 * MINUTE))

    def _crash_all(self) -> None:
        for process in self.world.processes:
            process.crash()

    def _clear_up(self) -> None:
        """End all faults."""
        self.world.faults.on = False
        self.down_until = self.broke_until = 0
        self.traps.clear()
        for process in self.world.processes:
            process.stalled_until = 0
        self.world.last_fault_at = self.world.time.micros()
