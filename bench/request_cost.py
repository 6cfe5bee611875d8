"""CPU time of a request for a payment, without a server: `python -m bench.request_cost`.

Requests go to the application one after the other, by WSGI, over SQLite in a folder of memory: so
what is left out is gunicorn, the disk, and threads that wait for each other. The bare view takes
turns with it. CPU time is that of all threads; the lowest of many rounds is what the code takes,
whatever else the machine does.
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
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from flask import Flask

from bench.bare_app import sqlite_app
from bench.load import order
from bench.stores import SQLitePlace, open_services, prepare, prepare_bare_sqlite
from paymentapp import create_app
from paymentapp.bootstrap import Services
from paymentapp.server import start_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = 200  # in a round
MEMORY = Path("/dev/shm")  # each run makes a folder of its own there


def main() -> None:
    """Measure both sides in turns, or profile the API's."""
    options = _options()
    with _apps() as (api, bare):
        for app in (api, bare):
            _send(app, "warm", REQUESTS)
        if options.profile:
            _profile(lambda: _send(api, "profile", options.rounds * REQUESTS), options.profile)
            return
        rounds: dict[str, list[float]] = {"API": [], "bare view": []}
        for number in range(options.rounds):
            for name, app in (("API", api), ("bare view", bare)):
                begun_at = time.process_time()
                _send(app, f"round{number}", REQUESTS)
                rounds[name].append((time.process_time() - begun_at) / REQUESTS * 1e6)
        for name, found in rounds.items():
            print(f"{name}: {min(found):.0f} microseconds of CPU each, median {median(found):.0f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.request_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="rounds of 200 (%(default)s)")
    parser.add_argument(
        "--profile", choices=("tottime", "cumtime"), help="list functions by their time instead"
    )
    return parser.parse_args()


@contextmanager
def _apps() -> Iterator[tuple[Flask, Flask]]:
    """Make the API and the bare view, each over a store of its own; log lines go nowhere."""
    parent = MEMORY if MEMORY.is_dir() else None
    os.environ |= {"PAYMENTAPP_AUTH": "off", "PAYMENTAPP_DISPATCHER": "off"}
    with (
        tempfile.TemporaryDirectory(dir=parent) as folder,
        Path(os.devnull).open("w") as nowhere,
    ):
        place = SQLitePlace(Path(folder), "api")
        prepare(place)
        prepare_bare_sqlite(Path(folder) / "bare.db")
        os.environ["BARE_DATABASE"] = str(Path(folder) / "bare.db")
        services: Services = open_services(place)
        errors, sys.stderr = sys.stderr, nowhere
        start_logging()
        sys.stderr = errors
        try:
            yield create_app(services), sqlite_app()
        finally:
            services.store.close()


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
