"""Connections that come at once are shared by gunicorn's workers, so that none is idle."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median

import pytest

from tests.support.gunicorn import (
    HEALTH,
    START_SECONDS,
    Gunicorn,
    answer_on,
    running_gunicorn,
)

CONNECTIONS = 32
BURSTS = 31
_ESTABLISHED = "01"  # proc(5), /proc/net/tcp; the kernel's TCP_ESTABLISHED

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no Linux")


def workers(service: Gunicorn) -> list[int]:
    pid = service.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sockets(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(link.readlink().name.removeprefix("socket:[").rstrip("]"))
    return found


def connections(service: Gunicorn) -> list[int]:
    """Return how many connections of clients each worker has."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {
        fields[9]
        for fields in lines
        if fields[3] == _ESTABLISHED and int(fields[1].partition(":")[2], 16) == service.port
    }
    return [len(ours & sockets(pid)) for pid in workers(service)]


def shares_of_burst(service: Gunicorn) -> list[int]:
    """Open connections at once; return how many each worker took."""
    with ExitStack() as stack:
        clients = [stack.enter_context(service.connect()) for _ in range(CONNECTIONS)]
        for client in clients:
            client.sendall(HEALTH)
        assert {answer_on(client).status for client in clients} == {200}
        return connections(service)


def test_each_worker_takes_its_share_of_a_burst(tmp_path: Path) -> None:
    with running_gunicorn(tmp_path, PAYMENTAPP_WORKERS="2") as service:
        end = time.monotonic() + START_SECONDS
        while not all(shares_of_burst(service)):  # the second worker starts after the first
            assert time.monotonic() < end
        shares = [shares_of_burst(service) for _ in range(BURSTS)]
        assert all(sum(each) == CONNECTIONS for each in shares)
        # Half of the bursts are shared about evenly; in the others a worker was not awake in time.
        assert median(map(min, shares)) >= CONNECTIONS * 0.3, shares
