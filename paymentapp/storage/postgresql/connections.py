"""The database connections of one process: opened when they are needed, kept, and bounded.

No session state is used, so that a pooler in transaction mode (PgBouncer) may stand between: no
settings but `SET LOCAL`, no locks that outlive a transaction. Statements that find rows by their
keys are prepared, where the server itself answers: see `DeadlineConnection.prepares`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from select import select
from threading import Condition
from typing import Any, TypeVar

import psycopg
from psycopg.abc import Params, PQGen, QueryNoTemplate
from psycopg.conninfo import make_conninfo
from psycopg.types.json import set_json_loads

from paymentapp.storage.contention import tries
from paymentapp.storage.postgresql.addresses import DatabaseAddress
from paymentapp.storage.postgresql.documents import load_json
from paymentapp.storage.postgresql.failures import (
    failed,
    is_collision,
    is_full,
    is_lost,
    unavailable,
)
from paymentapp.storage.postgresql.prepared import PREPARED
from paymentapp.storage.postgresql.sql import ROLLBACK

T = TypeVar("T")
Row = tuple[Any, ...]

CALL_SECONDS = 10.0  # that a call waits for the server, with all that is repeated
_CANCEL_SECONDS = 1.0  # that a statement which took too long is given to end
_REPEATS_MAX = 3  # times that a call is repeated whose connection was lost
_KEPT_SECONDS = 600.0  # that a connection is used; then a new one sees a new address or password
# A server that forgets what it has confirmed loses payments after a crash.
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = ", ".join(f"current_setting('{name}')" for name in _UNSAFE)
_SAFETY = f"SELECT {_SETTINGS}, pg_backend_pid()"
_NEVER = 2**31  # uses of a statement after which it would be prepared unasked


class DeadlineConnection(psycopg.Connection[Row]):
    """A connection whose calls end at a time, whatever the server and the network do."""

    opened_at = 0.0
    deadline = 0.0  # of time.monotonic()
    # Whether the server keeps what is prepared. One behind a pooler may serve the next transaction
    # by another connection, on which the same name stands for another statement.
    prepares = False
    # After a rollback the driver has the server forget all statements, but only at the end of the
    # next call outside of a pipeline: what such a call prepares is gone, and the driver uses it.
    _forgets = False

    def execute(  # type: ignore[override]  # no statement of this store is a Template
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> psycopg.Cursor[Row]:
        """Run a statement; one that is worth it is planned once for a connection.

        In a pipeline none is: where a statement before it fails, the server does not prepare it.
        """
        is_alone = self.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF
        if prepare is None:
            may = self.prepares and is_alone and not self._forgets
            prepare = may and isinstance(query, str) and query in PREPARED
        cursor = super().execute(query, params, prepare=prepare, binary=binary)
        self._forgets = query == ROLLBACK or (self._forgets and not is_alone)
        return cursor

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Run a part of a call. Raises OperationalError at the deadline."""
        left = max(self.deadline - time.monotonic(), 0.0)
        return super().wait(gen, interval, left if timeout is None else min(timeout, left))

    def is_quiet(self) -> bool:
        """Return whether the server has said nothing since the last answer, such as goodbye."""
        return not (self.closed or self.broken or select([self.fileno()], [], [], 0)[0])

    def give_up(self) -> None:
        """End what the server still does for this connection, as far as it can be reached."""
        with suppress(psycopg.Error, OSError):
            if not self.closed and self.info.transaction_status is not _IDLE:
                self.cancel_safe(timeout=_CANCEL_SECONDS)
        with suppress(psycopg.Error, OSError):
            self.close()


_IDLE = psycopg.pq.TransactionStatus.IDLE
Work = Callable[[DeadlineConnection], T]


