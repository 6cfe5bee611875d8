"""The issuer's documents: bounded in time and size, over verified connections."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paymentapp.oidc import fetch as module
from paymentapp.oidc.fetch import MAX_BYTES, IssuerUnavailable, fetch
from tests.support.oidc_issuer import DISCOVERY, KEYS, Issuer
from tests.support.pki import authority, rsa_key


def test_a_document_is_read_whole(issuer: Issuer) -> None:
    issuer.replies[KEYS] = b"x" * MAX_BYTES
    assert len(fetch(f"{issuer.url}{KEYS}")) == MAX_BYTES


def test_a_document_that_is_too_large_is_given_up(issuer: Issuer) -> None:
    issuer.replies[KEYS] = b"x" * (MAX_BYTES + 1)
    with pytest.raises(IssuerUnavailable, match="more than"):
        fetch(f"{issuer.url}{KEYS}")


def test_an_answer_that_never_ends_is_given_up(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patch the time-out, which the test would otherwise wait for."""
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.3)
    issuer.delay = 0.05
    issuer.replies[KEYS] = b"x" * 100
    began = time.monotonic()
    with pytest.raises(IssuerUnavailable, match="too long"):
        fetch(f"{issuer.url}{KEYS}")
    assert time.monotonic() - began < 2


def test_an_answer_that_never_begins_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch the time-out, which the test would otherwise wait for."""
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.3)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(IssuerUnavailable, match="TimeoutError"),
    ):
        fetch(f"http://127.0.0.1:{silent.getsockname()[1]}{KEYS}")


@pytest.mark.parametrize("status", [204, 301, 302, 303, 307, 308, 401, 404, 500, 503])
def test_any_status_but_200_is_no_document(issuer: Issuer, status: int) -> None:
    issuer.replies[DISCOVERY] = status
    with pytest.raises(IssuerUnavailable, match=f"status {status}"):
        fetch(f"{issuer.url}{DISCOVERY}")
    assert issuer.seen == [DISCOVERY]


def test_nobody_at_the_address_is_named_without_it(issuer: Issuer) -> None:
    issuer.stop()
    with pytest.raises(IssuerUnavailable) as raised:
        fetch(f"{issuer.url}{DISCOVERY}")
    issuer.start()
    assert str(raised.value) == "URLError (ConnectionRefusedError)"


def test_a_proxy_is_not_used_for_loopback(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch the environment, which names a proxy where nobody listens."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(f"{issuer.url}{DISCOVERY}")


def test_a_certificate_that_nobody_vouches_for_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    issuer.stop()
    pem = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "own.pem").write_bytes(pem + authority().issue("localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    issuer.tls = context
    issuer.start()
    with pytest.raises(IssuerUnavailable, match="SSLCertVerificationError"):
        fetch(f"https://localhost:{issuer.port}{DISCOVERY}")
    assert issuer.seen == []
