"""The same load as wrk with post.lua, where wrk is not installed."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from statistics import quantiles

from bench.load import CONNECTIONS, order

HEAD = (
    "POST /v1/api/payment HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    'Content-Length: {length}\r\nIdempotency-Key: "{key}"\r\n\r\n'
)


def main() -> None:
    """Send until the time is up, and print a line of JSON; the arguments are PORT RUN SECONDS."""
    port, run, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    latencies: list[float] = []
    statuses: list[bytes] = []
    begin = time.perf_counter()

    def send(connection: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = 0
            while time.perf_counter() - begin < seconds:
                number += 1
                sent = time.perf_counter()
                server.sendall(_request(port, f"{run}-{connection}-{number}", number))
                statuses.append(_status(server))
                latencies.append((time.perf_counter() - sent) * 1000)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    percentiles = quantiles(latencies, n=100, method="inclusive")
    refused = sum(not status.startswith(b"2") for status in statuses)
    found = {
        "answers": len(latencies),
        "seconds": time.perf_counter() - begin,
        "refused": refused,
        "broken": 0,
        "p50": percentiles[49],
        "p99": percentiles[98],
    }
    print(json.dumps(found))


def _request(port: int, key: str, number: int) -> bytes:
    body = order(number)
    return HEAD.format(port=port, length=len(body), key=key).encode() + body


def _status(server: socket.socket) -> bytes:
    """Read one answer by its Content-Length; return its status."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += server.recv(65536) or _broken()
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += server.recv(65536) or _broken()
    return head.split(b" ", 2)[1]


def _broken() -> bytes:
    raise ConnectionError("the server closed the connection")


if __name__ == "__main__":
    main()
