"""A resource that each process makes for itself, because it must not survive a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    """A resource that holds connections or threads."""

    def close(self) -> None:
        """Release them."""


T = TypeVar("T", bound=Closeable)


class PerProcess(Generic[T]):
    """A callable that returns the running process's own `T`, made at the first call.

    Connections and threads do not survive a fork. A child never touches what its parent made, not
    even to close it: SQLite forbids that (sqlite.org/howtocorrupt, 2.6), and a socket would be
    shared. Locks are kept by process too: a thread of the parent may have held one at the fork,
    and would never release it in the child.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """Make the callable; `make` runs in one thread at a time, and its errors are raised."""
        self._make = make
        self._by_pid: dict[int, T] = {}
        self._locks: dict[int, threading.Lock] = {}

    def __call__(self) -> T:
        """Return this process's own `T`; raise what `make` raises."""
        found = self.current()
        return found if found is not None else self._first()

    def current(self) -> T | None:
        """Return this process's own `T` if it was made."""
        return self._by_pid.get(os.getpid())

    def close(self) -> None:
        """Close this process's own `T`, if it was made; a later call makes another."""
        with self._lock():
            own = self._by_pid.pop(os.getpid(), None)
        if own is not None:
            own.close()

    def _first(self) -> T:
        with self._lock():
            own = self._by_pid.get(os.getpid())
            if own is None:
                own = self._by_pid[os.getpid()] = self._make()
            return own

    def _lock(self) -> threading.Lock:
        return self._locks.setdefault(os.getpid(), threading.Lock())  # atomic: no race
