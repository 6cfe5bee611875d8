"""Group commit: one thread per process writes, and concurrent writes share one commit."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from paymentapp.storage.sqlite.database import (
    REPLACED,
    FileConnection,
    connect,
    failed,
    unavailable,
    write_lock,
)
from paymentapp.supervision import ServiceThread

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_WAIT_SECONDS = 10.0  # how long a caller waits for its commit
_GROUP_LIMIT = 256  # writes in one transaction, so that the first does not wait for too many
_STEP_LIMIT = 120.0  # seconds; more than a transaction takes, also on a disk that is overloaded


class _Job:
    """One write, and the caller that waits for it."""

    __slots__ = ("_done", "abandoned", "committed", "error", "one_write", "result", "work")

    def __init__(self, work: Work[Any], one_write: bool) -> None:
        self.work = work
        self.one_write = one_write  # SQLite itself undoes a single statement that fails
        self.result: Any = None
        self.error: Exception | None = None
        self.committed = False
        self.abandoned = False  # the caller gave up: its outcome is unknown to it
        self._done = threading.Lock()  # held until done; cheaper than an Event
        self._done.acquire()

    def finish(self) -> None:
        """Wake the caller, which waits for this job."""
        self._done.release()

    def wait(self) -> Any:
        """Return the result of the work once it is committed.

        Raises the error of the work, or StoreUnavailable where the outcome is not known in time.
        """
        if not self._done.acquire(timeout=_WAIT_SECONDS):
            self.abandoned = True
            raise failed("busy")
        if self.error is not None:
            raise self.error
        if not self.committed:
            raise failed("interrupted")
        return self.result


class Writer:
    """Runs every write of this process, in order of arrival.

    Writes that arrive while a commit waits for the disk are queued, and the next transaction runs
    all of them. A lone write is run at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._gate = threading.Lock()  # between `run` and `close`: nothing is queued too late
        self.closed = False
        self._connection: FileConnection | None = None
        self.thread = ServiceThread("sqlite-writer", self._serve, limit=_STEP_LIMIT)
        self.thread.start()

    def run(self, work: Work[T], *, one_write: bool = False) -> T:
        """Run `work` in a transaction; return its result once the commit is on disk.

        An error of `work` undoes its own statements alone, and is raised. `one_write` means that
        it writes by one statement, so that nothing is left to undo. Raises StoreUnavailable where
        the transaction failed or took too long.
        """
        job = _Job(work, one_write)
        with self._gate:
            if self.closed:
                raise failed("closed")
            if self.thread.has_died:  # nobody would take the job; this process is about to end
                raise failed("interrupted")
            self._queue.put(job)
        result: T = job.wait()
        return result

    def close(self) -> None:
        """Finish the queued writes and close the file."""
        with self._gate:
            if not self.closed:
                self.closed = True
                self._queue.put(None)
        self.thread.join(_WAIT_SECONDS)

    def _serve(self, thread: ServiceThread) -> bool:
        """Wait for a write, and commit it with all that are queued; return False after `close`."""
        thread.wait()
        job = self._queue.get()
        thread.beat()
        more = False
        if job is not None:
            group = [job]
            try:
                more = self._commit(group)
            finally:  # nobody waits for a job that will never be finished
                for job in group:
                    job.finish()
        if not more:
            self._close_connection()
        return more

    def _close_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._drop_connection()

    def _commit(self, group: list[_Job]) -> bool:
        """Run one transaction for the group and all queued writes; return False after `close`."""
        more = True
        try:
            self.thread.wait()  # however long another process has the lock, this one is not stuck
            with write_lock(self._path):
                self.thread.beat()
                more = self._take_waiting(group)
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
                for job in group:
                    if not job.abandoned:
                        _do(job, connection, alone=len(group) == 1)
                connection.execute("COMMIT")
                if not connection.is_current():  # nobody will find what was written
                    log.error("database: %s; the last writes are refused", REPLACED)
                    raise failed(REPLACED)
            for job in group:
                job.committed = True
        except Exception as error:
            self._drop_connection()
            for job in group:
                job.error = unavailable(error)
        return more

    def _open(self) -> FileConnection:
        """Return a connection to the file that is there now."""
        if self._connection is not None and not self._connection.is_current():
            log.error("database: %s; opened again", REPLACED)
            self._drop_connection()
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def _take_waiting(self, group: list[_Job]) -> bool:
        with suppress(Empty):
            while len(group) < _GROUP_LIMIT:
                job = self._queue.get_nowait()
                if job is None:
                    return False
                group.append(job)
        return True

    def _drop_connection(self) -> None:
        """Close the connection, which rolls back; the next group opens the file again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _do(job: _Job, connection: sqlite3.Connection, *, alone: bool) -> None:
    """Run one write in the open transaction, so that its failure affects no other write.

    A savepoint is only needed where there are others: it is a tenth of the work of a small write.

    Raises where the failure (a full disk, for example) has undone the whole transaction.
    """
    nested = not (job.one_write or alone)
    if nested:
        connection.execute("SAVEPOINT work")
    try:
        job.result = job.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise
        if nested:
            connection.execute("ROLLBACK TO work")
        elif not job.one_write:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
        job.error = unavailable(error) if isinstance(error, sqlite3.Error) else error
    if nested:
        connection.execute("RELEASE work")
