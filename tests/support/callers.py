"""Callers of a service whose processes are being killed: each retries until it has an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import requests

from tests.support.cluster import Cluster


@dataclass
class Accepted:
    """The payments for which callers got a 2xx."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    payments: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    retries: int = 0
    twice: list[str] = field(default_factory=list)


class Caller(threading.Thread):
    """A thread that registers customers and pays them, retrying until it has an answer."""

    prefix = "c"
    customers = 50
    method: Mapping[str, str] = {}  # what a payment says of how it is to go

    def __init__(self, number: int, cluster: Cluster, accepted: Accepted, count: int) -> None:
        super().__init__(daemon=True)
        self.number, self.cluster, self.accepted, self.count = number, cluster, accepted, count
        self.session = requests.Session()

    def run(self) -> None:
        for turn in range(self.count):
            place = turn % self.customers
            customer = f"{self.prefix}{self.number}-{place}"
            person = {"customer_id": customer, "email": f"{customer}@example.com"}
            if turn < self.customers:
                self.send("/v1/api/customer", person, {})
                self.tell_more(customer, place)
            order = person | {"amount": turn % 97 + 1, "currency": "USD", **self.method}
            if turn % 2:  # each is used once: a service with unique references accepts it
                order["reference"] = f"{self.number}/{turn}"
            key = {"Idempotency-Key": f"{self.number}/{turn}"}
            self.record(self.send("/v1/api/payment", order, key), key["Idempotency-Key"])

    def tell_more(self, customer: str, place: int) -> None:
        """Send what else the service has to know of a customer; nothing by default."""

    def send(
        self, path: str, body: object, headers: dict[str, str], method: str = "POST"
    ) -> dict[str, Any]:
        """Send a request until it gets a 2xx."""
        while True:
            try:
                answer = self.session.request(
                    method, self.cluster.url + path, json=body, headers=headers, timeout=15
                )
                if answer.status_code < 300:
                    result: dict[str, Any] = answer.json(parse_float=Decimal)
                    return result
                assert answer.status_code >= 500, answer.text
            except requests.RequestException:
                pass
            with self.accepted.lock:
                self.accepted.retries += 1
            time.sleep(0.05)

    def record(self, payment: dict[str, Any], key: str) -> None:
        where = (payment["customer_id"], payment["payment_id"])
        with self.accepted.lock:
            if where in self.accepted.payments:
                self.accepted.twice.append(f"{where} for {key}")
            self.accepted.payments[where] = payment


def kill_while_calling(
    cluster: Cluster,
    callers: Sequence[Caller],
    kills: int,
    random: Random,
    pauses: tuple[float, float],
) -> float:
    """Kill processes, some seconds apart, until all callers are answered; return when it ended."""
    for caller in callers:
        caller.start()
    while cluster.kills < kills or any(caller.is_alive() for caller in callers):
        cluster.pause(random, *pauses, kills)
        cluster.kill_one(random)
    return time.monotonic()


Statuses = dict[tuple[str, str], str]


def wait_for_statuses(
    cluster: Cluster, accepted: Accepted, are_final: Callable[[Statuses], bool], end: float
) -> Statuses:
    """Wait until the payments have their outcomes, or for a time; return the status of each."""
    customers = sorted({customer for customer, _ in accepted.payments})
    while True:
        found = {
            (payment["customer_id"], payment["payment_id"]): payment["status"]
            for customer in customers
            for payment in listed(cluster, customer)
        }
        if are_final(found) or time.monotonic() > end:
            return found
        time.sleep(0.5)


def listed(cluster: Cluster, customer: str) -> Iterator[dict[str, Any]]:
    """Return all of a customer's payments, page by page.

    Retries, because the worker that was killed last may have taken a request with it.
    """
    query = {"limit": "100"}
    while True:
        url = f"{cluster.url}/v1/api/payment/{customer}"
        try:
            page = requests.get(url, params=query, timeout=15).json(parse_float=Decimal)
        except requests.ConnectionError:
            page = requests.get(url, params=query, timeout=15).json(parse_float=Decimal)
        yield from page["payments"]
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]
