"""Measure `paymentapp copy` from SQLite to PostgreSQL: `python -m bench.copying --payments 100000`.

The source has settled payments with their keys and events, and nobody uses it. Each pass is a
process of its own: the first one, one with nothing to copy, and the last one, which compares all.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from bench import postgresql
from bench.filling import History, fill
from bench.report import ROOT
from bench.say import say
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
        source = _filled(folder, payments)
        target = postgresql.PostgreSQLPlace("copied")
        for name, options in PASSES:
            say(f"{name}: {_seconds(source, target, *options):.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        say(f"{target.count():,} payments copied; memory of a process: {peak} MB at most")


def _filled(folder: Path, payments: int) -> SQLitePlace:
    source = SQLitePlace(folder, "source")
    with closing(open_store(load_settings(source.settings()))) as store:
        store.create_tables()
    fill(folder / "source.db", History.of(payments, CUSTOMERS), range(payments), lambda _: None)
    return source


def _seconds(source: SQLitePlace, target: postgresql.PostgreSQLPlace, *options: str) -> float:
    stores = ("--from", source.settings()["PAYMENTAPP_STORE"], "--to", target.url)
    command = [sys.executable, "-m", "paymentapp", "copy", *stores, *options]
    began = time.monotonic()
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
