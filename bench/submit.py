"""Submitting 10,000 waiting payments to PayPal: time, number of calls, each payment once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.bare_app import dynamodb_client
from bench.postgresql import PostgreSQLPlace, bare_updates
from bench.processes import PYTHON, START_SECONDS, Processes
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.servers import Server, get_json, service_settings, start_api, start_simulator
from bench.stores import DynamoDBPlace, Place, fill, new_place, open_services
from paymentapp.models.payments import PaymentKey
from paymentapp.worker import sweeper

FIRST_SHARD = "sweep#0000"
CALLS = 25
SQLITE_RATE = 1000
SHARE_OF_BARE = 0.5
BARE_THREADS = 4
LEDGER_PAGE = 15_000
PATIENCE = 180.0  # seconds

METHOD = """\
{count:,} payments were accepted while no dispatcher ran. Then one starts: `paymentapp worker`, or
two gunicorn workers, each on a copy of the same store. Time runs from its first look for due
payments until the PayPal simulator, on the same cores, has accepted the last one; the first batches
are followed meanwhile. Calls are those that submit: `POST /v1/payments/payouts` and
`POST /v1/oauth2/token`. In the simulator's ledger every payment stands once."""
BARE_METHOD = """

Bare conditional updates: {threads} threads {client},
on a copy of the same table; each stamps a payment as the dispatcher does."""
CLIENTS = {
    "DynamoDB": "with one boto3 client, `update_item` with a `ConditionExpression`",
    "PostgreSQL": "with a psycopg connection each, `UPDATE` by key and revision",
}


class Submitted(NamedTuple):
    """The result of one dispatcher."""

    how: str
    payments: int
    seconds: float
    calls: dict[str, int]

    @property
    def rate(self) -> float:
        return self.payments / self.seconds

    @property
    def submitting_calls(self) -> int:
        wanted = ("POST /v1/payments/payouts", "POST /v1/oauth2/token")
        return sum(self.calls.get(endpoint, 0) for endpoint in wanted)