class BoundedConnections:
    """Up to `size` connections; each serves one call at a time."""

    def __init__(self, address: DatabaseAddress, size: int) -> None:
        self._address = address
        self._size = size
        self._idle: deque[DeadlineConnection] = deque()
        self._count = 0  # of those that are open, or being opened
        self._returned = Condition()

    def read(self, statement: str, values: Any = ()) -> list[Row]:
        """Return the rows of one statement. Raises StoreUnavailable."""
        return self.run(lambda connection: connection.execute(statement, values).fetchall())

    def run(self, work: Work[T], seconds: float | None = None) -> T:
        """Run work on a connection, outside of a transaction; return its result.

        It has some seconds, CALL_SECONDS by default, with all that is repeated. Work that has lost
        its connection, or lost against other work, is run again: it must recognise what it has
        written. Raises StoreUnavailable, and what `work` raises else.
        """
        deadline = time.monotonic() + (seconds or CALL_SECONDS)
        lost: psycopg.Error | None = None
        repeats = 0
        for _ in tries():
            connection = self._take(deadline)
            try:
                result = work(connection)
            except psycopg.Error as error:
                lost = error
                if is_lost(error, connection):
                    repeats += 1
                    self._discard(connection, and_idle=True)
                    is_over = repeats > _REPEATS_MAX
                else:
                    self._clean(connection)
                    is_over = not is_collision(error)
                if is_over or time.monotonic() >= deadline:
                    raise unavailable(error) from error
            except BaseException:
                self._clean(connection)
                raise
            else:
                self._give_back(connection)
                return result
        raise failed("locked") from lost

    def close(self) -> None:
        """Close the connections that are idle; those in use are closed when they are returned."""
        with self._returned:
            self._size = 0
            idle = list(self._idle)
            self._idle.clear()
            self._count -= len(idle)
        for connection in idle:
            connection.give_up()

    def _take(self, deadline: float) -> DeadlineConnection:
        """Return a connection that is idle, a new one, or the next that is returned."""
        full: psycopg.Error | None = None
        while True:
            with self._returned:
                connection = self._next(deadline, may_open=full is None)
            if connection is None:
                connection, full = self._open(deadline)
            elif not connection.is_quiet() or _is_old(connection):
                self._discard(connection)
                continue
            if connection is not None:
                connection.deadline = deadline
                return connection

    def _next(self, deadline: float, *, may_open: bool) -> DeadlineConnection | None:
        """Return an idle connection, or None for one that is to be opened; wait for either."""
        while not self._idle:
            if may_open and self._count < self._size:
                self._count += 1
                return None
            left = deadline - time.monotonic()
            if not self._size:
                raise failed("closed")
            if left <= 0 or not self._count:
                raise failed("busy" if may_open else "too many connections")
            self._returned.wait(left)
        return self._idle.pop()

    def _open(self, deadline: float) -> tuple[DeadlineConnection | None, psycopg.Error | None]:
        """Open a connection; return the error where the server is full and others are in use.

        Raises StoreUnavailable.
        """
        try:
            return open_connection(self._address, deadline), None
        except psycopg.Error as error:
            with self._returned:
                self._count -= 1
                if is_full(error) and self._count:
                    return None, error
            raise unavailable(error) from error
        except BaseException:
            with self._returned:
                self._count -= 1
            raise

    def _give_back(self, connection: DeadlineConnection) -> None:
        with self._returned:
            if self._size and connection.info.transaction_status is _IDLE:
                self._idle.append(connection)
                self._returned.notify()
                return
        self._discard(connection)

    def _clean(self, connection: DeadlineConnection) -> None:
        """Give back a connection whose work has failed, without what the work has begun."""
        try:
            if not connection.closed and connection.info.transaction_status is not _IDLE:
                connection.execute(ROLLBACK)
        except psycopg.Error:
            self._discard(connection)
        else:
            self._give_back(connection)

    def _discard(self, connection: DeadlineConnection, *, and_idle: bool = False) -> None:
        """Close a connection; with `and_idle` those too that the same server has probably ended."""
        with self._returned:
            ended = [connection]
            if and_idle:
                ended += [each for each in self._idle if not each.is_quiet()]
                self._idle = deque(each for each in self._idle if each not in ended)
            self._count -= len(ended)
            self._returned.notify()
        for each in ended:
            each.give_up()


def open_connection(address: DatabaseAddress, deadline: float) -> DeadlineConnection:
    """Open a connection to a server that keeps what it confirms.

    Raises psycopg.Error, or StoreUnavailable where it is set to forget.
    """
    where = make_conninfo(**address.options())
    connection = DeadlineConnection.connect(where, autocommit=True, prepare_threshold=_NEVER)
    connection.opened_at = time.monotonic()
    connection.deadline = max(deadline, connection.opened_at + 1)
    set_json_loads(load_json, connection)
    try:
        *found, pid = connection.execute(_SAFETY).fetchone() or (None,)
    except BaseException:
        connection.give_up()
        raise
    for (name, unsafe), value in zip(_UNSAFE.items(), found, strict=True):
        if value == unsafe:
            connection.give_up()
            raise failed(f"{name} is {unsafe}: the server may lose what it has confirmed")
    # A pooler answers for its connections with a number of its own (PgBouncer: a random one).
    is_direct = pid == connection.info.backend_pid
    connection.prepares = is_direct if address.prepared == "auto" else address.prepared == "on"
    return connection


def _is_old(connection: DeadlineConnection) -> bool:
    return time.monotonic() - connection.opened_at > _KEPT_SECONDS
