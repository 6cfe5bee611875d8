"""Benchmark of metrics: the CPU time of an accepted payment with them, beside that without."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import uuid4

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench.load import order
from bench.report import Finding, Section
from bench.say import say
from bench.stores import NOBODY, Place, new_place, prepare
from paymentapp import create_app
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.metrics import open_metrics, processes

SCRAPES = 20
METHOD = """\
The CPU time of `POST /v1/api/payment` in this process, from the WSGI call to its answer and with
the write that stores it, by one thread, with a new idempotency key each: the median of {rounds}
rounds of {payments} payments, with `PAYMENTAPP_METRICS=on` and off in turns. The metrics are in
files, as under gunicorn. A scrape is one of a single process that has accepted these payments."""


class Plan(NamedTuple):
    """How much to measure."""

    payments: int
    rounds: int


class Served(NamedTuple):
    """The service in this process."""

    services: Services
    app: Flask


def measure(directory: Path, plan: Plan) -> Section:
    """Compare the API with metrics and the API without, on SQLite."""
    say("metrics on SQLite")
    folder = processes.make_folder()  # before the library is imported
    served = {name: _served(new_place(directory, "SQLite", name), name) for name in ("off", "on")}
    try:
        taken = _take(served, plan)
        scrapes = [_timed(served["on"].services.metrics.expose) for _ in range(SCRAPES)]
    finally:
        for each in served.values():
            each.services.close()
        if folder is not None:
            processes.remove_folder(folder)
    ratio = median(on / off for on, off in zip(taken["on"], taken["off"], strict=True))
    more = median(on - off for on, off in zip(taken["on"], taken["off"], strict=True))
    say(
        f"  with / without: {ratio:.3f}, {more * 1e6:.0f} µs more; a scrape {median(scrapes):.4f} s"
    )
    return Section(
        "Metrics: SQLite",
        METHOD.format(rounds=plan.rounds, payments=plan.payments),
        [
            Finding("CPU time of a payment with metrics / without", f"{ratio:.2f}"),
            Finding("more CPU time of a payment with metrics", f"{more * 1e6:.0f} µs"),
            Finding("CPU time of a payment without", f"{median(taken['off']) * 1e6:.0f} µs"),
            Finding("CPU time of a scrape", f"{median(scrapes) * 1000:.1f} ms"),
        ],
    )


def _served(place: Place, switch: str) -> Served:
    prepare(place)
    own = {
        "PAYMENTAPP_AUTH": "off",
        "PAYMENTAPP_METRICS": switch,
        "PAYPAL_BASE_URL": NOBODY,
        "PAYPAL_CLIENT_ID": "bench",
        "PAYPAL_CLIENT_SECRET": "bench",
    }
    settings = load_settings(os.environ | place.settings() | own)
    services = build_services(settings, metrics=open_metrics(settings))
    return Served(services, create_app(services))


def _take(served: dict[str, Served], plan: Plan) -> dict[str, list[float]]:
    """Return the seconds of CPU of a payment in each round; the first one does not count."""
    taken: dict[str, list[float]] = {name: [] for name in served}
    for number in range(plan.rounds + 1):
        for name in sorted(served, reverse=number % 2 == 0):
            environs = [_environ(each) for each in range(plan.payments)]
            seconds = _timed(partial(_pay, served[name].app, environs))
            if number:
                taken[name].append(seconds / plan.payments)
    return taken


def _environ(number: int) -> dict[str, Any]:
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    builder = EnvironBuilder(
        "/v1/api/payment",
        method="POST",
        headers=list(headers.items()),
        input_stream=BytesIO(order(number)),
        content_length=len(order(number)),
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    )
    return builder.get_environ()


def _pay(app: Flask, environs: Iterable[dict[str, Any]]) -> None:
    statuses = {run_wsgi_app(app, environ, buffered=True)[1] for environ in environs}
    assert statuses == {"202 ACCEPTED"}, statuses


def _timed(step: Callable[[], object]) -> float:
    begin = time.process_time()
    step()
    return time.process_time() - begin
