"""Benchmark of a store that is years old: `python -m bench.history`, or `make bench-large`.

A store is filled with payments, and takes turns with an empty one: it accepts payments, lists and
finds them. The empty one has the customers, and as many payments as an answer holds.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, redirect_stdout
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple, NoReturn

from bench import postgresql, report
from bench.filling import History, fill
from bench.filling_postgresql import fill_postgresql
from bench.operations import PAGE, Run, Side, operations
from bench.postgresql import PostgreSQLPlace
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.stores import new_place, open_services
from bench.wsgi_requests import WSGIRequests
from paymentapp import create_app

RESULTS = {
    "SQLite": report.ROOT / "bench" / "RESULTS-LARGE.md",
    "PostgreSQL": report.ROOT / "bench" / "RESULTS-LARGE-POSTGRESQL.md",
}
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PAYMENTS = 10_000_000
CUSTOMERS = 20_000
GOAL = 0.95
# Of a payment with its entries; PostgreSQL's with its log. Measured with a million.
BYTES_EACH = {"SQLite": 1_800, "PostgreSQL": 3_500}
FILLED_A_SECOND = {"SQLite": 10_000, "PostgreSQL": 8_000}  # measured on two cores that were busy
MEASURING_SECONDS = 120
SPARE_BYTES = 2**30
METHOD = """\
{count:,} settled payments of the last 30 days ({size:.1f} GB, of {customers:,} customers and 50
clients), each with the record of its key and the event of its acceptance. They are inserted by the
{how}. An empty store
takes turns with it in the same process, {rounds} rounds of each: it has the same customers, and the
newest {page} payments of one of them, so that both give answers of one size. The filled store is
asked for customers and payments at random, and its pages may be anywhere in the file. Time and CPU
of a call of the services, or of a request to the API by WSGI, without a server: the median of the
rounds. The ratio is empty / filled."""
HOW = {
    "SQLite": "store's own statements, all indexes there from the start, but in large transactions",
    "PostgreSQL": "server's `COPY`, all indexes there from the start; both are databases of one\n"
    "server, whose cache (`shared_buffers`) is a quarter of the memory, as its manual advises",
}
WHY = {
    "SQLite": """\
a filled store has more pages than SQLite's cache of 2 MB holds. Those that a call needs are read
from the file, if only from the system's cache, as the numbers of reads show; the payments of an
empty store are in SQLite's cache as a whole.""",
    "PostgreSQL": """\
a filled store has indexes that are one or two levels deeper, and more pages than the server's
cache holds. Those that a call needs are read from the system's cache or from disk; those of an
empty store stay in the server's.""",
}


