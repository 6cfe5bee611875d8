"""A service that can be broken, its simulator, what probes it, and a Prometheus that watches it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from paymentapp.vault.sealing import new_key
from tests.support.prometheus import Prometheus, running_prometheus
from tests.support.service import clean_environ, free_port, run

START_SECONDS = 30
APP = "tests.support.breakable_service:breakable_app()"
GUNICORN = ("-m", "gunicorn", "-c", "python:paymentapp.gunicorn_conf", APP)


@dataclass
class WatchedService:
    """A service; `prometheus` watches it."""

    folder: Path
    environ: dict[str, str]
    simulator: str  # URL
    prometheus: Prometheus
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environ['PORT']}"

    @property
    def database(self) -> Path:
        return self.folder / "paymentapp.db"

    def call(self, method: str, path: str, body: object = None, *, status: int) -> Any:
        """Send one request that is answered with a status; return the body."""
        answer = requests.request(method, f"{self.url}{path}", json=body, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def pay(self, **order: object) -> str:
        """Request a payment to Ada; return its path."""
        wanted = {"customer_id": "ada", "email": "ada@example.com", "amount": 5, "currency": "USD"}
        made = self.call("POST", "/v1/api/payment", wanted | order, status=202)
        return f"/v1/api/payment/ada/{made['payment_id']}"

    def set_simulator(self, **settings: object) -> None:
        """Change the settings of the simulated PayPal."""
        url = f"{self.simulator}/_simulator/settings"
        requests.put(url, json=settings, timeout=10).raise_for_status()

    def reference_of(self, batch_id: str) -> str:
        """Return PayPal's id of a batch that it has, whatever it has answered."""
        items = requests.get(f"{self.simulator}/_simulator/ledger", timeout=10).json()["items"]
        return next(str(i["payout_batch_id"]) for i in items if i["sender_batch_id"] == batch_id)

    def command(self, *arguments: str) -> None:
        """Run a command of an operator."""
        run(sys.executable, "-m", "paymentapp", *arguments, environ=self.environ)

    def kill(self) -> None:
        """Kill the master and the workers by SIGKILL."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def start(self, **environ: str) -> None:
        """Start the service again, with further variables."""
        self.process = _start(self.folder, self.environ | environ)


@contextmanager
def watched_service(folder: Path, **environ: str) -> Iterator[WatchedService]:
    """Run a service with metrics, its simulator, a prober of `/readyz`, and Prometheus."""
    with ExitStack() as stack:
        simulator = stack.enter_context(_running_simulator(folder))
        port = free_port()
        environ = clean_environ() | {
            "PORT": str(port),
            "PAYMENTAPP_STORE": f"sqlite:///{folder}/paymentapp.db",
            "PAYMENTAPP_AUTH": "off",
            "PAYMENTAPP_METRICS": "on",
            "PAYMENTAPP_WORKERS": "1",
            "PAYMENTAPP_SWEEP_SECONDS": "1",
            "PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK": "on",
            "PAYMENTAPP_VAULT_KEYS": new_key(),
            "PAYPAL_BASE_URL": simulator,
            "PAYPAL_CLIENT_ID": "simulator",
            "PAYPAL_CLIENT_SECRET": "simulator",
            "TMPDIR": str(folder),
            **environ,
        }
        run(sys.executable, "-m", "paymentapp", "init", environ=environ)
        prometheus = stack.enter_context(running_prometheus(folder / "prometheus", port))
        process = _start(folder, environ)
        service = WatchedService(folder, environ, simulator, prometheus, process)
        stack.callback(lambda: _stop(service.process))
        stack.enter_context(_probed(f"{service.url}/readyz"))
        _await_ready(service)
        service.call(
            "POST", "/v1/api/customer", {"customer_id": "ada", "email": "ada@example.com"},
            status=201,
        )  # fmt: skip
        yield service


def _start(folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "service.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, *GUNICORN],
            env=environ, cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _running_simulator(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "simulators", "--port", "0", "--settle-delay", "0.2"]
    with (folder / "simulator.log").open("w") as log:
        process = subprocess.Popen(
            command, env=clean_environ(), cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield next(word for word in line.split() if word.startswith("http://")).rstrip("/")
    finally:
        process.terminate()
        process.wait(20)


def _probed(url: str) -> AbstractContextManager[None]:
    """Ask an address each half second meanwhile, as a load balancer does."""
    return repeatedly(lambda: requests.get(url, timeout=5))


@contextmanager
def repeatedly(request: Callable[[], object]) -> Iterator[None]:
    """Send a request each half second meanwhile, whether it is answered or not."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(0.5):
            with suppress(requests.RequestException):
                request()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _await_ready(service: WatchedService) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        with suppress(requests.RequestException):
            if requests.get(f"{service.url}/readyz", timeout=5).status_code == 200:
                return
        assert service.process.poll() is None, (service.folder / "service.log").read_text()
        assert time.monotonic() < end, (service.folder / "service.log").read_text()
        time.sleep(0.1)
