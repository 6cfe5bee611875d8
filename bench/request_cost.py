"""CPU time of a request for a payment, without a server: `python -m bench.request_cost`.

Requests go to the application one after the other, by WSGI, over SQLite in a folder of memory, or
over the DynamoDB that AWS_ENDPOINT_URL_DYNAMODB names, or a PostgreSQL server of its own: so what
is left out is gunicorn, the disk, and threads that wait for each other. The bare view takes turns
with it. CPU time is that of all threads; the lowest of many rounds is what the code takes, whatever
else the machine does.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from flask import Flask

from bench import postgresql
from bench.bare_app import BARE_SETTINGS, dynamodb_app, postgresql_app, sqlite_app
from bench.load import order
from bench.postgresql import PostgreSQLPlace
from bench.stores import (
    DynamoDBPlace,
    Place,
    new_place,
    open_services,
    prepare,
    prepare_bare_sqlite,
)
from paymentapp import create_app
from paymentapp.bootstrap import Services
from paymentapp.server import start_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES = {"sqlite": "SQLite", "dynamodb": "DynamoDB", "postgresql": "PostgreSQL"}
REQUESTS = {"sqlite": 200, "dynamodb": 20, "postgresql": 100}  # in a round
MEMORY = Path("/dev/shm")  # each run makes a folder of its own there


def main() -> None:
    """Measure both sides in turns, or profile the API's."""
    options = _options()
    with _apps(options.engine) as (api, bare):
        count = REQUESTS[options.engine]
        for app in (api, bare):
            _send(app, "warm", count)
        if options.profile:
            _profile(lambda: _send(api, "profile", options.rounds * count), options.profile)
            return
        rounds: dict[str, list[float]] = {"API": [], "bare view": []}
        for number in range(options.rounds):
            for name, app in (("API", api), ("bare view", bare)):
                begun_at = time.process_time()
                _send(app, f"round{number}", count)
                rounds[name].append((time.process_time() - begun_at) / count * 1e6)
        for name, found in rounds.items():
            print(f"{name}: {min(found):.0f} microseconds of CPU each, median {median(found):.0f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.request_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="rounds (%(default)s)")
    parser.add_argument(
        "--engine", choices=ENGINES, default="sqlite", help="the store (%(default)s)"
    )
    parser.add_argument(
        "--profile", choices=("tottime", "cumtime"), help="list functions by their time instead"
    )
    return parser.parse_args()


@contextmanager
def _apps(engine: str) -> Iterator[tuple[Flask, Flask]]:
    """Make the API and the bare view, each over a store of its own; log lines go nowhere."""
    parent = MEMORY if MEMORY.is_dir() else None
    os.environ |= {"PAYMENTAPP_AUTH": "off", "PAYMENTAPP_DISPATCHER": "off"}
    with (
        ExitStack() as stack,
        tempfile.TemporaryDirectory(dir=parent) as folder,
        Path(os.devnull).open("w") as nowhere,
    ):
        if engine == "postgresql":
            postgresql.start(stack)
        place, bare = _places(Path(folder), engine)
        services: Services = open_services(place)
        errors, sys.stderr = sys.stderr, nowhere
        start_logging()
        sys.stderr = errors
        try:
            yield create_app(services), bare()
        finally:
            services.store.close()


def _places(folder: Path, engine: str) -> tuple[Place, Callable[[], Flask]]:
    """Return a store with customers for the API, and what makes the bare view over another."""
    place = new_place(folder, ENGINES[engine], f"cost{os.getpid()}")
    if engine == "sqlite":
        prepare_bare_sqlite(folder / "bare.db")
        os.environ["BARE_DATABASE"] = str(folder / "bare.db")
        prepare(place)
        return place, sqlite_app
    if engine == "postgresql":
        on_postgresql = PostgreSQLPlace("bare")
        os.environ["BARE_DATABASE"] = on_postgresql.url
        prepare(on_postgresql)
        prepare(place)
        return place, postgresql_app
    os.environ |= BARE_SETTINGS
    beside = DynamoDBPlace(f"bare{os.getpid()}")
    os.environ["BARE_TABLE_PREFIX"] = beside.prefix
    prepare(beside)
    prepare(place)
    return place, dynamodb_app


def _send(app: Flask, run: str, count: int) -> None:
    """Send requests, each under a key of its own. Raises AssertionError unless all are accepted."""
    statuses: set[str] = set()

    def start_response(status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
        statuses.add(status)
        return lambda _: None

    for number in range(count):
        body = order(number)
        answer = app.wsgi_app(_environ(body, f"{run}-{number}"), start_response)
        b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
    assert statuses == {"202 ACCEPTED"}, statuses


def _environ(body: bytes, key: str) -> dict[str, Any]:
    """Return what gunicorn passes on for a request."""
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/v1/api/payment",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_IDEMPOTENCY_KEY": f'"{key}"',
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _profile(run: Callable[[], object], order_by: str) -> None:
    """List the functions of the thread that serves the requests; the writer is a thread beside."""
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(run)
    pstats.Stats(profile).strip_dirs().sort_stats(order_by).print_stats(50)


if __name__ == "__main__":
    main()
