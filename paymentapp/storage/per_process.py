"""What a process may not take along from its parent: made anew at its first use in each process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    """What holds connections or threads."""

    def close(self) -> None: ...


T = TypeVar("T", bound=Closeable)


class PerProcess(Generic[T]):
    """Calls return the running process's own `T`.

    Connections and threads do not survive a fork. What a parent has made is never touched in its
    child, not even to close it: SQLite forbids that (sqlite.org/howtocorrupt, 2.6), and a socket
    would be shared. Locks are by process too, since a thread of the parent may have held one at
    the fork, and will never let go of it in the child.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """`make` is called by one thread at a time; what it raises is raised by the call."""
        self._make = make
        self._by_pid: dict[int, T] = {}
        self._locks: dict[int, threading.Lock] = {}

    def __call__(self) -> T:
        found = self._by_pid.get(os.getpid())
        return found if found is not None else self._first()

    def close(self) -> None:
        """Close this process's own, if it was made; a call after that makes another."""
        with self._lock():
            mine = self._by_pid.pop(os.getpid(), None)
        if mine is not None:
            mine.close()

    def _first(self) -> T:
        with self._lock():
            mine = self._by_pid.get(os.getpid())
            if mine is None:
                mine = self._by_pid[os.getpid()] = self._make()
            return mine

    def _lock(self) -> threading.Lock:
        return self._locks.setdefault(os.getpid(), threading.Lock())  # in one step: no race
