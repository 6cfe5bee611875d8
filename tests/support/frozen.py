"""Stores that freeze: servers that are stopped by a signal, a SQLite whose locks are held."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.emulators import (
    FAKE_ACCOUNT,
    ministack_process,
    ministack_program,
    wait_for_http,
)
from tests.support.postgresql import PostgreSQLServer
from tests.support.service import ROOT, free_port

START_SECONDS = 60
FOLDER = ROOT / ".tools" / "node_modules" / "amplify-dynamodb-simulator" / "emulator"


class Freezable(Protocol):
    """A store whose answers can be held back."""

    environ: dict[str, str]

    def freeze(self, seconds: float) -> None:
        """Let nobody get an answer (or, of SQLite, write) for so long."""


@dataclass
class FrozenProcess:
    """A store in a process of its own, which SIGSTOP freezes."""

    environ: dict[str, str]
    pid: int

    def freeze(self, seconds: float) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(self.pid, signal.SIGCONT)


@dataclass
class FrozenServer:
    """A PostgreSQL server, all of whose processes SIGSTOP freezes."""

    environ: dict[str, str]
    server: PostgreSQLServer

    def freeze(self, seconds: float) -> None:
        self.server.pause()
        try:
            time.sleep(seconds)
        finally:
            self.server.resume()


@dataclass
class LockedFile:
    """A SQLite file whose write lock somebody else holds: SQLite's own, and ours, by turns."""

    environ: dict[str, str]
    path: Path
    _times: int = 0

    def freeze(self, seconds: float) -> None:
        self._times += 1
        if self._times % 2:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
                other.execute("PRAGMA busy_timeout = 20000")
                other.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
        else:
            with Path(f"{self.path}.lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                time.sleep(seconds)


@contextmanager
def dynamodb_local(folder: Path) -> Iterator[FrozenProcess | None]:
    """Run DynamoDB Local where this machine has it; None where it has not."""
    if shutil.which("java") is None or not (FOLDER / "DynamoDBLocal.jar").exists():
        yield None
        return
    port = free_port()
    starter = ROOT / "tests" / "support" / "dynamodb_local.sh"
    with (folder / "dynamodb-local.log").open("w") as log:
        process = subprocess.Popen([starter, FOLDER, str(port)], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    environ = FAKE_ACCOUNT | {"AWS_ENDPOINT_URL_DYNAMODB": address}
    try:
        wait_for_http(process, address, START_SECONDS)
        yield FrozenProcess({"PAYMENTAPP_STORE": "dynamodb"} | environ, process.pid)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def emulated_dynamodb(folder: Path) -> Iterator[FrozenProcess | None]:
    """Run ministack where it is installed; None where it is not."""
    program = ministack_program()
    if program is None:
        yield None
        return
    with ministack_process(program, folder) as (address, process):
        environ = FAKE_ACCOUNT | {"AWS_ENDPOINT_URL_DYNAMODB": address}
        yield FrozenProcess({"PAYMENTAPP_STORE": "dynamodb"} | environ, process.pid)
