"""Gunicorn with the service alone, and clients that are slow on purpose."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cluster import GUNICORN
from tests.support.service import ROOT, clean_environ, free_port

START_SECONDS = 30
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@dataclass
class Gunicorn:
    """A running gunicorn, with a customer `ada` and an API key."""

    process: subprocess.Popen[bytes]
    port: int
    key: str
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def head(self, method: str, path: str, *lines: str, key: bool = True) -> bytes:
        """Return the head of a request, without the empty line that ends it."""
        sent = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines]
        sent += [f"Authorization: Bearer {self.key}"] if key else []
        return "\r\n".join([*sent, ""]).encode()

    def post(self, path: str, body: object, *lines: str, key: bool = True) -> tuple[bytes, bytes]:
        """Return the head and the body of a request with JSON."""
        data = json.dumps(body).encode()
        framing = ("Content-Type: application/json", f"Content-Length: {len(data)}")
        return self.head("POST", path, *framing, *lines, key=key) + b"\r\n", data

    def output(self) -> str:
        return self.log.read_text()


@contextmanager
def running_gunicorn(
    folder: Path,
    *options: str,
    tls: ssl.SSLContext | None = None,
    settings: Mapping[str, str] | None = None,
    **environ: str,
) -> Iterator[Gunicorn]:
    """Start gunicorn with one process of four threads, unless settings say otherwise.

    `settings` and `environ` are variables alike.
    """
    port, log = free_port(), folder / "gunicorn.log"
    environment = clean_environ() | {
        "PAYMENTAPP_STORE": f"sqlite:///{folder}/test.db",
        "PAYMENTAPP_WORKERS": "1",
        "PAYMENTAPP_THREADS": "4",
        "PORT": str(port),
        **(settings or {}),
        **environ,
    }
    _run(environment, "init")
    key = _run(environment, "keys", "create", "test").split()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *GUNICORN, *options],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        token = next(word for word in key if word.startswith("pk_"))
        service = Gunicorn(process, port, token, log)
        _await(service, tls)
        yield service
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()


def _run(environment: dict[str, str], *command: str) -> str:
    arguments = [sys.executable, "-m", "paymentapp", *command]
    done = subprocess.run(
        arguments,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _await(service: Gunicorn, tls: ssl.SSLContext | None) -> None:
    end = time.monotonic() + START_SECONDS
    while not _answers(service, tls):
        assert service.process.poll() is None, service.output()
        assert time.monotonic() < end, service.output()
        time.sleep(0.05)


def _answers(service: Gunicorn, tls: ssl.SSLContext | None) -> bool:
    if tls is None:
        return healthy_within(service, 2)
    with (
        suppress(OSError),
        service.connect() as raw,
        tls.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(HEALTH)
        return answer_on(connection).status == 200
    return False


@dataclass(frozen=True)
class RawAnswer:
    """A response as it came over the connection."""

    status: int
    head: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return "connection: close" in self.head.lower()


def answer_on(connection: socket.socket) -> RawAnswer:
    """Read one response that has a Content-Length; what comes after it is lost."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    text = head.decode()
    (line,) = (line for line in text.split("\r\n") if line.lower().startswith("content-length"))
    length = int(line.partition(":")[2])
    while len(body) < length:
        body += _some(connection)
    return RawAnswer(int(text.split()[1]), text, body[:length])


def _some(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the connection was closed")
    return part


def ask(service: Gunicorn, request: bytes, seconds: float = 20) -> RawAnswer:
    """Send a request on a connection of its own, and return the answer."""
    with service.connect() as connection:
        connection.settimeout(seconds)
        connection.sendall(request)
        return answer_on(connection)


def healthy_within(service: Gunicorn, seconds: float) -> bool:
    """Return whether `/healthz` is answered within the time."""
    try:
        return ask(service, HEALTH, seconds).status == 200
    except OSError:
        return False


@contextmanager
def slow_clients(service: Gunicorn, number: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Hold connections open on which a part of a request has been sent."""
    with ExitStack() as stack:
        connections = [stack.enter_context(service.connect()) for _ in range(number)]
        for connection in connections:
            connection.sendall(sent)
        time.sleep(0.3)  # until the server has read what it is going to read
        yield connections


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (a count of names, not paths)
