"""Benchmark of limits: what rules cost a payment, and how many a second may share a counter."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import uuid4

from bench.report import Finding, Section
from bench.say import say
from bench.stores import DynamoDBPlace, customers, new_place, open_services, prepare
from paymentapp.bootstrap import Services
from paymentapp.errors import StoreUnavailable
from paymentapp.models.money import Money
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb.sharded_counters import Contention
from tests.support.transaction_conflicts import conflicts

THREADS = (16, 64)
TRANSACTION_SECONDS = 0.01
WARM_UP = 1.0  # seconds
SHARE = 0.7  # of the rate with a counter for each customer
ONE = "all USD 900000000/day"
OWN = "customer USD 900000000/day"
RULES = {
    "no rule": "",
    "one rule": ONE,
    "three rules": f"{ONE}; client USD 900000000/month; {OWN}",
    "one rule of 24 hours": "all USD 900000000/24h",
}
METHOD = """\
The CPU time of `Payments.request` in this process, by one thread, with a new idempotency key each:
the median of {rounds} rounds of {payments} payments, in turns."""
BUSY = """

Payments a second that count against one rule for everybody, beside a rule for each of {customers}
customers: by {threads} threads of one process, after a second that does not count. DynamoDB Local
lets transactions on one item wait for each other; here they are cancelled, as by AWS, and each
takes 10 ms more."""


class Plan(NamedTuple):
    """How much to measure."""

    payments: int
    rounds: int
    seconds: int


class Rate(NamedTuple):
    """Payments a second, requests that failed, and transactions that met another one."""

    accepted: float
    failed: int
    met: int


class NeverBusy(Contention):
    """Never notices that requests meet, so that no room is set aside."""

    def is_busy(self, counter: str) -> bool:
        """Return False."""
        del counter
        return False


def measure(directory: Path, engine: str, plan: Plan) -> Section:
    """Measure the CPU time by rules and, on DynamoDB, the rate of a counter that all use."""
    say(f"limits on {engine}")
    cpu = _cpu(directory, engine, plan)
    none = cpu["no rule"]
    findings = [
        Finding(f"CPU time of a payment, {name}", f"{each:.0f} µs ({each / none:.2f} of no rule)")
        for name, each in cpu.items()
    ]
    method = METHOD.format(rounds=plan.rounds, payments=plan.payments)
    if engine != "DynamoDB":
        return Section(f"Limits: {engine}", method, findings)
    rows: list[Sequence[str]] = []
    for threads in THREADS:
        own, one = _rate(OWN, threads, plan), _rate(ONE, threads, plan)
        plain = _rate(ONE, threads, plan, NeverBusy)
        share = one.accepted / own.accepted
        what = f"one counter / a counter for each customer, {threads} threads"
        if threads == THREADS[0]:
            findings.append(Finding(what, f"{share:.2f}", f"≥ {SHARE}", share >= SHARE))
        else:
            findings.append(Finding(what, f"{share:.2f}"))
        named = {"a counter for each customer": own, "one counter": one, "without shards": plain}
        rows += [_row(f"{name}, {threads} threads", rate) for name, rate in named.items()]
    columns = ("", "payments a second", "requests that failed", "transactions that met another")
    busy = BUSY.format(threads=" or ".join(map(str, THREADS)), customers=len(customers()))
    return Section(f"Limits: {engine}", method + busy, findings, columns, rows)


def _row(name: str, rate: Rate) -> tuple[str, ...]:
    say(f"  {name}: {rate.accepted:.0f}/s, {rate.failed} failed, {rate.met} met another")
    return name, f"{rate.accepted:.0f}", str(rate.failed), str(rate.met)


def _cpu(directory: Path, engine: str, plan: Plan) -> dict[str, float]:
    """Return microseconds of CPU for each payment, by the rules."""
    found: dict[str, list[float]] = {name: [] for name in RULES}
    place = new_place(directory, engine, "limits")
    prepare(place)
    opened = {
        name: open_services(place, {"PAYMENTAPP_LIMITS": text}) for name, text in RULES.items()
    }
    for _ in range(plan.rounds):
        for name, services in opened.items():
            requests = islice(_orders(services), plan.payments)
            begin = time.process_time()
            for request in requests:
                request()
            found[name].append((time.process_time() - begin) / plan.payments * 1e6)
    for services in opened.values():
        services.store.close()
    return {name: median(each) for name, each in found.items()}


def _orders(services: Services) -> Iterator[Callable[[], object]]:
    """Yield functions that request a payment each, in turns to each customer, under a new key."""
    who, money, start = customers(), Money(Decimal("0.01"), "USD"), uuid4()
    for number in count(secrets.randbelow(len(who))):
        order = PaymentOrder(*who[number % len(who)], money, "paypal")
        yield partial(services.payments.request, order, f"{start}-{number}")


def _rate(
    rules: str, threads: int, plan: Plan, contention: Callable[[], Contention] = Contention
) -> Rate:
    """Return how many payments a second are accepted by some threads, on empty tables."""
    place = DynamoDBPlace(f"limits-{uuid4()}")
    prepare(place)
    services = open_services(place, {"PAYMENTAPP_LIMITS": rules})
    store = services.store
    assert isinstance(store, DynamoDBStore)
    store._contention = contention()
    with conflicts(store._client(), seconds=TRANSACTION_SECONDS) as met:
        begin = time.monotonic() + WARM_UP
        with ThreadPoolExecutor(threads) as pool:
            pay = partial(_pay, services, begin, begin + plan.seconds)
            results = list(pool.map(lambda _: pay(), range(threads)))
    store.close()
    accepted, failed = (sum(each) for each in zip(*results, strict=True))
    return Rate(accepted / plan.seconds, failed, met.refused.total())


def _pay(services: Services, begin: float, end: float) -> tuple[int, int]:
    """Request payments until a time; return how many were accepted since `begin`, and failed."""
    accepted = failed = 0
    for request in _orders(services):
        try:
            request()
        except StoreUnavailable:
            failed += 1
        else:
            accepted += begin <= time.monotonic() < end
        if time.monotonic() >= end:
            break
    return accepted, failed
