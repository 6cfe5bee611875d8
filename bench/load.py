"""Load on a server: as much as it takes (wrk), or at a fixed rate whatever it answers."""

from __future__ import annotations

import http.client
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench.say import Failed

CUSTOMERS = 100
CONNECTIONS = 32  # as many as two workers of 16 threads can serve
TIMEOUT = 60  # seconds; slow answers count, they are no failures
SCRIPT = Path(__file__).with_name("post.lua")


class Load(NamedTuple):
    """The result of one round of load; latencies in milliseconds."""

    answers: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def flood(port: int, run: str, seconds: int) -> Load:
    """POST payments on 32 connections, each as fast as it is answered, under unique keys.

    Raises Failed unless every answer is a 2xx.
    """
    answer = subprocess.run(
        _generator(port, run, seconds),
        env=os.environ | {"BENCH_RUN": run, "BENCH_CUSTOMERS": str(CUSTOMERS)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    if found["refused"] or found["broken"] or not found["answers"]:
        raise Failed(f"not every request was accepted: {found}; one more: {_probe(port, run)}")
    return Load(found["answers"], found["seconds"], found["p50"], found["p99"])


def _probe(port: int, run: str) -> str:
    """Send one request and describe its answer, to diagnose a failure."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{run}-probe"'}
    try:
        connection.request("POST", "/v1/api/payment", order(0), headers)
        answer = connection.getresponse()
        return f"{answer.status} {answer.read(500).decode()}"
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def _generator(port: int, run: str, seconds: int) -> list[str]:
    if wrk := shutil.which("wrk"):
        url = f"http://127.0.0.1:{port}"
        length = (f"-d{seconds}s", "--timeout", f"{TIMEOUT}s")
        return [wrk, "-t1", f"-c{CONNECTIONS}", *length, "-s", str(SCRIPT), url]
    return [sys.executable, "-m", "bench.post", str(port), run, str(seconds)]


def generator_name() -> str:
    """Return the name of the load generator."""
    return "wrk" if shutil.which("wrk") else "a Python client in a process of its own"


def order(number: int) -> bytes:
    """Return the body of a request, the same as wrk's."""
    who = f"bench{number % CUSTOMERS}"
    return (
        f'{{"customer_id": "{who}", "email": "{who}@example.com",'
        ' "amount": 12.50, "currency": "USD"}'
    ).encode()


class Steady:
    """Requests at fixed times, whatever becomes of earlier ones (open loop).

    A latency counts from the time at which a request was to be sent, so that one that is delayed by
    an earlier one does not count as fast.
    """

    def __init__(self, port: int, run: str, rate: float, seconds: float) -> None:
        self._port = port
        self._run = run
        self._interval = 1 / rate
        self._count = round(rate * seconds)
        self._places: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._latencies: list[float] = []
        self._refused = 0

    def run(self, senders: int = 16) -> list[float]:
        """Send all; return the latencies in milliseconds, in no order. Raises Failed."""
        begin = time.perf_counter() + 0.1
        threads = [threading.Thread(target=self._send, args=(begin,)) for _ in range(senders)]
        for thread in threads:
            thread.start()
        for place in range(self._count):
            time.sleep(max(0.0, begin + place * self._interval - time.perf_counter()))
            self._places.put(place)
        for _ in threads:
            self._places.put(None)
        for thread in threads:
            thread.join()
        if self._refused or len(self._latencies) != self._count:
            one_more = _probe(self._port, self._run)
            raise Failed(f"{self._refused} of {self._count} were refused; one more: {one_more}")
        return self._latencies

    def _send(self, begin: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        while (place := self._places.get()) is not None:
            headers = {
                "Content-Type": "application/json",
                "Idempotency-Key": f'"{self._run}-{place}"',
            }
            connection.request("POST", "/v1/api/payment", order(place), headers)
            answer = connection.getresponse()
            answer.read()
            self._latencies.append((time.perf_counter() - begin - place * self._interval) * 1000)
            self._refused += answer.status != 202
        connection.close()
