"""A PostgreSQL whose disk is full: nothing is accepted, and nothing that was accepted is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.payments import Payment
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.postgresql import PostgreSQLStore
from tests.support import postgresql
from tests.support.postgresql import PostgreSQLServer
from tests.support.records import a_claim, a_payment, later

ROOM = b"x" * 65536


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return a folder on a disk of 160 MB of its own."""
    folder = Path(tempfile.mkdtemp(prefix="paymentapp-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, check=False)
    try:
        if not mounted or mounted.returncode:
            pytest.skip("a small disk cannot be mounted here: it takes root")
        yield folder
    finally:
        if mounted and not mounted.returncode:
            subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@pytest.fixture
def server(small_disk: Path) -> Iterator[PostgreSQLServer]:
    programs = postgresql.programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(postgresql.MISSING)
        pytest.skip(postgresql.MISSING)
    server = PostgreSQLServer(programs, small_disk, max_wal_size="48MB", min_wal_size="32MB")
    server.start()
    yield server
    server.kill()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(ROOM)
        except OSError:
            return


def accept(store: PostgreSQLStore, number: int) -> Payment:
    payment = a_payment(payment_id=to_text(later(number)), reason="x" * 5000)
    claim = a_claim(key_hash=f"h{number}", payment_id=payment.payment_id)
    assert store.accept(Acceptance(payment, claim)).payment == payment
    return payment


def accept_until_refused(store: PostgreSQLStore) -> list[Payment]:
    """Return what is accepted on a full disk: tables and log have some room left."""
    accepted: list[Payment] = []
    for number in range(20, 20_000):
        try:
            accepted.append(accept(store, number))
        except StoreUnavailable as error:
            print(f"{len(accepted)} payments fit; then {error}")
            return accepted
    raise AssertionError("the disk is never full")


def accept_later(store: PostgreSQLStore, server: PostgreSQLServer, number: int) -> Payment:
    """Accept a payment once the server works again; whoever keeps it running starts it again."""
    end = time.monotonic() + 60
    while True:
        try:
            return accept(store, number)
        except StoreUnavailable:
            assert time.monotonic() < end, "nothing is accepted any more"
            if not server.is_alive:
                server.start()
            time.sleep(0.2)


def test_a_full_disk_refuses_payments_and_loses_none(
    server: PostgreSQLServer, small_disk: Path
) -> None:
    with closing(PostgreSQLStore.of(Settings(store=server.url))) as store:
        store.create_tables()
        accepted = [accept(store, number) for number in range(20)]
        filler = small_disk / "filler"
        fill(filler)
        accepted += accept_until_refused(store)
        filler.unlink()
        accepted.append(accept_later(store, server, 20_000))
        found = store.get_payments([each.key for each in accepted])
        assert found == {each.key: each for each in accepted}
