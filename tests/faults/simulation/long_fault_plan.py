"""A fault plan for payments that take days: time skips to the next due work, amid the faults."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tests.faults.simulation.clock import micros_of
from tests.faults.simulation.fault_plan import MIDST, FaultPlan
from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process

SHORT_OUTAGES = (25 * HOUR, 50 * HOUR)  # longer than a key is kept


class LongFaultPlan(FaultPlan):
    """A fault plan over weeks."""

    midst: Sequence[str] = (
        *MIDST,
        *("rename", "rename", "upload", "upload", "add_note", "change_note", "change_note"),
        *("list", "put_into", "add_event", "POST", "POST", "GET"),
    )
    stalls = 8
    _held_up = 0  # what is being worked on, and for how long by hops

    def span(self, count: int) -> int:
        """Return a longer time, so that callers meet the outcomes of earlier payments."""
        return count * SECOND + self.world.draw(MINUTE)

    def aftermath(self) -> int:
        """Return a longer time: outcomes arrive over days."""
        return 6 * MINUTE + self.world.draw(8 * MINUTE)

    def schedule(self, span: int) -> None:
        """Plan the usual faults, and skips of time between them."""
        self.world.time.jumped = self.world.draw(9 * DAY)
        super().schedule(span)
        for _ in range(self.world.draw(3)):
            length = SHORT_OUTAGES[self.world.draw(2)]
            when = self.world.draw(span)
            self.world.scheduler.later(when, partial(self._long_down, length))
        self._hop()

    def _long_down(self, length: int) -> None:
        """Take the provider down for a day or more, without other faults."""
        self._down(40 * SECOND)
        self.world.scheduler.later(20 * SECOND, lambda: self._skip(length))

    def _skip(self, length: int) -> None:
        if self.world.faults.on and self._is_idle():
            self.world.jump(length)

    def _hop(self) -> None:
        """Skip to the next due work, or some hours before it.

        Work in progress is delayed for hours by it, and never for a day: the service does not
        promise anything for that.
        """
        if not self.world.faults.on:
            return
        length = self._ahead()
        if self._is_idle():
            self._held_up = 0
            self._go(length if self.world.chance(0.7) else self.world.draw(30 * HOUR))
        elif self.world.chance(0.4) and self._held_up < 15 * HOUR:
            length = self.world.draw(5 * HOUR)
            self._held_up += length
            self._go(length)
        self.world.scheduler.later(5 * SECOND + self.world.draw(20 * SECOND), self._hop)

    def _go(self, length: int) -> None:
        if length > MINUTE:
            self.world.jump(length - self.world.draw(20 * SECOND))

    def _stall(self, process: Process) -> None:
        """Stall for a shorter time than usual: time skips make it hours."""
        process.stall(5 * SECOND + self.world.draw(MINUTE))

    def _ahead(self) -> int:
        soonest = self.world.soonest()
        return max(micros_of(soonest) - self.world.time.micros(), 0) if soonest else 0

    def _is_idle(self) -> bool:
        now = self.world.scheduler.now
        return all(len(p.tasks) <= 1 and p.stalled_until <= now for p in self.world.processes)


class WebhookFaultPlan(LongFaultPlan):
    """A fault plan over weeks, with stops between a change, its event and its delivery."""

    midst: Sequence[str] = (
        *LongFaultPlan.midst,
        *("announce", "announce", "made", "mark_void", "move_end", "list_events"),
        *("post", "post", "post", "add_delivery", "change_delivery", "get_endpoint", "add_note"),
    )
