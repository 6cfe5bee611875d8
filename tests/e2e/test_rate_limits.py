"""Rate limits of a real service: its processes count as one, also after one has been killed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.test_metrics import web_processes
from tests.support.service import Service, alive, running_service

QUOTA = 30
CUSTOMERS = "/v1/api/customer"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    limits = {"PAYMENTAPP_WORKERS": "2", "PAYMENTAPP_RATE_LIMIT_CLIENTS": f"{QUOTA}/600"}
    with running_service(tmp_path, **limits) as service:
        yield service


def statuses(service: Service, times: int) -> Counter[int]:
    """Send requests by several connections at once, so that each process gets some."""
    with ThreadPoolExecutor(6) as pool:
        return Counter(pool.map(lambda _: service.call("GET", CUSTOMERS)[0], range(times)))


def test_a_client_has_one_quota_at_all_processes(service: Service) -> None:
    assert statuses(service, QUOTA // 2) == {200: QUOTA // 2}
    victim = web_processes(service)[0]
    os.kill(victim, signal.SIGKILL)
    while alive(victim):
        time.sleep(0.05)
    assert statuses(service, 2 * QUOTA) == {200: QUOTA - QUOTA // 2, 429: 2 * QUOTA - QUOTA // 2}
    assert service.call("GET", "/healthz")[0] == 200
