"""The connections by what they wait for, and until when."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping

from paymentapp.web.connection import Connection, Stage

# Where room is needed, the connections that are closed first. One that a thread works on is not.
_EXPENDABLE = (Stage.CLOSING, Stage.IDLE, Stage.HEAD, Stage.BODY, Stage.ANSWERING)


class Waits:
    """Each connection with the deadline of its stage.

    A stage has one time-out, so its connections are in the order of their deadlines, and nothing
    is searched or sorted, however many there are.
    """

    def __init__(self, timeouts: Mapping[Stage, float]) -> None:
        self._timeouts = timeouts
        self._by_stage: dict[Stage, dict[Connection, float]] = {stage: {} for stage in Stage}

    def __len__(self) -> int:
        return sum(map(len, self._by_stage.values()))

    def __iter__(self) -> Iterator[Connection]:
        return iter([each for stage in self._by_stage.values() for each in stage])

    def enter(self, connection: Connection, stage: Stage) -> None:
        """Put a connection into a stage, whose time begins now."""
        self._by_stage[connection.stage].pop(connection, None)
        connection.stage = stage
        if stage is not Stage.CLOSED:
            end = time.monotonic() + self._timeouts.get(stage, math.inf)
            self._by_stage[stage][connection] = end

    def overdue(self) -> Iterator[Connection]:
        """Yield the connections whose time is over; each has to leave its stage."""
        now = time.monotonic()
        for stage in self._by_stage.values():
            while stage and (first := next(iter(stage.items())))[1] <= now:
                yield first[0]

    def next_deadline(self, most: float) -> float:
        """Return the seconds until the first deadline, at most `most`."""
        firsts = [next(iter(stage.values())) for stage in self._by_stage.values() if stage]
        return max(0.0, min([most, *(first - time.monotonic() for first in firsts)]))

    def shorten(self, stage: Stage, seconds: float) -> None:
        """Let no connection be in a stage longer than some seconds from now."""
        end = time.monotonic() + seconds
        for connection, deadline in self._by_stage[stage].items():
            self._by_stage[stage][connection] = min(deadline, end)

    def at(self, stage: Stage) -> list[Connection]:
        """Return the connections at a stage, the oldest first."""
        return list(self._by_stage[stage])

    def expendable(self) -> Connection | None:
        """Return the connection to close where another one needs its place; None without any."""
        return next((next(iter(self._by_stage[s])) for s in _EXPENDABLE if self._by_stage[s]), None)
