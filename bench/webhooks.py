"""Benchmark of webhooks: deliveries a second, and what endpoints cost who requests a payment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import requests

from bench.load import Steady
from bench.processes import PYTHON, Processes, free_port
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.servers import Server, get_json, start_api, start_simulator
from bench.stores import Place, fill, new_place, open_services, prepare
from paymentapp.bootstrap import Services
from paymentapp.clock import utc_now
from paymentapp.services.outbound.messages import body_of, signed_headers
from paymentapp.services.outbound.progress import UNWRITTEN_MAX
from paymentapp.vault.sealing import new_key
from paymentapp.worker.webhooks import WebhookLane

SHARE_OF_BARE = 0.6
RATE = 1000  # deliveries a second; either of the two is the target
AT_ONCE = 4  # connections: the default of PAYMENTAPP_WEBHOOKS_AT_ONCE
ENDPOINTS = 3
REQUESTS_A_SECOND = 50.0
TARGET = 1.1
PATIENCE = 120.0  # seconds
REST = 1.2  # seconds between two rounds of requests
METHOD = """\
A webhook endpoint gets {events:,} events (`payment.pending`), prepared in SQLite, by a lane of this
process with {at_once} connections: each is read with its payment, signed, and posted to a receiver
in a process of its own that answers 204 at once. The bare loop is {at_once} threads with a
`requests.Session` each, which post one such body with its headers, unchanged. In turns, {rounds}
rounds; the position is stored once a second, or for {unwritten} events."""
ACCEPT_METHOD = """

Acceptance: `POST /v1/api/payment` at {rate:g} requests a second, on two services that run at the
same time, each of two gunicorn workers with their dispatchers and PayPal's simulator: one with
{endpoints} endpoints that receive every event, to which a process of its own delivers, the other
without. {rounds} rounds of {seconds:g} s each, in turns. A latency counts from the time at which
the request was to leave; the median of the rounds' p99 is compared."""

WHY = """\
each payment is about four events, each of them a webhook to every endpoint, which takes the
processor time above in the process that delivers, and the receiver's, on the same cores as the
requests. On a busy machine the rounds of one side differ more than the sides do: see the raw
numbers."""


class Plan(NamedTuple):
    """How much to measure."""

    events: int
    rounds: int
    accept_rounds: int
    seconds: float
    warm_up: float


class Rate(NamedTuple):
    """Requests a second, and the processor time of this process for each, in milliseconds."""

    rate: float
    cpu: float


class Latency(NamedTuple):
    """The latencies of one round, in milliseconds."""

    endpoints: int
    sample: list[float]

    def percentile(self, percent: int) -> float:
        return quantiles(self.sample, n=100, method="inclusive")[percent - 1]


def measure(directory: Path, plan: Plan) -> Section:
    """Compare deliveries with a bare loop, and acceptance with endpoints with that without."""
    say("webhooks on SQLite")
    settings = {
        "PAYMENTAPP_VAULT_KEYS": new_key(),
        "PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK": "on",
        "PAYMENTAPP_WEBHOOKS_AT_ONCE": str(AT_ONCE),
    }
    ours, bare = _rates(directory, settings, plan)
    rounds = _accept(directory, settings, plan)
    return _report(plan, ours, bare, rounds)


def _rates(directory: Path, settings: dict[str, str], plan: Plan) -> tuple[list[Rate], list[Rate]]:
    place = new_place(directory, "SQLite", "webhooks")
    fill(place, plan.events)
    ours: list[Rate] = []
    bare: list[Rate] = []
    services = open_services(place, settings)
    with Processes(directory) as processes:
        receiver = _start_receiver(processes)
        for number in range(plan.rounds + 1):  # the first one warms up
            for side, measured in ((ours, _delivered), (bare, _posted))[:: 1 if number % 2 else -1]:
                cpu = time.process_time()
                rate = measured(services, receiver, plan.events)
                side.append(Rate(rate, (time.process_time() - cpu) / plan.events * 1000))
            say(f"  {ours[-1].rate:.0f}/s delivered, {bare[-1].rate:.0f}/s by the bare loop")
    services.close()
    return ours[1:], bare[1:]


def _start_receiver(processes: Processes) -> Server:
    port = free_port()
    command = [PYTHON, "-m", "bench.fast_receiver", str(port)]
    receiver = Server("receiver", port, processes.start("receiver", command, {}))
    processes.await_answer("receiver", receiver.child, receiver.url)
    return receiver


def _delivered(services: Services, receiver: Server, events: int) -> float:
    """Return how many events a second a lane delivers."""
    before = get_json(receiver.url)["count"]
    endpoint_id = _add_endpoint(services, receiver)
    lane = WebhookLane(
        endpoint_id, services.deliverer, services.store, utc_now, at_once=AT_ONCE, pause=0.2
    )
    begin = time.monotonic()
    lane.start()
    seconds = _await(receiver, before + events) - begin
    lane.stop(time.monotonic() + 5)
    services.webhook_endpoints.delete(endpoint_id)
    return events / seconds


def _add_endpoint(services: Services, receiver: Server) -> str:
    """Register an endpoint that begins with the oldest event."""
    long_ago = utc_now() - timedelta(hours=1)
    endpoints = replace(services.webhook_endpoints, clock=lambda: long_ago)
    return endpoints.create(f"{receiver.url}/events", (), "").endpoint.endpoint_id