class Plan(NamedTuple):
    """How many payments are there, and how long it is measured."""

    payments: int = PAYMENTS
    rounds: int = 25
    calls: int = 200  # of each operation in a round
    engine: str = "SQLite"

    @property
    def customers(self) -> int:
        """Return how many customers there are: each has a page of payments at least."""
        return max(1, min(CUSTOMERS, self.payments // (2 * PAGE)))


class Cost(NamedTuple):
    """What a call takes, in microseconds, and how often it reads from files."""

    wall: float
    cpu: float
    reads: float  # 0 where the system does not count them


def main() -> int:
    """Fill a store, measure, and write the results; return 1 if that was not possible."""
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    plan = Plan(options.payments, engine=ENGINES[options.engine])
    output = options.output or RESULTS[plan.engine]
    begin, busy = time.monotonic(), os.getloadavg()[0]
    try:
        with (
            redirect_stdout(sys.stderr),
            tempfile.TemporaryDirectory(prefix="paymentapp-bench-", dir=options.directory) as name,
            ExitStack() as stack,
        ):
            if plan.engine == "PostgreSQL":
                postgresql.start(stack, **_server_settings())
            check_room(Path(name), plan)
            section = measure(Path(name), plan)
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    write(section, output, seconds=time.monotonic() - begin, busy=busy)
    print(f"written to {output}")
    return 0


def _server_settings() -> dict[str, str]:
    """Return the settings of a server for many payments.

    A cache of a quarter of the memory: postgresql.org/docs/current/runtime-config-resource.html.
    Few checkpoints: each has all pages that change after it written to the log as a whole.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "shared_buffers": f"{memory // 4 // 2**20}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "30min",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument(
        "--payments", type=int, default=PAYMENTS, help="in the filled store (%(default)s)"
    )
    parser.add_argument(
        "--directory", type=Path, default=tempfile.gettempdir(), help="where it is (%(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, help="where the results go (bench/RESULTS-LARGE*.md)"
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="sqlite", help="the store (%(default)s)"
    )
    return parser.parse_args()


def _stop(*_: object) -> NoReturn:
    raise SystemExit(1)


def check_room(directory: Path, plan: Plan) -> None:
    """Say how much disk and time a run takes. Raises Failed where the disk has too little room."""
    needed = plan.payments * BYTES_EACH[plan.engine] + SPARE_BYTES
    free = shutil.disk_usage(directory).free
    minutes = (plan.payments / FILLED_A_SECOND[plan.engine] + MEASURING_SECONDS) / 60
    say(
        f"{plan.payments:,} payments take {needed / 1e9:.1f} GB in {directory} ({free / 1e9:.1f} GB"
        f" are free) and about {minutes:.0f} minutes"
    )
    if free < needed:
        raise Failed(f"the disk has too little room: {free / 1e9:.1f} of {needed / 1e9:.1f} GB")


def measure(directory: Path, plan: Plan) -> Section:
    """Fill a store, and measure it and an empty one in turns."""
    history = History.of(plan.payments, plan.customers)
    first = history.newest_of_first(PAGE)
    filled, size = _side(directory, "filled", history, range(plan.payments), plan.engine)
    empty, _ = _side(directory, "empty", history, first, plan.engine)
    with closing(empty.services.store), closing(filled.services.store):
        section = Section(
            f"A store of many payments: {plan.engine}",
            METHOD.format(
                count=plan.payments,
                size=size / 1e9,
                how=HOW[plan.engine],
                customers=plan.customers,
                rounds=plan.rounds,
                page=len(first),
            ),
            columns=("", "round", "store", "time", "CPU", "reads"),
            why=WHY[plan.engine],
        )
        for name, run in operations(len(first)).items():
            _compare(section, name, run, (empty, filled), plan)
    return section


def _side(
    directory: Path, name: str, history: History, numbers: Sequence[int], engine: str
) -> tuple[Side, int]:
    """Create a store and fill it with some payments of a history; return its bytes too."""
    settings = {"PAYMENTAPP_AUTH": "off", "PAYMENTAPP_DISPATCHER": "off"}
    place = new_place(directory, engine, name)
    services = open_services(place, settings)
    services.store.create_tables()
    progress = partial(_progress, name, len(numbers))
    if isinstance(place, PostgreSQLPlace):
        fill_postgresql(place.url, history, numbers, progress)
        size = place.size()
    else:
        fill(directory / f"{name}.db", history, numbers, progress)
        size = (directory / f"{name}.db").stat().st_size
    api = WSGIRequests(create_app(services))
    return Side(services, api, history, numbers, random.Random(1)), size


def _progress(name: str, count: int, done: int) -> None:
    if done % 500_000 == 0 or done == count:
        say(f"{name}: {done:,} of {count:,} payments")


def _compare(section: Section, name: str, run: Run, sides: Sequence[Side], plan: Plan) -> None:
    """Measure both stores in turns, after a round that does not count."""
    costs: list[list[Cost]] = [[], []]
    for number in range(plan.rounds + 1):
        for side, found in zip(sides, costs, strict=True):
            found.append(_cost(run, side, plan.calls))
            shown = "empty" if side is sides[0] else "filled"
            if number:
                section.rows.append((name, str(number), shown, *_texts(found[-1])))
    empty, filled = (found[1:] for found in costs)
    for kind in ("wall", "cpu"):
        before, now = (median(getattr(cost, kind) for cost in found) for found in (empty, filled))
        ratio, label = before / now, {"wall": "time", "cpu": "CPU"}[kind]
        say(f"  {name}, {label}: {_shown(before)} and {_shown(now)}, {ratio:.2f}")
        section.findings += [
            Finding(f"{name}: {label}, empty / filled", f"{_shown(before)} / {_shown(now)}"),
            Finding("… ratio", f"{ratio:.2f}", f"≥ {GOAL}", ratio >= GOAL),
        ]
    reads = " / ".join(f"{median(cost.reads for cost in found):.1f}" for found in (empty, filled))
    section.findings.append(Finding(f"{name}: reads from files, empty / filled", reads))


def _cost(run: Run, side: Side, calls: int) -> Cost:
    begin = time.perf_counter(), time.process_time(), _reads()
    run(side, calls)
    wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    return Cost(wall / calls * 1e6, cpu / calls * 1e6, (_reads() - begin[2]) / calls)


def _reads() -> int:
    """Return how often this process has read from a file, if the system counts it."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["syscr"])


def _texts(cost: Cost) -> tuple[str, str, str]:
    return _shown(cost.wall), _shown(cost.cpu), f"{cost.reads:.1f}"


def _shown(microseconds: float) -> str:
    return f"{microseconds:.0f} µs"


def write(section: Section, path: Path, *, seconds: float, busy: float) -> None:
    """Write the results; `busy` is the machine's load average before the start."""
    lines = [
        "# Results of `make bench-large`",
        "",
        "Both stores are on one disk and in one process: ratios count, not times. What was filled",
        "last is in the system's cache of files, as far as the memory holds it.",
        "",
        *report.table(("", ""), [*report.machine(busy), ("took", f"{seconds:.0f} s")]),
        "",
        section.markdown(),
    ]
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
