"""How many payments the API accepts a second, beside a bare Flask view with the same storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.load import CONNECTIONS, Load, flood
from bench.processes import Processes
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.servers import Server, start_api, start_bare, start_simulator
from bench.stores import (
    DynamoDBPlace,
    Place,
    SQLitePlace,
    count_sqlite,
    prepare,
    prepare_bare_sqlite,
)

METHOD = """\
`POST /v1/api/payment`, every request under a new `Idempotency-Key`, from wrk on {connections}
connections, against two gunicorn gthread workers of 16 threads. The bare view reads the customer,
writes the claim and writes the payment by hand ({by_hand}); it checks nothing but the e-mail. The
dispatcher is off on both sides, so that both do the same work; then it is on, inside the workers
and with the PayPal simulator on the same cores, while the bare view still pays nobody. Every answer
was a 2xx, and the payments were counted in the store."""

BY_HAND = {
    "SQLite": "a connection a thread, WAL, full sync, a commit a write",
    "DynamoDB": "one boto3 client, `get_item` and two conditional `put_item`",
}
TARGETS = {"SQLite": 1.0, "DynamoDB": 0.9}


class Plan(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: float


@dataclass
class Side:
    """One of the servers that are compared, and what it has done."""

    name: str
    count: Callable[[], int]
    server: Server
    rounds: list[Load] = field(default_factory=list)
    warm: int = 0
    floods: int = 0

    def run(self, seconds: float, *, warm_up: bool = False) -> None:
        self.floods += 1
        load = flood(self.server.port, f"{self.name}-{self.floods}", seconds)
        if warm_up:
            self.warm += load.answers
        else:
            self.rounds.append(load)
            say(f"  {self.name}: {load.rate:.0f}/s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms")

    @property
    def rate(self) -> float:
        return median(load.rate for load in self.rounds)

    def check(self) -> int:
        """The rows in the store; what wrk left unanswered at the end of a round may be there."""
        answered = self.warm + sum(load.answers for load in self.rounds)
        rows = self.count()
        if not answered <= rows <= answered + self.floods * CONNECTIONS:
            raise Failed(f"{self.name}: {answered} payments were accepted, {rows} are stored")
        return rows


def measure(directory: Path, engine: str, plan: Plan) -> Section:
    """Compare the API with the bare view on one engine."""
    say(f"accepting payments on {engine}")
    with Processes(directory) as processes:
        bare = _start_bare(processes, engine)
        api = _start_api(processes, engine)
        for side in (bare, api):
            side.run(1, warm_up=True)
        for number in range(plan.rounds):
            for side in (bare, api) if number % 2 else (api, bare):
                side.run(plan.seconds)
        processes.stop(api.server.child)
        bare_again = Side("bare again", bare.count, bare.server)
        whole = Side("api and dispatcher", lambda: 0, api.server)
        for number in range(max(1, plan.rounds // 2)):
            whole.rounds += _measure_whole(processes, engine, number, plan)
            bare_again.run(plan.seconds)
        api.check()
    return _report(engine, bare, api, bare_again, whole)


def _start_api(processes: Processes, engine: str) -> Side:
    place = _place(processes.directory, engine, "api")
    prepare(place)
    return Side("api", place.count, start_api(processes, "api", place))


def _start_bare(processes: Processes, engine: str) -> Side:
    if engine == "SQLite":
        path = processes.directory / "bare.db"
        prepare_bare_sqlite(path)
        server = start_bare(processes, "bare", "sqlite_app", {"BARE_DATABASE": str(path)})
        return Side("bare", lambda: count_sqlite(path, "payments"), server)
    place = DynamoDBPlace("bare")
    prepare(place)
    server = start_bare(processes, "bare", "dynamodb_app", {"BARE_TABLE_PREFIX": place.prefix})
    return Side("bare", place.count, server)


def _place(directory: Path, engine: str, name: str) -> Place:
    return SQLitePlace(directory, name) if engine == "SQLite" else DynamoDBPlace(name)


def _measure_whole(processes: Processes, engine: str, number: int, plan: Plan) -> list[Load]:
    """One round with the dispatcher in the workers, on a service of its own that ends with it,
    so that what it has still to dispatch disturbs nobody."""
    place = _place(processes.directory, engine, f"whole{number}")
    prepare(place)
    paypal = start_simulator(processes, f"paypal{number}")
    server = start_api(processes, f"whole{number}", place, paypal=paypal)
    side = Side("api and dispatcher", place.count, server)
    side.run(1, warm_up=True)
    side.run(plan.seconds)
    for each in (server, paypal):
        processes.stop(each.child, at_once=True)
    side.check()
    return side.rounds


def _report(engine: str, bare: Side, api: Side, bare_again: Side, whole: Side) -> Section:
    target = TARGETS[engine]
    ratio, whole_ratio = api.rate / bare.rate, whole.rate / bare_again.rate
    say(f"  API / bare view: {ratio:.2f}; with dispatcher: {whole_ratio:.2f}")
    return Section(
        f"Accepting payments: {engine}",
        METHOD.format(connections=CONNECTIONS, by_hand=BY_HAND[engine]),
        [
            Finding("API / bare view", f"{ratio:.2f}", f"≥ {target}", ratio >= target),
            Finding("API, payments a second", f"{api.rate:.0f}"),
            Finding("bare view, payments a second", f"{bare.rate:.0f}"),
            Finding("API with dispatcher and simulator / bare view", f"{whole_ratio:.2f}"),
            Finding("API with dispatcher, payments a second", f"{whole.rate:.0f}"),
        ],
        ("", "answers", "per second", "p50 ms", "p99 ms"),
        [
            (
                side.name,
                str(load.answers),
                f"{load.rate:.0f}",
                f"{load.p50:.1f}",
                f"{load.p99:.1f}",
            )
            for side in (bare, api, bare_again, whole)
            for load in side.rounds
        ],
    )