def _await(receiver: Server, count: int) -> float:
    """Return when the last of so many requests came."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        received = get_json(receiver.url)
        if received["count"] >= count:
            last: float = received["last"]
            return last
        time.sleep(0.05)
    raise Failed(f"not all of {count} webhooks came in {PATIENCE:g} s")


def _posted(services: Services, receiver: Server, events: int) -> float:
    """Return how many requests a second a bare loop makes."""
    (event,) = services.events.page(None, 1).events
    body = body_of(event)
    headers = signed_headers(event.event_id, utc_now(), body, ["whsec_" + "c2VjcmV0" * 4])
    before = get_json(receiver.url)["count"]

    def post(count: int) -> None:
        with requests.Session() as session:
            for _ in range(count):
                session.post(f"{receiver.url}/events", data=body, headers=headers, timeout=30)

    begin = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(post, [events // AT_ONCE] * AT_ONCE))
    sent = events // AT_ONCE * AT_ONCE
    return sent / (_await(receiver, before + sent) - begin)


def _accept(directory: Path, settings: dict[str, str], plan: Plan) -> list[Latency]:
    """Request payments of a service with endpoints and of one without, for a while each in turns.

    Both run all the time: what else the machine does concerns both alike.
    """
    rounds: list[Latency] = []
    with Processes(directory) as processes:
        receiver = _start_receiver(processes)
        apis = {
            endpoints: _start_service(directory, processes, settings, receiver, endpoints)
            for endpoints in (0, ENDPOINTS)
        }
        for api in apis.values():
            Steady(api.port, "warm-up", REQUESTS_A_SECOND, plan.warm_up).run()
        time.sleep(REST)
        for number in range(plan.accept_rounds):
            for endpoints in (0, ENDPOINTS) if number % 2 else (ENDPOINTS, 0):
                run = Steady(apis[endpoints].port, f"run{number}", REQUESTS_A_SECOND, plan.seconds)
                rounds.append(Latency(endpoints, run.run()))
                time.sleep(REST)  # the last payments settle, and their webhooks are sent
                say(f"  {endpoints} endpoints: p99 {rounds[-1].percentile(99):.1f} ms")
        _await(receiver, 1)
        say(f"  {get_json(receiver.url)['count']} webhooks")
    return rounds


def _start_service(
    directory: Path,
    processes: Processes,
    settings: dict[str, str],
    receiver: Server,
    endpoints: int,
) -> Server:
    name = f"webhooks-{endpoints}"
    place = new_place(directory, "SQLite", name)
    prepare(place)
    with _opened(place, settings) as services:
        for _ in range(endpoints):
            services.webhook_endpoints.create(f"{receiver.url}/events", (), "")
    paypal = start_simulator(processes, f"{name}-paypal")
    return start_api(processes, name, place, paypal=paypal, settings=settings)


@contextmanager
def _opened(place: Place, settings: dict[str, str]) -> Iterator[Services]:
    services = open_services(place, settings)
    yield services
    services.close()


def _report(
    plan: Plan, ours: Sequence[Rate], bare: Sequence[Rate], rounds: Sequence[Latency]
) -> Section:
    share = median(mine.rate / other.rate for mine, other in zip(ours, bare, strict=True))
    rate, bare_rate = (median(each.rate for each in side) for side in (ours, bare))
    cpu, bare_cpu = (median(each.cpu for each in side) for side in (ours, bare))
    target = f"≥ {SHARE_OF_BARE}, or {RATE:,} a second"
    p99 = {
        endpoints: median(each.percentile(99) for each in rounds if each.endpoints == endpoints)
        for endpoints in (0, ENDPOINTS)
    }
    ratio = p99[ENDPOINTS] / p99[0]
    method = METHOD.format(
        events=plan.events, at_once=AT_ONCE, rounds=plan.rounds, unwritten=UNWRITTEN_MAX
    )
    return Section(
        "Webhooks: SQLite",
        method
        + ACCEPT_METHOD.format(
            rate=REQUESTS_A_SECOND,
            endpoints=ENDPOINTS,
            rounds=plan.accept_rounds,
            seconds=plan.seconds,
        ),
        [
            Finding(
                "deliveries / bare loop",
                f"{share:.2f}",
                target,
                share >= SHARE_OF_BARE or rate >= RATE,
            ),
            Finding("deliveries", f"{rate:.0f} a second, {cpu:.2f} ms of CPU each"),
            Finding("bare loop", f"{bare_rate:.0f} a second, {bare_cpu:.2f} ms of CPU each"),
            Finding(
                f"p99 of acceptance with {ENDPOINTS} endpoints / without",
                f"{ratio:.2f}",
                f"≤ {TARGET}",
                ratio <= TARGET,
            ),
            Finding(f"p99 with {ENDPOINTS} endpoints", f"{p99[ENDPOINTS]:.1f} ms"),
            Finding("p99 without", f"{p99[0]:.1f} ms"),
        ],
        ("", "a second", "CPU ms each", "p50 ms", "p99 ms"),
        [
            *(
                (name, f"{each.rate:.0f}", f"{each.cpu:.2f}", "", "")
                for name, side in (("deliveries", ours), ("bare loop", bare))
                for each in side
            ),
            *(
                (
                    f"acceptance, {each.endpoints} endpoints",
                    f"{REQUESTS_A_SECOND:g}",
                    "",
                    f"{each.percentile(50):.1f}",
                    f"{each.percentile(99):.1f}",
                )
                for each in rounds
            ),
        ],
        WHY,
    )
