"""Group commit: one thread a process writes, and whoever waits for the disk shares one commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.sqlite.database import connect, turn, unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_PATIENCE = 10.0  # seconds that a caller waits
_GROUP = 256  # so that the first of a group does not wait for too many others


class _Job:
    """One piece of work, and the caller that waits for it."""

    __slots__ = ("_done", "abandoned", "error", "one_write", "result", "work")

    def __init__(self, work: Work[Any], one_write: bool) -> None:
        self.work = work
        self.one_write = one_write  # which SQLite undoes by itself where it fails
        self.result: Any = None
        self.error: Exception | None = None
        self.abandoned = False  # nobody waits any longer; begun or not, the caller cannot know
        self._done = threading.Lock()  # held until done: the cheapest way to wake one thread
        self._done.acquire()

    def finish(self) -> None:
        self._done.release()

    def wait(self) -> Any:
        if not self._done.acquire(timeout=_PATIENCE):
            self.abandoned = True
            raise StoreUnavailable("database: busy")
        if self.error is not None:
            raise self.error
        return self.result


class Writer:
    """Runs every write of this process, in the order in which they came.

    While a commit waits for the disk the next writes queue up; the next transaction takes them
    all. A lone write is taken at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._gate = threading.Lock()  # between `run` and `close`: nothing is queued too late
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._serve, name="sqlite-writer", daemon=True)
        self._thread.start()

    def run(self, work: Work[T], *, one_write: bool = False) -> T:
        """Do `work` in a transaction; returns what it returned once that is on disk.

        What `work` raises undoes its own statements alone; `one_write` says that it writes by
        one statement, so that nothing is left to undo. Raises StoreUnavailable where the
        transaction failed or took too long.
        """
        job = _Job(work, one_write)
        with self._gate:
            if self._closed:
                raise StoreUnavailable("database: closed")
            self._queue.put(job)
        result: T = job.wait()
        return result

    def close(self) -> None:
        """Finish what is queued and let go of the file."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(_PATIENCE)

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            group = [job]
            more = self._commit(group)
            for job in group:
                job.finish()
            if not more:
                break
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._drop_connection()

    def _commit(self, group: list[_Job]) -> bool:
        """Run one transaction for the group and for who else waits; False after `close`."""
        more = True
        try:
            with turn(self._path):
                more = self._take_waiting(group)
                if self._connection is None:
                    self._connection = connect(self._path)
                self._connection.execute("BEGIN IMMEDIATE")
                for job in group:
                    if not job.abandoned:
                        _do(job, self._connection)
                self._connection.execute("COMMIT")
        except Exception as error:
            self._drop_connection()
            for job in group:
                job.error = unavailable(error)
        return more

    def _take_waiting(self, group: list[_Job]) -> bool:
        with suppress(Empty):
            while len(group) < _GROUP:
                job = self._queue.get_nowait()
                if job is None:
                    return False
                group.append(job)
        return True

    def _drop_connection(self) -> None:
        """Closing rolls back; the next group opens the file anew, whatever has become of it."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _do(job: _Job, connection: sqlite3.Connection) -> None:
    """Do one piece of work in the open transaction, so that its failure is its own.

    Raises where the failure (a full disk, say) has undone the whole transaction.
    """
    if not job.one_write:
        connection.execute("SAVEPOINT work")
    try:
        job.result = job.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise
        if not job.one_write:
            connection.execute("ROLLBACK TO work")
        job.error = unavailable(error) if isinstance(error, sqlite3.Error) else error
    if not job.one_write:
        connection.execute("RELEASE work")
