"""A PostgreSQL server for the tests: the one in the environment, or Debian's on loopback.

`PAYMENTAPP_TEST_POSTGRESQL` is the address of a role that may create databases. Without it a server
of its own is made in a temporary folder, by a user that is not root: initdb refuses root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.support.service import free_port

GIVEN = "PAYMENTAPP_TEST_POSTGRESQL"
SUPERUSER = "postgres"
PASSWORD = "for tests on loopback"
START_SECONDS = 30
_IN_STEP = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
MISSING = (
    f"no PostgreSQL: {GIVEN} is not set, and there is no /usr/lib/postgresql/*/bin/initdb: "
    "apt-get install --no-install-recommends postgresql pgbouncer"
)


def programs() -> Path | None:
    """Return the folder of the newest server's programs; None where none is installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(found, key=lambda path: int(path.parts[-3]))
    return newest[-1].parent if newest else None


class PostgreSQLServer:
    """A server in a folder of its own, on a port of 127.0.0.1, with everything on disk."""

    def __init__(
        self,
        bin_folder: Path,
        folder: Path,
        primary: PostgreSQLServer | None = None,
        **settings: str,
    ) -> None:
        """Make a server that is not started: a new one, or a standby of another."""
        self.port = free_port()
        self.folder = folder
        self._bin = bin_folder
        self._settings = {"max_connections": "100", **settings}
        self._process: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, password):
                shutil.chown(path, SUPERUSER)
        if primary is None:
            options = ["-D", str(folder / "data"), "-U", SUPERUSER, "-A", "scram-sha-256"]
            others = [f"--pwfile={password}", "--locale=C.UTF-8", "--no-sync"]
            self._run("initdb", *options, *others)
        else:
            where = ["-d", primary.url, "-D", str(folder / "data"), "--write-recovery-conf"]
            self._run("pg_basebackup", *where, "--checkpoint=fast", "--no-sync")

    @property
    def url(self) -> str:
        """Return the address of the server's own database, as its superuser."""
        return self.address(SUPERUSER)

    def address(self, database: str, user: str = SUPERUSER, password: str = PASSWORD) -> str:
        quoted = password.replace(" ", "%20")
        return f"postgresql://{user}:{quoted}@127.0.0.1:{self.port}/{database}"

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "64MB",
            **self._settings,
        }
        options = [option for each in settings.items() for option in ("-c", "=".join(each))]
        command = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **as_user()
            )
        self._await()

    def kill(self) -> None:
        """End the server as a power cut does, and wait until none of its processes is left."""
        end = time.monotonic() + 20
        while (left := self._processes()) and time.monotonic() < end:
            for pid in left:  # again and again: one may have been forked meanwhile
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._process is not None:
                self._process.wait(10)
                self._process = None
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server, and its connections with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": postgresql.org/docs, server-shutdown
            self._process.wait(30)
            self._process = None

    def encrypt(self, certificate: bytes, key: bytes) -> None:
        """Start again with a certificate, by which clients may encrypt."""
        self.stop()
        for name, content in (("server.crt", certificate), ("server.key", key)):
            path = self.folder / name
            path.write_bytes(content)
            path.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(path, SUPERUSER)
            self._settings[f"ssl_{'cert' if name.endswith('crt') else 'key'}_file"] = str(path)
        self._settings["ssl"] = "on"
        self.start()

    def wait_for_standby(self, seconds: float = 30) -> None:
        """Have every commit wait for a standby from now on."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if connection.execute(_IN_STEP).fetchone():
                    return
                time.sleep(0.05)
        raise AssertionError("no standby is in step")

    def promote(self) -> None:
        """Make a standby the primary."""
        run(self.url, "SELECT pg_promote()")

    def pause(self) -> None:
        """Stop all processes of the server where they are."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """Return the processor time of all processes of the server, ended ones counted."""
        ticks = 0
        for pid in self._processes():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))  # with those of its children, proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _processes(self) -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (folder / "cwd").readlink() == self.folder / "data":
                    found.append(int(folder.name))
        return found

    def _await(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                if not self.is_alive or time.monotonic() > end:
                    print((self.folder / "log").read_text()[-2000:])
                    raise
                time.sleep(0.05)
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **as_user(),
        )


def as_user() -> dict[str, Any]:
    """Return what makes a child process that of a user whom the server's programs accept."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(SUPERUSER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def new_server(
    primary: PostgreSQLServer | None = None, **settings: str
) -> Iterator[PostgreSQLServer]:
    """Yield a running server of its own, or a standby of another one."""
    bin_folder = programs()
    assert bin_folder is not None, MISSING
    folder = Path(tempfile.mkdtemp(prefix="paymentapp-postgresql-"))
    try:
        server = PostgreSQLServer(bin_folder, folder, primary, **settings)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Yield the address of a new database on a server; it is dropped at the end."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(server, "CREATE DATABASE {}", name)
    base, _, query = server.partition("?")
    try:
        yield f"{base.rpartition('/')[0]}/{name}{'?' + query if query else ''}"
    finally:
        _execute(server, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(server: str, statement: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def run(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement around the store, and return its rows, if it returns any."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def empty(url: str) -> None:
    """Delete all rows; where there are few, that is faster than TRUNCATE."""
    tables = ("customers", "disbursements", "operations", "events")
    with psycopg.connect(url) as connection:
        for table in tables:
            connection.execute(
                sql.SQL("DELETE FROM {}").format(sql.Identifier("paymentapp", table))
            )
