"""CPU time and memory of bulk runs: `python -m bench.bulk`, without a server, over SQLite.

For each mode takes in a file of `--rows` payments, works it off, and compares with as many requests
for one payment each, of which `--requests` are sent. CPU time is that of all threads; memory is the
most that the process has held, before the first file, after each intake and after each run. With
`--engine dynamodb` over the tables that AWS_ENDPOINT_URL_DYNAMODB leads to: give fewer rows.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from paymentapp import create_app
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.models.bulk import BulkMode
from paymentapp.storage.dynamodb import DynamoDBStore

CUSTOMERS = 1000
MEMORY = Path("/dev/shm")
HEADER = "customer_id,email,amount,currency,reference\n"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--engine", choices=["sqlite", "dynamodb"], default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder:
        environ = {"PAYMENTAPP_STORE": f"sqlite:///{folder}/bulk.db", "PAYMENTAPP_AUTH": "off"}
        prefix = f"bulk-{time.time_ns()}-"
        if options.engine == "dynamodb":
            environ |= {"PAYMENTAPP_STORE": "dynamodb", "PAYMENTAPP_TABLE_PREFIX": prefix}
        services = build_services(load_settings(environ))
        names = services.store.create_tables()
        for n in range(CUSTOMERS):
            services.customers.register(f"c{n}", f"c{n}@example.com", {})
        measure(services, create_app(services), options.rows, options.requests)
        if isinstance(services.store, DynamoDBStore):
            for name in names:
                services.store._client().delete_table(TableName=prefix + name)
        services.close()


def measure(services: Services, app: Flask, rows: int, requests: int) -> None:
    """Work off a file in each mode; send requests before, between and after, for the comparison."""
    names = iter("abc")
    single = cost_of_request(app, requests, next(names))
    print(f"memory: {memory()} MB")
    for mode in BulkMode:
        taken, worked = measure_mode(services, app, rows, mode)
        after = cost_of_request(app, requests, next(names))
        of = (single + after) / 2
        say(f"mode {mode}: a row taken in", taken, of)
        say(f"mode {mode}: a row worked off", worked, of)
        say(f"mode {mode}: both", taken + worked, of)
        single = after


def cost_of_request(app: Flask, requests: int, name: str) -> float:
    """Return the CPU seconds of a request for one payment."""
    single = cpu(lambda: send(app, requests, name)) / requests
    say("a request for one payment", single)
    return single


def measure_mode(services: Services, app: Flask, rows: int, mode: BulkMode) -> tuple[float, float]:
    """Take in a file and work it off; return the CPU seconds of a row, for both."""
    data = table(rows, mode)
    taken = cpu(lambda: post(app, f"/v1/api/bulk?mode={mode}", data, "text/csv", mode)) / rows
    print(f"{rows:,} rows, {len(data) / 1e6:.1f} MB: {memory()} MB of memory (the file is in it)")
    began = time.monotonic()
    worked = cpu(lambda: work_off(services)) / rows
    (run,) = services.bulk_runs.page(1).runs
    counts = f"run {run.status}, {run.accepted:,} accepted of {run.total:,}"
    print(f"{counts}, in {time.monotonic() - began:.0f} s: {memory()} MB of memory")
    return taken, worked


def work_off(services: Services) -> None:
    """Work off what is due: an earlier run may be due to be counted."""
    while services.bulk_runner.advance():
        pass


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds that all threads of the process take for some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def memory() -> int:
    """Return the most memory that the process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def say(what: str, seconds: float, of: float | None = None) -> None:
    share = f", {seconds / of:.2f} of a request" if of else ""
    print(f"{what}: {seconds * 1e6:.0f} microseconds of CPU{share}")


def table(rows: int, name: str) -> bytes:
    lines = (
        f"c{n % CUSTOMERS},c{n % CUSTOMERS}@example.com,{1 + n % 1000}.50,USD,{name}-{n}\n"
        for n in range(rows)
    )
    return (HEADER + "".join(lines)).encode()


def send(app: Flask, requests: int, name: str) -> None:
    for number in range(requests):
        request(app, number, name)


def request(app: Flask, number: int, name: str) -> None:
    body = {
        "customer_id": f"c{number % CUSTOMERS}",
        "email": f"c{number % CUSTOMERS}@example.com",
        "amount": 12.5,
        "currency": "USD",
        "reference": f"single-{name}-{number}",
    }
    post(app, "/v1/api/payment", json.dumps(body).encode(), "application/json", f"{name}{number}")


def post(app: Flask, path: str, body: bytes, content_type: str, key: str = "file") -> None:
    """Post a body by WSGI. Raises RuntimeError where it is not accepted."""
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_IDEMPOTENCY_KEY": key,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []

    def start(status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _: None

    text = b"".join(app(environ, start))
    if not statuses[0].startswith("202"):
        raise RuntimeError(f"{statuses[0]}: {text[:500]!r}")


if __name__ == "__main__":
    main()
