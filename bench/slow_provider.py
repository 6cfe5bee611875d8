"""Latency of POST at a fixed rate while the provider is slow."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from bench.load import Steady
from bench.processes import Processes
from bench.report import Finding, Section
from bench.say import say
from bench.servers import start_api, start_simulator
from bench.stores import new_place, prepare

RATE = 50.0  # requests a second
SLOW = 10.0  # seconds a call
TARGET = 1.2

METHOD = """\
`POST /v1/api/payment` at {rate:g} requests a second, whatever becomes of earlier ones, on two
gunicorn workers with their dispatchers. Every call of the PayPal simulator takes 0 s or {slow:g} s,
in turns, each round on a new service with an empty store. A latency counts from the time at which
the request was to leave; the median of the rounds' p99 is compared."""


class Plan(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: float
    warm_up: float


@dataclass
class Rounds:
    """The measurements with one provider."""

    latency: float
    samples: list[list[float]] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        return median(_percentile(sample, percent) for sample in self.samples)


def measure(directory: Path, engine: str, plan: Plan) -> Section:
    """Compare the latency with a slow provider with that with a fast one."""
    say(f"latency over a slow provider, on {engine}")
    fast, slow = Rounds(0), Rounds(SLOW)
    for number in range(plan.rounds):
        for side in (fast, slow) if number % 2 else (slow, fast):
            side.samples.append(_round(directory, engine, number, side.latency, plan))
            p99 = _percentile(side.samples[-1], 99)
            say(f"  provider {side.latency:g} s: p99 {p99:.1f} ms")
    ratio = slow.percentile(99) / fast.percentile(99)
    return Section(
        f"Latency over a slow provider: {engine}",
        METHOD.format(rate=RATE, slow=SLOW),
        [
            Finding(
                f"p99 at {SLOW:g} s / p99 at 0 s", f"{ratio:.2f}", f"≤ {TARGET}", ratio <= TARGET
            ),
            Finding(f"p99 at {SLOW:g} s a provider call", f"{slow.percentile(99):.1f} ms"),
            Finding("p99 at 0 s a provider call", f"{fast.percentile(99):.1f} ms"),
        ],
        ("provider call", "requests", "p50 ms", "p99 ms", "longest ms"),
        [
            (
                f"{side.latency:g} s",
                str(len(sample)),
                f"{_percentile(sample, 50):.1f}",
                f"{_percentile(sample, 99):.1f}",
                f"{max(sample):.1f}",
            )
            for side in (fast, slow)
            for sample in side.samples
        ],
    )


def _round(directory: Path, engine: str, number: int, latency: float, plan: Plan) -> list[float]:
    name = f"slow{number}-{latency:g}"
    with Processes(directory) as processes:
        place = new_place(directory, engine, name)
        prepare(place)
        paypal = start_simulator(processes, f"{name}-paypal", latency=latency)
        server = start_api(processes, name, place, paypal=paypal)
        Steady(server.port, "warm-up", RATE, plan.warm_up).run()
        latencies = Steady(server.port, "measured", RATE, plan.seconds).run()
        for each in (server, paypal):
            processes.stop(each.child, at_once=True)
    return latencies


def _percentile(sample: list[float], percent: int) -> float:
    return quantiles(sample, n=100, method="inclusive")[percent - 1]
