"""PgBouncer before a PostgreSQL server of the tests, in transaction mode."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from tests.support.postgresql import SUPERUSER, as_user
from tests.support.service import free_port

MISSING = "PgBouncer is not installed: apt-get install --no-install-recommends pgbouncer"


def pgbouncer_program() -> str | None:
    """Return the path of the program; Debian has it in a folder of root's."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(url: str, program: str, size: int = 3) -> Iterator[str]:
    """Yield an address at which a few connections to a database serve any number of clients."""
    parts = urlsplit(url)
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="paymentapp-pgbouncer-"))
    (folder / "users").write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
* = host={parts.hostname} port={parts.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
"""
    )
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, SUPERUSER)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [program, str(folder / "pgbouncer.ini")],
            stdout=log,
            stderr=log,
            cwd=folder,
            **as_user(),
        )
    try:
        _await(port)
        user = parts.netloc.rpartition("@")[0]
        yield urlunsplit((parts.scheme, f"{user}@127.0.0.1:{port}", parts.path, "", ""))
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _await(port: int, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
