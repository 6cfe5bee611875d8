"""Counters of rate limits: exact over threads and processes, in a table that never grows."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from paymentapp.rate_limits import counters
from paymentapp.rate_limits.counters import WAYS, WindowCounters

MOST, SECONDS = 1000, 60


class Timer:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counting(table: WindowCounters, name: str, times: int) -> int:
    """Count one unit so many times. Return how many were counted."""
    return sum(table.count(name, 1, MOST, SECONDS)[1] for _ in range(times))


def in_children(work: Callable[[], int], children: int) -> int:
    """Return the sum of what forked processes return, each up to 255."""
    pids = []
    for _ in range(children):
        pid = os.fork()
        if pid == 0:
            os._exit(work())
        pids.append(pid)
    return sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)


def test_a_window_begins_with_the_first_unit_and_ends_after_its_seconds() -> None:
    timer = Timer()
    table = WindowCounters(timer=timer)
    assert table.window("ada").used == 0
    assert table.count("ada", 20, 30, 60) == ((20, 60), True)
    timer.now += 59
    assert table.count("ada", 20, 30, 60) == ((40, 1), True)
    assert table.count("ada", 20, 30, 60) == ((40, 1), False)
    assert table.window("bob").used == 0
    timer.now += 1
    assert table.window("ada").used == 0
    assert table.count("ada", 1, 30, 60) == ((1, 60), True)


def test_processes_count_together_and_exactly() -> None:
    table = WindowCounters(shared=True)
    counted = in_children(lambda: counting(table, "ada", 400) // 4, children=4)
    assert table.window("ada").used == MOST
    assert counted in range(MOST // 4 - 3, MOST // 4 + 1)  # each child's share is rounded down


def test_threads_count_together_and_exactly() -> None:
    table = WindowCounters()
    counted: list[int] = []
    threads = [
        threading.Thread(target=lambda: counted.append(counting(table, "ada", 400)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(counted), table.window("ada").used) == (MOST, MOST)


def test_tables_that_are_not_shared_count_each_by_itself() -> None:
    table, other = WindowCounters(), WindowCounters()
    counting(table, "ada", 5)
    assert other.window("ada").used == 0


def test_strangers_take_no_memory_and_nothing_from_anybody() -> None:
    """Fill the table many times over: it stays as large, and only ever forgets."""
    table = WindowCounters(sets=64)
    size = len(table._table)
    counting(table, "attacker", MOST)
    for number in range(64 * WAYS * 20):
        window, counted = table.count(f"stranger {number}", 1, MOST, SECONDS)
        assert (window.used, counted) == (1, True)  # nobody is counted for another
    assert len(table._table) == size
    assert table.count("attacker", 1, MOST, SECONDS)[1] is False  # the least counted are forgotten


def test_a_slot_whose_window_is_over_is_used_first() -> None:
    timer = Timer()
    table = WindowCounters(sets=1, timer=timer)
    table.count("early", MOST, MOST, 10)
    for number in range(WAYS - 1):
        table.count(f"late {number}", 1, MOST, SECONDS)
    timer.now += 11
    table.count("new", 1, MOST, SECONDS)
    assert all(table.window(f"late {number}").used == 1 for number in range(WAYS - 1))


def test_nobody_outside_can_tell_which_names_share_a_set() -> None:
    table, other = WindowCounters(), WindowCounters()
    assert table._place("ada") != other._place("ada")


def test_a_process_that_stops_while_it_counts_keeps_nobody_waiting() -> None:
    table = WindowCounters(sets=1, shared=True)
    pid = os.fork()
    if pid == 0:
        with table._locked(0):
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    before = time.monotonic()
    assert counting(table, "ada", 10) == 10
    assert time.monotonic() - before < 2
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert table._lock_file is not None
    assert counters._lock(table._lock_file, 0)  # a process that has ended locks nothing


def test_without_files_in_memory_locks_are_in_a_file_without_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    table = WindowCounters(shared=True)
    assert in_children(lambda: counting(table, "ada", 100), children=2) == 200
    assert table.window("ada").used == 200


def test_workers_inherit_the_counters_of_the_process_that_starts_them() -> None:
    before = counters._inherited
    try:
        counters.share_with_children()
        table = counters.inherited_counters()
        assert table is not None
        assert in_children(lambda: counting(table, "ada", 100), children=2) == 200
        assert table.window("ada").used == 200
    finally:
        counters._inherited = before
