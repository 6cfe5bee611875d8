"""Two web machines' worth of processes against one database server, compared with one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.load import CONNECTIONS, flood, generator_name
from bench.postgresql import PostgreSQLPlace, server_cpu_seconds
from bench.processes import Processes
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.servers import Server, start_api
from bench.stores import prepare

TARGET = 1.8
CORES = 8  # from which on two machines' worth of processes do not compete for them
METHOD = """\
`POST /v1/api/payment` by {generator}, over {connections} connections for each of the machines: one,
and two at once, of two gunicorn workers each, in turns, over one database server and one database.
The dispatcher is off. This machine has {cores} cores, on which everything runs: {compared}."""
BY_RATE = "so the rates are compared"
BY_CPU = """\
so two machines cannot be twice as fast here, and what a payment costs is compared. The CPU time is
that of the workers and of the database server. Twice the cost with one machine / the cost with two
is how many times as much two machines with cores of their own do"""


class Plan(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: int
    warm_up: int


class Round(NamedTuple):
    """One round: payments a second, and milliseconds of CPU for each, by workers and server."""

    answers: int
    rate: float
    p99: float
    workers: float
    server: float

    @property
    def cpu(self) -> float:
        return self.workers + self.server


def measure(directory: Path, plan: Plan) -> Section:
    """Compare two machines' worth of processes with one."""
    say("two machines on one PostgreSQL server")
    place = PostgreSQLPlace("sites")
    prepare(place)
    one: list[Round] = []
    two: list[Round] = []
    with Processes(directory) as processes:
        servers = [start_api(processes, f"site{number}", place) for number in (1, 2)]
        _flood(servers, "warm-up", plan.warm_up)
        before = place.count()
        for number in range(plan.rounds):
            one.append(_flood(servers[:1], f"one-{number}", plan.seconds))
            two.append(_flood(servers, f"two-{number}", plan.seconds))
    accepted = sum(each.answers for each in one + two)
    if place.count() - before < accepted:
        raise Failed(f"{accepted} payments were accepted, {place.count() - before} are stored")
    return _report(one, two)


def _flood(servers: list[Server], run: str, seconds: int) -> Round:
    workers, server = _workers(servers), server_cpu_seconds()
    with ThreadPoolExecutor(len(servers)) as threads:
        loads = list(
            threads.map(lambda each: flood(each.port, f"{run}-{each.port}", seconds), servers)
        )
    answers = sum(load.answers for load in loads)
    found = Round(
        answers,
        sum(load.rate for load in loads),
        max(load.p99 for load in loads),
        (_workers(servers) - workers) / answers * 1000,
        (server_cpu_seconds() - server) / answers * 1000,
    )
    say(f"  {run}: {found.rate:.0f}/s, CPU {found.workers:.2f} + {found.server:.2f} ms each")
    return found


def _workers(servers: list[Server]) -> float:
    return sum(each.cpu_seconds() for each in servers)


def _report(one: list[Round], two: list[Round]) -> Section:
    cores = os.cpu_count() or 1
    by_rate = cores >= CORES
    rate = median(b.rate / a.rate for a, b in zip(one, two, strict=True))
    cost = median(2 * a.cpu / b.cpu for a, b in zip(one, two, strict=True))
    method = METHOD.format(
        generator=generator_name(),
        connections=CONNECTIONS,
        cores=cores,
        compared=BY_RATE if by_rate else BY_CPU,
    )
    compared = [("payments a second, two / one", rate), ("by CPU time, two / one", cost)]
    findings = [
        Finding(what, f"{ratio:.2f}", *((f"≥ {TARGET}", ratio >= TARGET) if is_goal else ()))
        for (what, ratio), is_goal in zip(compared, (by_rate, not by_rate), strict=True)
    ]
    findings += [
        Finding(
            f"CPU a payment, {name}",
            f"{median(each.workers for each in rounds):.2f} ms of the workers, "
            f"{median(each.server for each in rounds):.2f} ms of the server",
        )
        for name, rounds in (("one machine", one), ("two machines", two))
    ]
    rows: list[Sequence[str]] = [
        _row(name, each) for name, rounds in (("one", one), ("two", two)) for each in rounds
    ]
    columns = ("", "answers", "per second", "p99 ms", "workers' CPU ms", "server's CPU ms")
    return Section("Two machines: PostgreSQL", method, findings, columns, rows)


def _row(name: str, each: Round) -> tuple[str, ...]:
    numbers = (each.rate, each.p99, each.workers, each.server)
    return (name, str(each.answers), *(f"{number:.2f}" for number in numbers))
