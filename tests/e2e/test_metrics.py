"""`/metrics` of a real service: several processes answer as one, also after one has been killed."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service, alive, running_service

Labels = tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    """Yield a service whose temporary folders are in `folder`."""
    with running_service(folder, PAYMENTAPP_METRICS="on", TMPDIR=str(folder)) as service:
        yield service


def samples(service: Service) -> dict[tuple[str, Labels], float]:
    """Return the value of each sample, by its name and labels."""
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in families
        for each in family.samples
    }


def alive_answers(service: Service) -> float:
    labels = (("method", "GET"), ("route", "/healthz"), ("status", "200"))
    return samples(service).get(("paymentapp_http_requests_total", labels), 0.0)


def ask(service: Service, times: int) -> None:
    for _ in range(times):
        assert service.call("GET", "/healthz")[0] == 200


def web_processes(service: Service) -> list[int]:
    """Return gunicorn's workers: those without children that have its command line."""
    found = []
    for pid in service.descendants():
        line = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "gunicorn" in line:
            found.append(pid)
    return sorted(found)[1:]  # the first is the master


def test_each_process_answers_for_all(service: Service) -> None:
    before = alive_answers(service)
    ask(service, 20)
    seen = {alive_answers(service) - before for _ in range(10)}
    assert seen == {20.0}


def test_what_a_killed_process_has_counted_stays(service: Service) -> None:
    ask(service, 5)
    before = alive_answers(service)
    victim = web_processes(service)[0]
    os.kill(victim, signal.SIGKILL)
    while alive(victim):
        time.sleep(0.05)
    ask(service, 5)
    assert alive_answers(service) == before + 5


def test_the_folder_is_removed_at_the_end(folder: Path) -> None:
    own = folder / "own"
    own.mkdir()
    with running_service(own, PAYMENTAPP_METRICS="on", TMPDIR=str(own)) as service:
        ask(service, 1)
        assert len(list(own.glob("paymentapp-metrics-*/*.db"))) >= 1
    assert list(own.glob("paymentapp-metrics-*")) == []
