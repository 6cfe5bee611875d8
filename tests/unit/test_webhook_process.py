"""A web process has one process deliver webhooks, while there are endpoints."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from paymentapp.errors import StoreUnavailable
from paymentapp.models.webhook_endpoints import EndpointStatus
from paymentapp.storage.base import Lease
from paymentapp.worker.webhook_process import LEASE_NAME, WebhookProcess
from tests.support.failing_store import FailingStore
from tests.support.service import alive
from tests.support.webhook_world import WebhookWorld
from tests.support.worker_world import until

# Writes its process id to a file, and ends with its standard input.
OBEDIENT = "import os, pathlib, sys; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); "
STUBBORN = f"{OBEDIENT} import time; time.sleep(60)"


class ProcessWorld(WebhookWorld):
    """Web processes, and the processes that they have started, by their ids in a folder."""

    def __init__(self, folder: Path) -> None:
        self.failing = FailingStore()
        super().__init__(self.failing)
        self.folder = folder
        self.ended: list[int] = []

    def started(self) -> list[int]:
        return sorted(int(path.name) for path in self.folder.iterdir())

    def running(self) -> list[int]:
        return [pid for pid in self.started() if alive(pid)]

    @contextmanager
    def serving(
        self, code: str = f"{OBEDIENT} sys.stdin.read()", seconds: float = 5
    ) -> Iterator[WebhookProcess]:
        process = WebhookProcess(
            self.deliverer,
            self.store,
            self.clock,
            pause=0.02,
            command=(sys.executable, "-S", "-c", code, str(self.folder)),
            on_end=self.ended.append,
        )
        process.start()
        try:
            yield process
        finally:
            process.stop(time.monotonic() + seconds)
        assert not any(thread.is_alive() for thread in process.threads())


def test_it_is_started_once_and_ends_with_the_web_process(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    with world.serving():
        until(lambda: len(world.running()) == 1)
        time.sleep(0.2)
    assert world.running() == []
    assert world.started() == world.ended
    assert len(world.ended) == 1


def test_without_endpoints_none_is_started_and_with_the_last_one_it_ends(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    world.endpoints.change(world.id, {"status": EndpointStatus.DISABLED})
    with world.serving():
        time.sleep(0.2)
        assert world.started() == []
        world.endpoints.change(world.id, {"status": EndpointStatus.ENABLED})
        until(lambda: len(world.running()) == 1)
        world.endpoints.delete(world.id)
        until(lambda: world.running() == [] and len(world.ended) == 1)


def test_one_that_is_killed_is_started_again(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    with world.serving():
        until(lambda: len(world.running()) == 1)
        (first,) = world.running()
        os.kill(first, signal.SIGKILL)
        until(lambda: len(world.started()) == 2 and len(world.running()) == 1)
        assert world.ended == [first]


def test_of_two_web_processes_one_starts_it_and_the_other_takes_over(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    with world.serving():
        until(lambda: len(world.running()) == 1)
        with world.serving():
            time.sleep(0.3)
            assert len(world.started()) == 1
    with world.serving():  # at once: the lease was released
        until(lambda: len(world.started()) == 2)


def test_a_web_process_that_has_lost_the_lease_ends_its_own(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    with world.serving():
        until(lambda: len(world.running()) == 1)
        world.later(seconds=60)  # as if it had been suspended for so long
        now = world.clock()
        lease = Lease(LEASE_NAME, "another", now + timedelta(seconds=300))
        if world.store.hold_lease(lease, now).owner == "another":  # else it was faster
            until(lambda: world.running() == [])


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    with world.serving(STUBBORN, seconds=0.5):
        until(lambda: len(world.running()) == 1)
    assert world.running() == []


def test_while_the_store_fails_it_goes_on(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    with world.serving():
        until(lambda: len(world.running()) == 1)
        running = world.running()
        for call in ("list_webhook_endpoints", "hold_lease"):
            world.failing.planned[call] = StoreUnavailable("for the test")
            world.later(seconds=20)
            until(lambda: world.failing.planned == {})
        time.sleep(0.2)
        assert world.running() == running


def test_a_command_that_cannot_be_run_ends_no_thread(tmp_path: Path) -> None:
    world = ProcessWorld(tmp_path)
    process = WebhookProcess(
        world.deliverer, world.store, world.clock, pause=0.02, command=("/nothing/here",)
    )
    process.start()
    time.sleep(0.3)
    (thread,) = process.threads()
    assert thread.is_alive()
    process.stop(time.monotonic() + 5)
