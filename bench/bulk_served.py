"""CPU time of a bulk run beside requests as gunicorn serves them: `python -m bench.bulk_served`.

Without dispatchers. The requests come on 32 connections to two workers, whose CPU time is counted;
so is what the workers take for the upload of the file, and then that of a process that works the
run off. Nothing of those who send is counted.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.bulk import cpu, say, work_off
from bench.bulk_latency import post, table
from bench.load import flood
from bench.processes import Processes
from bench.servers import Server, service_settings, start_api
from bench.stores import Place, new_place, prepare
from paymentapp.bootstrap import build_services
from paymentapp.config import load_settings


def main() -> None:
    """Measure, and print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=10, help="of requests")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", choices=["SQLite", "DynamoDB"], default="SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            measure(Path(folder), f"bulk{number}", options)


def measure(folder: Path, name: str, options: argparse.Namespace) -> None:
    """Measure on a new store: requests before and after the run."""
    with Processes(folder) as processes:
        place = new_place(folder, options.engine, name)
        prepare(place)
        server = start_api(processes, name, place)
        flood(server.port, "warm-up", 2)
        before = cost_of_request(server, "before", options.seconds)
        began = server.cpu_seconds()
        post(server, "/v1/api/bulk?mode=each", table(options.rows), "text/csv")
        taken = (server.cpu_seconds() - began) / options.rows
        worked = cost_of_row(place, options.rows)
        single = (before + cost_of_request(server, "after", options.seconds)) / 2
        say("a row, taken in", taken, single)
        say("a row, worked off", worked, single)
        say("both", taken + worked, single)
        processes.stop(server.child, at_once=True)


def cost_of_request(server: Server, name: str, seconds: int) -> float:
    """Return the CPU seconds of the workers for a request."""
    began = server.cpu_seconds()
    load = flood(server.port, name, seconds)
    single = (server.cpu_seconds() - began) / load.answers
    say(f"a request for one payment, {load.rate:.0f} a second", single)
    return single


def cost_of_row(place: Place, rows: int) -> float:
    """Work off the run in this process; return its CPU seconds for a row."""
    services = build_services(load_settings(service_settings(place, None)))
    spent = cpu(lambda: work_off(services))
    (run,) = services.bulk_runs.page(1).runs
    services.close()
    if run.accepted != rows:
        raise RuntimeError(f"{run.accepted} of {rows} rows were accepted")
    return spent / rows


if __name__ == "__main__":
    main()
