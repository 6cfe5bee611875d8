"""What slow clients do to each class of gunicorn worker: `python -m bench.slow_clients`.

`gevent` is measured where it can be imported, nginx (deploy/proxy, here without TLS) where it is
installed. Nothing here is part of `make bench`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from bench.load import flood
from bench.processes import Processes
from bench.say import Failed, say
from bench.servers import Server, start_api
from bench.stores import new_place, prepare
from paymentapp import gunicorn_conf
from tests.support.nginx import running_nginx

NGINX = "nginx"  # in front of gthread
CLASSES = (gunicorn_conf.worker_class, "gthread", NGINX, "gevent")
PROBES = 20
PROBE_SECONDS = 2.0
HALF = b"POST /v1/api/customer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"


@contextmanager
def holding(server: Server, number: int) -> Iterator[None]:
    """Hold connections on which half of a request has been sent."""
    with ExitStack() as stack:
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(HALF)
        time.sleep(0.5)
        yield


def probe(server: Server) -> str:
    """Return how many of some requests for `/healthz` were answered in time, and how fast."""
    times = []
    for _ in range(PROBES if _healthy(server) else 1):
        start = time.perf_counter()
        if _healthy(server):
            times.append((time.perf_counter() - start) * 1000)
    if not times:
        return "health not answered"
    return f"health p50 {median(times):.1f} ms, slowest {max(times):.1f} ms"


def _healthy(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=PROBE_SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def serving(directory: Path, worker_class: str) -> Iterator[Server]:
    """Start the service on one class of worker; `nginx` is in front of gthread."""
    name = worker_class.rpartition(".")[2]
    gunicorn_class = "gthread" if worker_class == NGINX else worker_class
    place = new_place(directory, "SQLite", name)
    prepare(place)
    settings = {
        "GUNICORN_CMD_ARGS": f"--worker-class {gunicorn_class}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    with Processes(directory) as processes:
        server = start_api(processes, name, place, settings=settings)
        if worker_class != NGINX:
            yield server
            return
        with running_nginx(directory, server.port, connections=1000, plain=True) as nginx:
            yield server._replace(port=nginx.port)


def measure(directory: Path, worker_class: str, seconds: int) -> None:
    """Print what one class of worker does without slow clients, with 40 and with 400."""
    say(worker_class)
    with serving(directory, worker_class) as server:
        pays = worker_class != NGINX  # without authentication nothing is served through a proxy
        if pays:
            flood(server.port, f"{worker_class}-warm", seconds)
        for number in (0, 40, 400):
            with holding(server, number):
                line = f"  {number} slow clients: {probe(server)}"
                if pays and "not" not in line:
                    load = flood(server.port, f"{worker_class}-{number}", seconds)
                    line += f"; {load.rate:.0f} payments a second, p99 {load.p99:.0f} ms"
                say(line)


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    missing = set() if importlib.util.find_spec("gevent") else {"gevent"}
    missing |= set() if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") else {NGINX}
    for worker_class in CLASSES:
        if worker_class in missing:
            say(f"{worker_class} is not installed")
            continue
        with tempfile.TemporaryDirectory() as directory:
            try:
                measure(Path(directory), worker_class, seconds)
            except Failed as failed:
                say(f"  {failed}")


if __name__ == "__main__":
    main()
