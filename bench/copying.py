"""Measure `paymentapp copy` from SQLite to PostgreSQL: `python -m bench.copying --payments 100000`.

The source has settled payments with their keys and events, and nobody uses it. Each pass is a
process of its own: the first one, one with nothing to copy, and the last one, which compares all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from bench import postgresql
from bench.filling import History, fill
from bench.report import ROOT
from bench.say import Failed, say
from bench.stores import SQLitePlace
from paymentapp.config import load_settings
from paymentapp.storage import open_store

CUSTOMERS = 20_000
PASSES = (("first pass", ()), ("pass that finds nothing new", ()), ("last pass", ("--finish",)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=100_000)
    payments: int = parser.parse_args().payments
    with ExitStack() as stack:
        postgresql.start(stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = SQLitePlace(folder, "source")
        # In a process of its own: what it holds would count as memory of those that are measured.
        filling = multiprocessing.Process(target=_fill, args=(source, folder, payments))
        filling.start()
        filling.join()
        target = postgresql.PostgreSQLPlace("copied")
        for name, options in PASSES:
            say(f"{name}: {_cost(source, target, *options)}")
        say(f"{target.count():,} payments copied")


def _fill(source: SQLitePlace, folder: Path, payments: int) -> None:
    with closing(open_store(load_settings(source.settings()))) as store:
        store.create_tables()
    fill(folder / "source.db", History.of(payments, CUSTOMERS), range(payments), lambda _: None)


def _cost(source: SQLitePlace, target: postgresql.PostgreSQLPlace, *options: str) -> str:
    stores = ("--from", source.settings()["PAYMENTAPP_STORE"], "--to", target.url)
    command = [sys.executable, "-m", "paymentapp", "copy", *stores, *options]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise Failed(f"paymentapp copy ended with status {status}")
    seconds, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    return f"{seconds:.1f} s, of which {cpu:.1f} s CPU; {usage.ru_maxrss // 1024} MB"


if __name__ == "__main__":
    main()
