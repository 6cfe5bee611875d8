"""Benchmark of accepting payments, compared with a bare Flask view over the same storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.load import CONNECTIONS, Load, flood, generator_name
from bench.postgresql import PostgreSQLPlace
from bench.processes import Processes
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.servers import Server, start_api, start_bare, start_simulator
from bench.stores import (
    DynamoDBPlace,
    count_sqlite,
    new_place,
    prepare,
    prepare_bare_sqlite,
)

METHOD = """\
`POST /v1/api/payment`, every request under a new `Idempotency-Key`, against two gunicorn
workers of 16 threads; {generator} puts the load on, over {connections} connections. The bare view
reads the customer, writes the claim and writes the payment by hand
({by_hand});
it checks nothing but the e-mail. First the dispatcher is off, so that both sides do the same work.
Then it is on, inside the API's workers, with the PayPal simulator on the same cores, while the bare
view still pays nobody. Every answer was a 2xx, and the payments were counted in the store."""

BY_HAND = {
    "SQLite": "a connection a thread, WAL, full sync, a commit a write",
    "PostgreSQL": "a psycopg connection a thread, whose statements are prepared; one read of "
    "customer and claim, and one statement that writes claim, payment and event into the service's "
    "own tables",
    "DynamoDB": "one boto3 client with time-outs, `get_item` and two conditional `put_item`; the "
    "API's client also leaves out boto3's parameter validation and its long user agent",
}
WHY = {
    "SQLite": """\
the API checks headers and body against their models, logs the request, and hands the payment to
the process's writer thread, which the bare view does not. What it has in return is that waiting
threads share a commit, and that counts for more the longer a sync takes, and the more other
programs compete for the cores. See docs/performance.md.""",
    "PostgreSQL": """\
the API's waiting requests share a read and a write, so that the server does half as much for each
as for the bare view's. What it does besides costs more than that: it checks headers and body
against their models, applies its rules, writes the answer by its model and logs the request. See
docs/performance.md.
""".rstrip(),
    "DynamoDB": """\
nearly all of the time of both sides is botocore's. The API makes four calls a payment: besides the
bare view's three, one for the entry of the account's list, which announces the payment's event as
well. It saves a part of each call, which is less than the fourth takes. See docs/performance.md.
""".rstrip(),
}
TARGETS = {"SQLite": 1.2, "DynamoDB": 1.1, "PostgreSQL": 1.0}
CPU_TARGETS = {"SQLite": 0.95, "DynamoDB": 1.0}
P99_TARGETS = {"PostgreSQL": 1.1}
WHOLE_TARGETS = {"SQLite": 0.9}


class Plan(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: int  # wrk takes whole ones
    warm_up: int


class Round(NamedTuple):
    """One round: its load, and the workers' processor time in milliseconds a payment."""

    load: Load
    cpu: float


@dataclass
class Side:
    """One of the servers that are compared, and its rounds."""

    name: str
    count: Callable[[], int]
    server: Server
    rounds: list[Round] = field(default_factory=list)
    accepted: int = 0
    floods: int = 0

    def run(self, seconds: int, *, warm_up: bool = False) -> None:
        self.floods += 1
        before = self.server.cpu_seconds()
        load = flood(self.server.port, f"{self.name}-{self.floods}", seconds)
        cpu = (self.server.cpu_seconds() - before) / load.answers * 1000
        self.accepted += load.answers
        if not warm_up:
            self.rounds.append(Round(load, cpu))
            say(f"  {self.name}: {load.rate:.0f}/s, p99 {load.p99:.1f} ms, CPU {cpu:.2f} ms each")

    @property
    def rate(self) -> float:
        return median(each.load.rate for each in self.rounds)

    @property
    def cpu(self) -> float:
        return median(each.cpu for each in self.rounds)

    @property
    def p99(self) -> float:
        return median(each.load.p99 for each in self.rounds)

    def check(self) -> None:
        """Raise Failed unless the store holds what was accepted.

        Requests that were unanswered when a round ended may be there as well.
        """
        rows = self.count()
        if not self.accepted <= rows <= self.accepted + self.floods * CONNECTIONS:
            raise Failed(f"{self.name}: {self.accepted} payments were accepted, {rows} are stored")


