"""Runs the measurements and writes the results: `python -m bench.run`, or `make bench`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NoReturn

from bench import (
    accept,
    dynamodb_local,
    footprint,
    limits,
    listing,
    metrics,
    postgresql,
    report,
    sites,
    slow_provider,
    submit,
    webhooks,
)
from bench.processes import Processes
from bench.report import Section
from bench.say import Failed, say

MEASURES = (
    *("accept", "sites", "limits", "metrics", "slow", "submit", "webhooks", "listing", "footprint"),
)
ENGINES = {"sqlite": "SQLite", "dynamodb": "DynamoDB", "postgresql": "PostgreSQL"}
ON_POSTGRESQL = {"accept", "sites", "submit"}
EPILOG = """\
accept     payments accepted a second, beside a bare Flask view with the same storage calls
sites      two web machines' worth of processes on one PostgreSQL server, beside one
limits     what rules cost, and payments a second that count against one limit
metrics    what an accepted payment costs with metrics, beside one without
slow       latency of acceptance while every provider call takes 10 s, beside 0 s
submit     10,000 waiting payments: PayPal calls and payments a second
webhooks   deliveries a second, beside a bare loop; latency of acceptance with three endpoints
listing    a page of the account's payments by each filter, among a million in SQLite
footprint  memory of a worker and time to start, beside a bare Flask and boto3 app

DynamoDB needs a JDK and the npm package amplify-dynamodb-simulator, which carries DynamoDB Local
(in .tools, or DYNAMODB_LOCAL names its folder); where they are absent it is left out, and the
results say so. PostgreSQL needs its server's programs, or an address in PAYMENTAPP_TEST_POSTGRESQL.
wrk puts the load on where it is installed, a slower client in Python where not.
All servers listen on loopback, keep their files in a temporary folder, and end with this program.
"""


def main() -> int:
    """Take the requested measurements; return 1 if one failed."""
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    begin, busy = time.monotonic(), os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="paymentapp-bench-") as folder,
        Processes(Path(folder)) as processes,
        ExitStack() as stack,
    ):
        sections = _measure(Path(folder), processes, stack, options)
    took = time.monotonic() - begin
    report.write(sections, seconds=took, busy=busy, quick=options.quick, path=options.output)
    say(f"written to {options.output}")
    return 1 if any(section.failed for section in sections) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.run",
        description="Measures the service, and writes the results to bench/RESULTS.md.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run of about a minute")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, default=MEASURES, help="which measures to take"
    )
    parser.add_argument(
        "--engine", nargs="+", choices=ENGINES, default=list(ENGINES), help="on which engines"
    )
    parser.add_argument(
        "--output", type=Path, default=report.RESULTS, help="where the results go (%(default)s)"
    )
    return parser.parse_args()


def _stop(*_: object) -> NoReturn:
    raise SystemExit(1)


def _measure(
    directory: Path, processes: Processes, stack: ExitStack, options: argparse.Namespace
) -> list[Section]:
    engines = [ENGINES[name] for name in options.engine]
    starts = {
        "DynamoDB": partial(dynamodb_local.start, processes),
        "PostgreSQL": partial(postgresql.start, stack),
    }
    missing = {engine: _start(engine, starts[engine]) for engine in engines if engine in starts}
    sections = []
    for name in MEASURES:
        if name not in options.only:
            continue
        if name in {"listing", "metrics", "webhooks"}:
            if "SQLite" in engines:
                sections.append(_try(*_on_sqlite(name, directory, options.quick)))
            continue
        if name == "footprint":
            there = [engine for engine in engines if not missing.get(engine)]
            there = [engine for engine in there if engine != "PostgreSQL"]
            sections.append(_try("Memory and start", _footprint(directory, there, options.quick)))
            continue
        for engine in engines:
            if not _is_measured(name, engine):
                continue
            title, step = _step(name, directory, engine, options.quick)
            if missing.get(engine):
                sections.append(Section(title, "", skipped=missing[engine]))
            else:
                sections.append(_try(title, step))
    return sections


def _is_measured(name: str, engine: str) -> bool:
    return name in ON_POSTGRESQL if engine == "PostgreSQL" else name != "sites"


def _step(
    name: str, directory: Path, engine: str, quick: bool
) -> tuple[str, Callable[[], Section]]:
    if name == "accept":
        plan = accept.Plan(1, 1, 1) if quick else accept.Plan(5, 3, 3)
        return f"Accepting payments: {engine}", partial(accept.measure, directory, engine, plan)
    if name == "sites":
        machines = sites.Plan(1, 1, 1) if quick else sites.Plan(5, 4, 2)
        return f"Two machines: {engine}", partial(sites.measure, directory, machines)
    if name == "limits":
        payments = 1_000 if engine == "SQLite" else 150
        plan_of_limits = limits.Plan(100, 1, 1) if quick else limits.Plan(payments, 5, 6)
        return f"Limits: {engine}", partial(limits.measure, directory, engine, plan_of_limits)
    if name == "slow":
        rounds = 3 if engine == "SQLite" else 2
        slow = slow_provider.Plan(1, 1, 0.2) if quick else slow_provider.Plan(rounds, 14, 2)
        title = f"Latency over a slow provider: {engine}"
        return title, partial(slow_provider.measure, directory, engine, slow)
    count = 500 if quick else 10_000
    return f"Submitting payments: {engine}", partial(submit.measure, directory, engine, count)


def _on_sqlite(name: str, directory: Path, quick: bool) -> tuple[str, Callable[[], Section]]:
    """Return a measurement that is taken on SQLite alone."""
    if name == "listing":
        count = 20_000 if quick else 1_000_000
        return "Listing payments: SQLite", partial(listing.measure, directory, count)
    if name == "metrics":
        switched = metrics.Plan(50, 1) if quick else metrics.Plan(300, 15)
        return "Metrics: SQLite", partial(metrics.measure, directory, switched)
    plan = webhooks.Plan(200, 1, 1, 1, 0.2) if quick else webhooks.Plan(4_000, 5, 15, 3, 2)
    return "Webhooks: SQLite", partial(webhooks.measure, directory, plan)


def _footprint(directory: Path, engines: list[str], quick: bool) -> Callable[[], Section]:
    plan = footprint.Plan(100, 1) if quick else footprint.Plan(1_000, 9)
    return partial(footprint.measure, directory, engines, plan)


def _start(engine: str, start: Callable[[], None]) -> str:
    """Start the server of an engine; return what is missing if it cannot be started."""
    try:
        start()
    except Failed as failure:
        say(f"{engine} is skipped: {failure}")
        return str(failure)
    return ""


def _try(title: str, step: Callable[[], Section]) -> Section:
    """Take a measurement; a failure does not affect the others."""
    try:
        return step()
    except Exception as error:
        say(f"  failed: {type(error).__name__}: {error}")
        return Section(title, "", failed=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())
