"""One connection's trouble is not that of the process."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Any

import pytest

from paymentapp.web.connection import Connection, Stage
from paymentapp.web.waits import Waits
from paymentapp.web.worker import BufferingWorker


@pytest.fixture
def worker() -> Any:
    """Return a worker without a process around it."""
    made: Any = BufferingWorker.__new__(BufferingWorker)
    made.poller = selectors.DefaultSelector()
    made._waits = Waits({Stage.HEAD: 10, Stage.IDLE: 10})
    return made


def connected(worker: Any) -> Connection:
    ours, _theirs = socket.socketpair()
    connection = Connection(ours, "", "", 1)
    worker._wait(connection, Stage.HEAD, selectors.EVENT_READ)
    return connection


def failing(error: Exception) -> Callable[[Connection], None]:
    def step(_connection: Connection) -> None:
        raise error

    return step


@pytest.mark.parametrize("error", [ConnectionResetError(), RuntimeError("of our own")])
def test_whatever_fails_on_a_connection_ends_it_alone(worker: Any, error: Exception) -> None:
    broken, sound = connected(worker), connected(worker)
    worker._take(failing(error), broken)
    assert broken.stage is Stage.CLOSED
    assert list(worker._waits) == [sound]
    assert len(worker.poller.get_map()) == 1


def test_an_idle_connection_makes_room_before_a_slow_one(worker: Any) -> None:
    slow, idle = connected(worker), connected(worker)
    worker._waits.enter(idle, Stage.IDLE)
    assert worker._waits.expendable() is idle
    worker._waits.enter(idle, Stage.RUNNING)
    assert worker._waits.expendable() is slow
    worker._waits.enter(slow, Stage.RUNNING)
    assert worker._waits.expendable() is None
