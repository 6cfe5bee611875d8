"""The folder that processes share for their metrics: its room, and what is left of ended ones."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from paymentapp.metrics import processes
from tests.support.service import clean_environ

FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from paymentapp.config import load_settings
from paymentapp.metrics import open_metrics
print(open_metrics(load_settings()).enabled)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the folder that this process shares; its parent is the folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(processes.FOLDER_VARIABLE, raising=False)
    made = processes.make_folder()
    assert made is not None
    yield made
    for each in list(processes._owned):
        processes.remove_folder(each)


def count(folder: Path, pid: int, value: float) -> None:
    """Write what a process has counted."""
    for kind, name in (("counter", "paid_total"), ("gauge_livemax", "oldest")):
        values: Any = MmapedDict(str(folder / f"{kind}_{pid}.db"))  # type: ignore[no-untyped-call]
        values.write_value(mmap_key(name.removesuffix("_total"), name, [], [], "Text."), value, 0.0)
        values.close()


def shown(folder: Path) -> dict[str, float]:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return {sample.name: sample.value for each in registry.collect() for sample in each.samples}


def test_the_sums_of_processes_that_have_ended_are_in_one_file(folder: Path) -> None:
    for pid in (11, 12, 13):
        count(folder, pid, float(pid))
    for pid in (11, 12):
        processes.forget_process(pid)
    assert shown(folder) == {"paid_total": 36.0, "oldest": 13.0}
    left = {file.name for file in folder.glob("*.db") if processes._ended not in file.name}
    assert left == {"counter_13.db", "gauge_livemax_13.db"}


def test_nothing_is_added_up_while_it_is_read(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count(folder, 11, 5)
    with processes.reading():
        processes.forget_process(11)
    assert "metrics of the ended process 11 stay as they are" in caplog.text
    assert shown(folder) == {"paid_total": 5.0}


def test_a_file_that_cannot_be_read_does_not_end_the_master(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "counter_11.db").write_bytes(b"")
    processes.forget_process(11)
    assert "metrics of the ended process 11 stay as they are" in caplog.text


def test_the_room_of_a_process_is_on_the_disk_before_it_is_used(folder: Path) -> None:
    processes.reserve_room("11")
    sizes = {file.name: file.stat().st_blocks * 512 for file in folder.glob("*_11.db")}
    assert len(sizes) == len(processes.ROOM)
    assert all(sizes[f"{kind}_11.db"] >= size for kind, size in processes.ROOM.items())


def test_a_process_whose_metrics_have_no_room_goes_on_without(folder: Path) -> None:
    environ = clean_environ() | {"PAYMENTAPP_METRICS": "on", processes.FOLDER_VARIABLE: str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", FULL], env=environ, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
    assert "this process has no metrics: no room for their files" in done.stderr
    assert [file for file in folder.glob("*.db") if processes._ended not in file.name] == []


def test_a_folder_of_a_killed_process_is_removed_and_that_of_another_stays(folder: Path) -> None:
    killed, other = folder.parent / "paymentapp-metrics-x", folder.parent / "paymentapp-other"
    for each in (killed, other):
        each.mkdir()
        (each / "owner").touch()
    os.environ.pop(processes.FOLDER_VARIABLE)
    mine = processes.make_folder()
    assert mine is not None
    assert set(folder.parent.iterdir()) == {folder, mine, other}


def test_a_folder_is_in_use_while_a_worker_of_its_master_lives(folder: Path) -> None:
    with (folder / "owner").open("r+") as owner, pytest.raises(BlockingIOError):
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_folder_and_its_lock_are_gone_at_the_end(folder: Path) -> None:
    processes.remove_folder(folder)
    assert not folder.exists()
    assert processes.FOLDER_VARIABLE not in os.environ
