"""Objects that exist once in each process: shared by its threads, never with another process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from paymentapp.storage.per_process import PerProcess


class Connection:
    """An object that must be closed in the thread that made it."""

    def __init__(self) -> None:
        self.made_in = os.getpid()
        self.closed = False

    def close(self) -> None:
        assert self.made_in == os.getpid()
        self.closed = True


def in_child(check: Callable[[], bool]) -> bool:
    """Return what a forked process finds, within some seconds."""
    child = os.fork()
    if child == 0:  # no pytest from here on
        threading.Timer(10, os._exit, [2]).start()
        os._exit(0 if check() else 1)
    return os.waitpid(child, 0)[1] == 0


def test_threads_share_one_that_is_made_once() -> None:
    made: list[Connection] = []

    def make() -> Connection:
        time.sleep(0.02)
        made.append(Connection())
        return made[-1]

    here = PerProcess(make)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: here(), range(8)))
    assert found == set(made)
    assert len(made) == 1


def test_a_child_has_its_own_and_leaves_the_parents_alone() -> None:
    here = PerProcess(Connection)
    parents = here()

    def check() -> bool:
        mine = here()
        here.close()
        return mine is not parents and mine.closed and not parents.closed

    assert in_child(check)
    assert here() is parents


def test_a_lock_that_a_thread_of_the_parent_held_stops_no_child() -> None:
    here = PerProcess(Connection)
    with here._lock():
        assert in_child(lambda: here().made_in == os.getpid())


def test_what_was_closed_is_made_again() -> None:
    here = PerProcess(Connection)
    here.close()
    first = here()
    here.close()
    assert first.closed
    assert here() is not first


def test_what_cannot_be_made_is_tried_again() -> None:
    answers: list[Connection | OSError] = [OSError("down"), Connection()]

    def make() -> Connection:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    here = PerProcess(make)
    with pytest.raises(OSError, match="down"):
        here()
    assert here().made_in == os.getpid()