def measure(directory: Path, engine: str, plan: Plan) -> Section:
    """Compare the API with the bare view on one engine."""
    say(f"accepting payments on {engine}")
    with Processes(directory) as processes:
        bare = _start_bare(processes, engine)
        api = _start_api(processes, engine)
        for side in (bare, api):
            side.run(plan.warm_up, warm_up=True)
        for number in range(plan.rounds):
            for side in (bare, api) if number % 2 else (api, bare):
                side.run(plan.seconds)
        processes.stop(api.server.child)
        whole = Side("API and dispatcher", lambda: 0, api.server)
        for number in range(max(1, plan.rounds // 2)):
            whole.rounds += _measure_whole(processes, engine, number, plan)
            bare.run(plan.seconds)
        for side in (bare, api):
            side.check()
    return _report(engine, plan.rounds, bare, api, whole)


def _start_api(processes: Processes, engine: str) -> Side:
    place = new_place(processes.directory, engine, "api")
    prepare(place)
    return Side("API", place.count, start_api(processes, "api", place))


def _start_bare(processes: Processes, engine: str) -> Side:
    if engine == "SQLite":
        path = processes.directory / "bare.db"
        prepare_bare_sqlite(path)
        server = start_bare(processes, "bare", "sqlite_app", {"BARE_DATABASE": str(path)})
        return Side("bare view", lambda: count_sqlite(path, "payments"), server)
    if engine == "PostgreSQL":
        bare = PostgreSQLPlace("bare")
        prepare(bare)
        server = start_bare(processes, "bare", "postgresql_app", {"BARE_DATABASE": bare.url})
        return Side("bare view", bare.count, server)
    place = DynamoDBPlace("bare")
    prepare(place)
    server = start_bare(processes, "bare", "dynamodb_app", {"BARE_TABLE_PREFIX": place.prefix})
    return Side("bare view", place.count, server)


def _measure_whole(processes: Processes, engine: str, number: int, plan: Plan) -> list[Round]:
    """Measure one round with the dispatcher in the workers.

    It runs on a service of its own that ends with it, so that its remaining dispatching disturbs no
    other round.
    """
    place = new_place(processes.directory, engine, f"whole{number}")
    prepare(place)
    paypal = start_simulator(processes, f"paypal{number}")
    server = start_api(processes, f"whole{number}", place, paypal=paypal)
    side = Side("API and dispatcher", place.count, server)
    side.run(plan.warm_up, warm_up=True)
    side.run(plan.seconds)
    for each in (server, paypal):
        processes.stop(each.child, at_once=True)
    side.check()
    return side.rounds


def _report(engine: str, alone: int, bare: Side, api: Side, whole: Side) -> Section:
    """Report the rounds.

    The first `alone` rounds of the bare view are compared with the API's, the rest with those with
    the dispatcher, each with its neighbour.
    """
    ratio, whole_ratio = _ratio(api, bare.rounds[:alone]), _ratio(whole, bare.rounds[alone:])
    cpu_ratio = bare.cpu / api.cpu
    say(f"  API / bare view: {ratio:.2f}; with dispatcher: {whole_ratio:.2f}")
    return Section(
        f"Accepting payments: {engine}",
        METHOD.format(generator=generator_name(), connections=CONNECTIONS, by_hand=BY_HAND[engine]),
        [
            _compared("API / bare view", ratio, TARGETS[engine]),
            _compared("CPU time of the bare view / of the API", cpu_ratio, CPU_TARGETS.get(engine)),
            _compared(
                "API with dispatcher and simulator / bare view",
                whole_ratio,
                WHOLE_TARGETS.get(engine),
            ),
            *_latency(engine, api, bare),
            *(
                Finding(side.name, f"{side.rate:.0f} a second, {side.cpu:.2f} ms of CPU each")
                for side in (bare, api, whole)
            ),
        ],
        ("", "answers", "per second", "p50 ms", "p99 ms", "CPU ms each"),
        [_row(side.name, each) for side in (bare, api, whole) for each in side.rounds],
        WHY[engine],
    )


def _compared(what: str, ratio: float, target: float | None) -> Finding:
    if target is None:
        return Finding(what, f"{ratio:.2f}")
    return Finding(what, f"{ratio:.2f}", f"≥ {target}", ratio >= target)


def _latency(engine: str, api: Side, bare: Side) -> list[Finding]:
    """Return how the latency of the API compares, where there is a target for it."""
    target = P99_TARGETS.get(engine)
    if target is None:
        return []
    ratio = api.p99 / bare.p99
    return [
        Finding("p99 of the API / of the bare view", f"{ratio:.2f}", f"≤ {target}", ratio <= target)
    ]


def _ratio(side: Side, bare: list[Round]) -> float:
    pairs = zip(side.rounds, bare, strict=True)
    return median(each.load.rate / other.load.rate for each, other in pairs)


def _row(name: str, each: Round) -> tuple[str, ...]:
    load = each.load
    numbers = (load.rate, load.p50, load.p99, each.cpu)
    return (name, str(load.answers), *(f"{number:.2f}" for number in numbers))
