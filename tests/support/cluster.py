"""Gunicorn and the simulator, with a supervisor that kills and restarts processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import requests

from tests.support.service import ROOT, children, clean_environ, free_port

GUNICORN = ["-m", "gunicorn", "-c", "python:paymentapp.gunicorn_conf", "wsgi:app"]


@dataclass
class Cluster:
    """A service that is restarted whenever its master dies, until it is closed."""

    folder: Path
    environ: Mapping[str, str]
    simulator_settings: Mapping[str, object] = field(default_factory=dict)
    kills: int = 0
    master_kills: int = 0

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (self.folder / "cluster.log").open("a")
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self.simulator = self._start_simulator()
        self.environment = clean_environ() | {
            "PORT": str(self.port),
            "PAYMENTAPP_AUTH": "off",
            "PAYPAL_BASE_URL": self.simulator_url,
            "PAYPAL_CLIENT_ID": "simulator",
            "PAYPAL_CLIENT_SECRET": "simulator",
            **self.environ,
        }
        self._run("-m", "paymentapp", "init")
        self.master = self._start_master()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def set_simulator(self, **settings: object) -> None:
        """Change the simulator's settings while it runs."""
        answer = requests.put(
            f"{self.simulator_url}/_simulator/settings", json=settings, timeout=10
        )
        assert answer.status_code == 200, answer.text

    def ledger(self) -> list[dict[str, str]]:
        """Return every payment that the simulator was asked to make."""
        items: list[dict[str, str]] = []
        after: object = None
        while True:
            query = {"limit": "5000"} | ({"after": str(after)} if after is not None else {})
            page = requests.get(
                f"{self.simulator_url}/_simulator/ledger", params=query, timeout=30
            ).json()
            items += page["items"]
            after = page["next"]
            if after is None:
                return items

    def processes(self) -> list[int]:
        """Return the current master and its workers."""
        return [self.master.pid, *children(self.master.pid)]

    def pause(self, random: Random, low: float, high: float, kills: int) -> None:
        """Wait some seconds between two kills; longer once there were enough of them.

        Otherwise a busy machine would start processes for ever, and no client would ever end.
        """
        time.sleep(random.uniform(low, high) * (1 if self.kills < kills else 5))

    def kill_one(self, random: Random) -> None:
        """Send SIGKILL to one process: mostly a worker, one time in seven the master.

        What a worker has started, to deliver webhooks, counts as a worker.
        """
        master, *workers = self.processes()
        if not workers:
            return  # a new master has not forked yet; killing it again would stop all traffic
        workers += [child for worker in workers for child in children(worker)]
        pid = master if random.random() < 1 / 7 else random.choice(workers)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.kills += 1
        if pid == master:
            self.master_kills += 1
            self._wait_for_another_master(pid)

    def _wait_for_another_master(self, pid: int) -> None:
        """Wait until the killed master is replaced: a dying process still counts as running."""
        end = time.monotonic() + 30
        while self.master.pid == pid:
            assert time.monotonic() < end, "the killed master was not replaced"
            time.sleep(0.01)

    def wait_until_up(self, seconds: float = 30) -> None:
        """Wait for an answer by a worker of the live master.

        The workers of a killed master answer too, until a new master starts.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.master.poll() is None and self.processes()[1:] and self._answers():
                return
            time.sleep(0.05)
        raise AssertionError("the service did not come up")

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Have no process of the service within the body, and new ones after it."""
        self._closing.set()
        self._keeper.join(30)
        self.master.terminate()
        self.master.wait(60)
        yield
        self._closing.clear()
        self.master = self._start_master()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Stop all processes."""
        self._closing.set()
        self._keeper.join(30)
        _kill_session(self.master.pid)
        self.master.wait(10)
        self.simulator.terminate()
        self.simulator.wait(10)
        self.log.close()

    def _keep(self) -> None:
        """Start a new master if the old one has died; kill its orphans first, to free the port."""
        while not self._closing.wait(0.05):
            if self.master.poll() is not None:
                _kill_session(self.master.pid)
                self.master = self._start_master()

    def _start_master(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *GUNICORN],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def _start_simulator(self) -> subprocess.Popen[str]:
        state = self.folder / "paypal.db"
        command = ["-m", "simulators", "--port", "0", "--state", str(state)]
        command += ["--link-url", "https://api.paypal.com"]  # not the host that is called
        process = subprocess.Popen(
            [sys.executable, *command],
            env=clean_environ(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        self.simulator_url = next(word for word in line.split() if word.startswith("http://"))
        self.set_simulator(**self.simulator_settings)
        return process

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, check=True, timeout=60,
            stdout=self.log, stderr=self.log,
        )  # fmt: skip


def _kill_session(leader: int) -> None:
    """Kill a master and all of its workers, also those that it forked last and left behind."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
