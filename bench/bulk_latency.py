"""Latency of single requests while a bulk run is worked off: `python -m bench.bulk_latency`.

Sends `POST /v1/api/payment` at a fixed rate to the API under gunicorn, on two workers with their
dispatchers, over SQLite on disk or DynamoDB: for some seconds on an idle service, then while a run
of `--rows` payments is worked off, each round on a new service. The rows are scheduled for the next
day, so that what is measured is the run alone; with `--sent` its payments are sent meanwhile.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.load import CUSTOMERS, Steady
from bench.processes import Processes
from bench.servers import Server, get_json, start_api, start_simulator
from bench.stores import new_place, prepare
from paymentapp.clock import to_text, utc_now

HEADER = "customer_id,email,amount,currency,scheduled_at\n"


def main() -> None:
    """Measure, and print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=8.0, help="on the idle service")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=["SQLite", "DynamoDB"], default="SQLite")
    parser.add_argument("--sent", action="store_true", help="send the payments meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            measure(Path(folder), number, options)


def measure(folder: Path, number: int, options: argparse.Namespace) -> None:
    """Measure on a new service."""
    with Processes(folder) as processes:
        place = new_place(folder, options.engine, f"bulk{number}")
        prepare(place)
        paypal = start_simulator(processes, f"bulk{number}-paypal")
        server = start_api(processes, f"bulk{number}", place, paypal=paypal)
        Steady(server.port, "warm-up", options.rate, 2).run()
        idle = Steady(server.port, "idle", options.rate, options.seconds).run()
        busy, took = while_worked_off(server, options)
        for each in (server, paypal):
            processes.stop(each.child, at_once=True)
    print(f"idle: {shown(idle)}; {options.rows:,} rows in {took:.1f} s: {shown(busy)}", flush=True)


def while_worked_off(server: Server, options: argparse.Namespace) -> tuple[list[float], float]:
    """Return the latencies while a run is worked off, and how many seconds that took."""
    found: list[float] = []
    run = post(
        server,
        "/v1/api/bulk?mode=each",
        table(options.rows, scheduled=not options.sent),
        "text/csv",
    )
    path = f"{server.url}/v1/api/bulk/{run['bulk_id']}"
    begun, ended = time.monotonic(), threading.Event()
    took: list[float] = []

    def watch() -> None:
        while get_json(path)["completed_at"] is None:
            time.sleep(0.2)
        took.append(time.monotonic() - begun)
        ended.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    part = 0
    while not ended.is_set():
        found += Steady(server.port, f"busy-{part}", options.rate, 1).run()
        part += 1
    watcher.join()
    return found, took[0]


def table(rows: int, *, scheduled: bool = False) -> bytes:
    """Return a file that pays the customers that the bench has registered."""
    at = to_text(utc_now() + timedelta(days=1)) if scheduled else ""
    lines = (
        f"bench{n % CUSTOMERS},bench{n % CUSTOMERS}@example.com,{1 + n % 1000}.50,USD,{at}\n"
        for n in range(rows)
    )
    return (HEADER + "".join(lines)).encode()


def post(server: Server, path: str, body: bytes, content_type: str = "application/json") -> Any:
    """Post a body; return the decoded answer."""
    request = urllib.request.Request(  # our own server
        server.url + path, body, {"Content-Type": content_type}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def shown(latencies: list[float]) -> str:
    """Return the percentiles of latencies in milliseconds."""
    points = quantiles(latencies, n=100, method="inclusive")
    return f"p50 {points[49]:.1f} ms, p99 {points[98]:.1f} ms, longest {max(latencies):.0f} ms"


if __name__ == "__main__":
    main()
