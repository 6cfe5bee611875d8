"""A secondary index that lags: each entry is updated some time after its record."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

from tests.faults.simulation.scheduler import Scheduler

Key = TypeVar("Key", bound=Hashable)
Image = TypeVar("Image")


class Index(Generic[Key, Image]):
    """Entries by shard and time. `lag` returns after how many microseconds a change shows."""

    def __init__(self, scheduler: Scheduler, lag: Callable[[], int]) -> None:
        self._scheduler = scheduler
        self._lag = lag
        self._shown: dict[int, dict[Key, tuple[datetime, Image]]] = {}
        self._coming: list[tuple[int, int, Key, int, datetime | None, Image]] = []
        self._newest: dict[Key, int] = {}  # the version that is shown, of keys that have one
        self._written = 0
        self._soonest: datetime | None = None
        self._is_known = False  # whether `_soonest` still holds

    def put(self, key: Key, shard: int, when: datetime | None, image: Image) -> None:
        """Record a write; without `when` the record leaves the index."""
        if when is None and key not in self._newest:
            return
        self._newest.setdefault(key, 0)
        self._written += 1
        self._is_known = False
        lag = self._lag()
        if lag:
            row = (self._scheduler.now + lag, self._written, key, shard, when, image)
            heapq.heappush(self._coming, row)
        else:
            self._show(self._written, key, shard, when, image)

    def due(self, shard: int, until: datetime, limit: int) -> list[Image]:
        """Return the images of what seems due, longest overdue first."""
        self._catch_up()
        shown = self._shown.get(shard)
        if not shown:
            return []
        found = [(when, key, image) for key, (when, image) in shown.items() if when <= until]
        found.sort(key=_time_and_key)
        return [image for _, _, image in found[:limit]]

    def soonest(self) -> datetime | None:
        """Return when the first entry is due; None if there is none and none is to come."""
        if self._is_known:
            return self._soonest
        times = [when for shown in self._shown.values() for when, _ in shown.values()]
        times += [when for _, _, _, _, when, _ in self._coming if when]
        self._soonest = min(times, default=None)
        self._is_known = True
        return self._soonest

    def _catch_up(self) -> None:
        while self._coming and self._coming[0][0] <= self._scheduler.now:
            _, written, key, shard, when, image = heapq.heappop(self._coming)
            self._show(written, key, shard, when, image)

    def _show(
        self, written: int, key: Key, shard: int, when: datetime | None, image: Image
    ) -> None:
        self._is_known = False
        if self._newest[key] > written:
            return  # a later change overtook this one
        self._newest[key] = written
        if when is None:
            self._shown.get(shard, {}).pop(key, None)
        else:
            self._shown.setdefault(shard, {})[key] = (when, image)


def _time_and_key(row: tuple[datetime, Hashable, object]) -> tuple[datetime, Hashable]:
    return row[0], row[1]
