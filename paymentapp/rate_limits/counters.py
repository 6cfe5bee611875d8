"""Counters of fixed windows in a table of fixed size, which forked processes share.

The table is an anonymous shared memory map: gunicorn's master makes it, its workers inherit it, and
nothing is left when they end. Names are hashed with a key of the table's own, so that nobody
outside can choose names that share a set. A set that is full forgets the counter that has counted
least: whoever fills the table gains requests for somebody, and takes none from anybody.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

WAYS = 8  # slots in a set
_SLOT = struct.Struct("<QdQ")  # hash of the name, when its window ends, units that are used
_SET = struct.Struct("<" + "QdQ" * WAYS)
_LOCK_TRIES = 10
_LOCK_PAUSE = 0.0002  # seconds


class QuotaWindow(NamedTuple):
    """A counter's window: units that are used, and seconds until it ends."""

    used: int = 0
    ends_in: float = 0


class WindowCounters:
    """Counters by name. A window begins with the first units that are counted in it.

    `timer` is one that all processes of the machine share, such as the monotonic clock.
    """

    def __init__(
        self,
        sets: int = 8192,
        *,
        shared: bool = False,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty table of `sets` sets; `shared` for one that processes inherit by fork."""
        self._sets = sets
        self._timer = timer
        self._table = mmap.mmap(-1, sets * _SET.size)
        self._lock_file = _nameless_file() if shared else None
        self._secret = os.urandom(16)
        self._lock = threading.Lock()

    def window(self, name: str) -> QuotaWindow:
        """Return a counter's present window, without counting."""
        number, place = self._place(name)
        slots = _SET.unpack_from(self._table, number * _SET.size)
        return _window(slots, _find(slots, place), self._timer())

    def count(self, name: str, units: int, most: int, seconds: int) -> tuple[QuotaWindow, bool]:
        """Count units, unless `most` are used; a new window ends in `seconds`.

        Returns the window afterwards, and whether the units were counted. The last units that are
        counted may exceed `most`.
        """
        number, place = self._place(name)
        with self._locked(number):
            now = self._timer()
            slots = _SET.unpack_from(self._table, number * _SET.size)
            slot = _find(slots, place)
            window = _window(slots, slot, now)
            if window.used >= most:
                return window, False
            if window.used == 0:
                window = QuotaWindow(0, seconds)
            window = QuotaWindow(window.used + units, window.ends_in)
            if slot is None:
                slot = _free_slot(slots, now)
            where = number * _SET.size + slot * _SLOT.size
            _SLOT.pack_into(self._table, where, place, now + window.ends_in, window.used)
        return window, True

    def _place(self, name: str) -> tuple[int, int]:
        """Return the set of a name, and its hash, which is never 0: that is an empty slot's."""
        digest = hashlib.blake2b(name.encode(), digest_size=8, key=self._secret).digest()
        place = int.from_bytes(digest) or 1
        return place % self._sets, place

    @contextmanager
    def _locked(self, number: int) -> Iterator[None]:
        """Lock a set, against other processes for at most two milliseconds.

        The system releases the lock of a process that has ended. One that is stopped while it has a
        lock keeps nobody waiting: a count may then be lost.
        """
        with self._lock:
            if self._lock_file is None or not _lock(self._lock_file, number):
                yield
                return
            try:
                yield
            finally:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN, 1, number)


_inherited: WindowCounters | None = None


def share_with_children() -> None:
    """Make the counters that processes forked from this one share."""
    global _inherited
    _inherited = WindowCounters(shared=True)


def inherited_counters() -> WindowCounters | None:
    """Return the counters of `share_with_children`; None where it was not called before a fork."""
    return _inherited


def _find(slots: tuple[float, ...], place: int) -> int | None:
    places = slots[::3]
    return places.index(place) if place in places else None


def _window(slots: tuple[float, ...], slot: int | None, now: float) -> QuotaWindow:
    if slot is None:
        return QuotaWindow()
    _, ends_at, used = slots[3 * slot : 3 * slot + 3]
    return QuotaWindow(int(used), ends_at - now) if ends_at > now else QuotaWindow()


def _free_slot(slots: tuple[float, ...], now: float) -> int:
    """Return a slot whose window is over, else the one that has counted least."""
    left = [used if end > now else 0 for end, used in zip(slots[1::3], slots[2::3], strict=True)]
    return left.index(min(left))


def _nameless_file() -> int:
    """Return a file without a name, for locks: in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("paymentapp-rate-limits")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _lock(file: int, number: int) -> bool:
    """Lock one byte of a file. Return False if another process has it for too long."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            time.sleep(_LOCK_PAUSE)
        else:
            return True
    return False