def measure(directory: Path, engine: str, count: int) -> Section:
    """Submit the same waiting payments with a worker, and then with two web processes."""
    say(f"submitting {count:,} payments on {engine}")
    waiting = new_place(directory, engine, "waiting")
    keys = fill(waiting, count)
    say(f"  {waiting.count():,} payments wait")
    time.sleep(sweeper.GRACE.total_seconds())  # new ones are left to the process that accepted them
    bare = [_bare(waiting, "bare1", count // 4)] if engine in CLIENTS else []
    done = [
        _submit(directory, waiting.copy("submit1"), "paymentapp worker", _start_worker, keys),
        _submit(directory, waiting.copy("submit2"), "two gunicorn workers", _start_web, keys),
    ]
    if bare:
        bare.append(_bare(waiting, "bare2", count // 4))
    return _report(engine, count, done, bare)


def _submit(
    directory: Path,
    place: Place,
    how: str,
    start: Callable[[Processes, Place, Server], object],
    keys: list[PaymentKey],
) -> Submitted:
    with Processes(directory) as processes:
        paypal = start_simulator(processes, f"{how}-paypal")
        start(processes, place, paypal)
        begin = _first_look(place)
        _await_all(paypal, len(keys))
        seconds = time.time() - begin
        endpoints = get_json(f"{paypal.url}/_simulator/calls")["endpoints"]
        _check_ledger(paypal, keys)
    calls = {endpoint: counted["calls"] for endpoint, counted in endpoints.items()}
    submitted = Submitted(how, len(keys), seconds, calls)
    say(f"  {how}: {submitted.rate:.0f}/s in {submitted.submitting_calls} calls")
    return submitted


def _start_worker(processes: Processes, place: Place, paypal: Server) -> None:
    command = [PYTHON, "-m", "paymentapp", "worker"]
    processes.start("worker", command, service_settings(place, paypal))


def _start_web(processes: Processes, place: Place, paypal: Server) -> None:
    start_api(processes, "submit", place, paypal=paypal)


def _first_look(place: Place) -> float:
    """Return when a dispatcher took the lease on due payments, in seconds since 1970."""
    services = open_services(place)
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        lease = services.store.get_lease(FIRST_SHARD)
        if lease is not None:
            services.store.close()
            return (lease.until - sweeper.LEASE).timestamp()
        time.sleep(0.02)
    raise Failed("no dispatcher has looked for payments")


def _await_all(paypal: Server, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if get_json(f"{paypal.url}/_simulator/ledger?limit=1")["total"] >= count:
            return
        time.sleep(0.05)
    raise Failed(f"not all of {count} payments were submitted in {PATIENCE:g} s")


def _check_ledger(paypal: Server, keys: list[PaymentKey]) -> None:
    """Raise Failed unless the simulator has each payment, once, and nothing else."""
    items: list[Any] = []
    after = 0
    while after is not None:
        page = get_json(f"{paypal.url}/_simulator/ledger?limit={LEDGER_PAGE}&after={after}")
        items += page["items"]
        after = page["next"]
    paid = [item["sender_item_id"] for item in items]
    wanted = {key.item_id for key in keys}
    if len(paid) != len(wanted) or set(paid) != wanted:
        raise Failed(f"{len(wanted)} payments, {len(paid)} items, {len(set(paid))} different ones")


def _bare(waiting: Place, name: str, count: int) -> float:
    """Return how many conditional updates a second the client of the engine makes."""
    if isinstance(waiting, PostgreSQLPlace):
        return bare_updates(waiting, name, count)
    return _bare_updates(waiting, name, count)


def _bare_updates(waiting: Place, name: str, count: int) -> float:
    """Return how many conditional updates a second plain boto3 makes."""
    place = waiting.copy(name)
    assert isinstance(place, DynamoDBPlace)
    client = dynamodb_client()
    table = f"{place.prefix}Disbursements"
    items = place.items(count)
    client.get_item(TableName=table, Key={"customer_id": {"S": "-"}, "payment_id": {"S": "-"}})

    def update(item: dict[str, Any]) -> None:
        client.update_item(
            TableName=table,
            Key={"customer_id": item["customer_id"], "payment_id": item["payment_id"]},
            UpdateExpression="SET #status = :status, history = :history, revision = :new, "
            "batch_id = :batch REMOVE due_at",
            ConditionExpression="revision = :old",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": {"S": "submitting"},
                ":history": {"L": [*item["history"]["L"], {"S": "x" * 80}]},
                ":new": {"S": "x" * 12},
                ":batch": {"S": "x" * 38},
                ":old": item["revision"],
            },
        )

    begin = time.monotonic()
    with ThreadPoolExecutor(BARE_THREADS) as threads:
        for _ in threads.map(update, items):
            pass
    rate = len(items) / (time.monotonic() - begin)
    say(f"  bare conditional updates: {rate:.0f}/s")
    return rate


def _report(engine: str, count: int, done: list[Submitted], bare: list[float]) -> Section:
    method = METHOD.format(count=count)
    if bare:
        method += BARE_METHOD.format(threads=BARE_THREADS, client=CLIENTS[engine])
    section = Section(f"Submitting payments: {engine}", method)
    for each in done:
        calls = each.submitting_calls
        section.findings.append(
            Finding(f"PayPal calls, {each.how}", str(calls), f"≤ {CALLS}", calls <= CALLS)
        )
        rate = Finding(f"payments a second, {each.how}", f"{each.rate:.0f}")
        if engine == "SQLite":
            rate = Finding(rate.what, rate.value, f"≥ {SQLITE_RATE:,}", each.rate >= SQLITE_RATE)
        section.findings.append(rate)
    if bare:
        base = median(bare)
        for each in done:
            share = each.rate / base
            what = f"{each.how} / bare conditional updates"
            target = f"≥ {SHARE_OF_BARE}"
            section.findings.append(Finding(what, f"{share:.2f}", target, share >= SHARE_OF_BARE))
        section.findings.append(Finding("bare conditional updates a second", f"{base:.0f}"))
    section.columns = ("", "payments", "seconds", "per second", "calls")
    section.rows = [
        (
            each.how,
            str(each.payments),
            f"{each.seconds:.2f}",
            f"{each.rate:.0f}",
            ", ".join(f"{number} {endpoint}" for endpoint, number in each.calls.items()),
        )
        for each in done
    ]
    section.rows += [
        ("bare conditional updates", str(count // 4), "", f"{rate:.0f}", "") for rate in bare
    ]
    return section
