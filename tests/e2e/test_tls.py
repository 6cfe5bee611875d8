"""TLS by gunicorn itself; clients that are slow with their handshake hold no thread either."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.gunicorn import HEALTH, Gunicorn, RawAnswer, answer_on, running_gunicorn
from tests.support.nginx import CertificateFiles, self_signed

ADA = {"customer_id": "ada", "email": "ada@example.com"}
BUNDLE = "/docs/swagger-ui-bundle.js"


class Encrypted(NamedTuple):
    """A service with a certificate."""

    service: Gunicorn
    files: CertificateFiles

    def connect(self) -> ssl.SSLSocket:
        return self.files.connect(self.service.port)

    def ask(self, request: bytes) -> RawAnswer:
        with self.connect() as connection:
            connection.sendall(request)
            return answer_on(connection)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    files = self_signed(folder)
    options = ("--certfile", str(files.certificate), "--keyfile", str(files.key))
    context = ssl.create_default_context(cafile=str(files.certificate))
    timeouts = {"PAYMENTAPP_HEAD_TIMEOUT": "2", "PAYMENTAPP_BODY_TIMEOUT": "2"}
    with running_gunicorn(folder, *options, tls=context, settings=timeouts) as service:
        yield Encrypted(service, files)


def test_requests_and_large_answers_come_through(encrypted: Encrypted) -> None:
    service = encrypted.service
    with encrypted.connect() as connection:
        for piece in service.post("/v1/api/customer", ADA):
            connection.sendall(piece)
            time.sleep(0.2)
        assert answer_on(connection).status == 201
        connection.sendall(service.head("GET", BUNDLE) + b"\r\n")
        assert len(answer_on(connection).body) > 1_000_000


def test_a_large_body_is_taken_whole(encrypted: Encrypted) -> None:
    """It comes in several records of TLS, of which a socket does not tell."""
    head, body = encrypted.service.post("/v1/api/customer", ADA | {"note": "x" * 60_000})
    assert encrypted.ask(head + body).status == 400  # for the length of the note


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02", HEALTH])
def test_forty_unfinished_handshakes_stop_nobody(encrypted: Encrypted, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            client = stack.enter_context(encrypted.service.connect())
            client.sendall(sent)
        assert encrypted.ask(HEALTH).status == 200
        client.settimeout(10)
        with suppress(ConnectionError):  # it is closed, perhaps after an alert
            assert sum(map(len, iter(lambda: client.recv(1000), b""))) < 100


def test_a_late_body_is_answered_408(encrypted: Encrypted) -> None:
    head, body = encrypted.service.post("/v1/api/customer", ADA)
    assert encrypted.ask(head + body[:5]).status == 408


def refusal(folder: Path, *options: str, host: str = "127.0.0.1") -> str:
    """Return what gunicorn says that does not start."""
    with (
        pytest.raises(AssertionError) as refused,
        running_gunicorn(folder, *options, PAYMENTAPP_HOST=host),
    ):
        pass
    return str(refused.value)


def test_what_the_worker_does_not_do_is_not_begun(tmp_path: Path) -> None:
    assert "only HTTP/1.1 is served" in refusal(tmp_path, "--proxy-protocol", "v1")


def test_without_tls_a_network_is_not_served(tmp_path: Path) -> None:
    assert "PAYMENTAPP_TLS=proxy" in refusal(tmp_path, host="0.0.0.0")
