"""`/metrics` of a real service: several processes answer as one, also after one has been killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service, alive, running_service

WEB_PROCESSES = 2
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
        with suppress(OSError):  # it has ended meanwhile
            if "gunicorn" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                found.append(pid)
    return sorted(found)[1:]  # the first is the master


def both_web_processes(service: Service) -> list[int]:
    """Wait until gunicorn has started its two workers: the first of them answers earlier."""
    end = time.monotonic() + 30
    while len(found := web_processes(service)) != WEB_PROCESSES:
        assert time.monotonic() < end, f"{found} run"
        time.sleep(0.05)
    return found


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


def test_the_folder_of_a_killed_master_is_removed_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "paymentapp-metrics-killed"
    left.mkdir()
    (left / "owner").touch()
    with running_service(tmp_path, PAYMENTAPP_METRICS="on", TMPDIR=str(tmp_path)) as service:
        ask(service, 1)
        (own,) = tmp_path.glob("paymentapp-metrics-*")
        assert own != left


def test_processes_that_end_again_and_again_leave_no_more_files(
    service: Service, folder: Path
) -> None:
    def files() -> int:
        return len(list(folder.glob("paymentapp-metrics-*/*.db")))

    ask(service, 20)
    before, asked = files(), alive_answers(service)
    for _ in range(3):
        victim = web_processes(service)[0]
        os.kill(victim, signal.SIGKILL)
        while alive(victim):
            time.sleep(0.05)
        both_web_processes(service)
        ask(service, 5)
    assert alive_answers(service) == asked + 15
    assert files() == before


def test_a_disk_that_is_full_ends_no_process(tmp_path: Path) -> None:
    """What is written to a page that a full disk has no room for would end it by SIGBUS."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with (
        small_disk(disk),
        running_service(tmp_path, PAYMENTAPP_METRICS="on", TMPDIR=str(disk)) as service,
    ):
        ask(service, 5)
        workers = both_web_processes(service)
        fill(disk / "filler")
        for path in ("/v1/api/customer", "/v1/api/payment", "/v1/api/holds", "/v1/api/events"):
            for _ in range(5):
                assert service.call("GET", path)[0] == 200
        assert web_processes(service) == workers
        assert alive_answers(service) >= 5
        os.kill(workers[0], signal.SIGKILL)
        ask(service, 20)
        assert alive_answers(service) >= 25
        assert "no room" not in service.output()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of eight megabytes, which takes root."""
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
