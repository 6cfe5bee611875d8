"""Benchmark of reports: `python -m bench.reports --payments 1000000`.

An account of many payments is written to a file in each format by the command, in a process of its
own, beside one of few: the difference in memory is what the payments take.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bench.filling import History, fill
from bench.say import Failed, say
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.exports.formats import ReportFormat

FEW = 1_000
CUSTOMERS = 5_000


class Cost(NamedTuple):
    """What a command took: seconds, of CPU too, MiB of memory at most, and MiB of its output."""

    seconds: float
    cpu: float
    memory: float
    output: float


def main() -> int:
    """Measure, and print a table for people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    count: int = parser.parse_args().payments
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        few, many = (_account(Path(folder), number) for number in (FEW, count))
        names = ("seconds", "CPU s", "MiB few", "MiB many", "file MiB")
        say(f"{'':10}  " + "  ".join(f"{name:>8}" for name in names))
        for name in ReportFormat:
            _say_costs(name, _export(few, name), _export(many, name))
        _say_costs(
            "summary", *(_run(each, "summary", "--by", "day,status") for each in (few, many))
        )
    return 0


def _say_costs(name: str, small: Cost, large: Cost) -> None:
    cells = (large.seconds, large.cpu, small.memory, large.memory, large.output)
    say(f"{name:10}  " + "  ".join(f"{cell:8.1f}" for cell in cells))


def _account(folder: Path, count: int) -> Path:
    """Return a store of so many payments."""
    path = folder / f"{count}.db"
    with closing(build_services(Settings(store=f"sqlite:///{path}"), providers={})) as services:
        services.store.create_tables()
    fill(path, History.of(count, min(count, CUSTOMERS)), range(count), int)
    return path


def _export(store: Path, name: ReportFormat) -> Cost:
    output = store.with_suffix(f".{name}")
    cost = _run(store, "export", "--output", str(output))
    size = output.stat().st_size / 2**20
    output.unlink()
    return cost._replace(output=size)


def _run(store: Path, *command: str) -> Cost:
    """Run a command of the service, and return what it took."""
    environ = {**os.environ, "PAYMENTAPP_STORE": f"sqlite:///{store}"}
    began, cpu = time.monotonic(), _cpu_of_children()
    process = subprocess.Popen(
        [sys.executable, "-m", "paymentapp", *command],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    memory = 0.0
    while process.poll() is None:
        memory = _peak(process.pid) or memory
        time.sleep(0.02)
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(time.monotonic() - began, _cpu_of_children() - cpu, memory, 0)


def _cpu_of_children() -> float:
    """Return the seconds of CPU that all children took who have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak(pid: int) -> float | None:
    """Return the most memory that a process has had in MiB; None where it has ended.

    Not `ru_maxrss`, which a process has from the one that starts it.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else None


if __name__ == "__main__":
    sys.exit(main())
