"""The servers that are measured: the API, its worker, the PayPal simulator, and bare apps."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.processes import PYTHON, Processes, free_port
from bench.stores import NOBODY, Place
from paymentapp import gunicorn_conf


class Server(NamedTuple):
    """A running server on loopback."""

    name: str
    port: int
    child: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[int]:
        """Return the process ids of gunicorn's workers."""
        pid = self.child.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def cpu_seconds(self) -> float:
        """Return the processor time of the workers so far, in seconds."""
        ticks = 0
        for pid in self.workers():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")


def start_api(
    processes: Processes,
    name: str,
    place: Place,
    *,
    paypal: Server | None = None,
    settings: Mapping[str, str] | None = None,
) -> Server:
    """Start the API on two gunicorn workers; without a PayPal its dispatcher is off."""
    port = free_port()
    environment = {
        **service_settings(place, paypal),
        **(settings or {}),
        "PORT": str(port),
        "PAYMENTAPP_DISPATCHER": "on" if paypal else "off",
    }
    arguments = ["-c", "python:paymentapp.gunicorn_conf", "paymentapp.server:serving_app()"]
    child = processes.start(name, [PYTHON, "-m", "gunicorn", *arguments], environment)
    return _ready(processes, Server(name, port, child))


def service_settings(place: Place, paypal: Server | None) -> dict[str, str]:
    """Return the environment of a process of the service."""
    return place.settings() | {
        "PAYMENTAPP_AUTH": "off",
        "PAYPAL_BASE_URL": paypal.url if paypal else NOBODY,
        "PAYPAL_CLIENT_ID": "bench",
        "PAYPAL_CLIENT_SECRET": "bench",
    }


def start_bare(processes: Processes, name: str, app: str, environment: dict[str, str]) -> Server:
    """Start a bare app under gunicorn with the same options as the API's."""
    port = free_port()
    arguments = [
        *("--bind", f"127.0.0.1:{port}", "--worker-class", gunicorn_conf.worker_class),
        *("--workers", str(gunicorn_conf.workers), "--threads", str(gunicorn_conf.threads)),
        *("--timeout", str(gunicorn_conf.timeout), "--keep-alive", str(gunicorn_conf.keepalive)),
        *("--log-level", gunicorn_conf.loglevel, f"bench.bare_app:{app}()"),
    ]
    child = processes.start(name, [PYTHON, "-m", "gunicorn", *arguments], environment)
    return _ready(processes, Server(name, port, child))


def start_simulator(processes: Processes, name: str, **settings: float) -> Server:
    """Start a PayPal simulator with its state in memory."""
    port = free_port()
    flags = [f"--{key.replace('_', '-')}={value:g}" for key, value in settings.items()]
    command = [PYTHON, "-m", "simulators", "--port", str(port), *flags]
    server = Server(name, port, processes.start(name, command, {}))
    processes.await_answer(name, server.child, f"{server.url}/_simulator/settings")
    return server


def _ready(processes: Processes, server: Server) -> Server:
    processes.await_answer(server.name, server.child, f"{server.url}/healthz")
    return server


def get_json(url: str) -> Any:
    """Return the decoded answer to a GET."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())
