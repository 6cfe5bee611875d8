"""Webhooks are posted to public addresses alone, within a time limit."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paymentapp.webhook_client.addresses import ForbiddenUrl, check_url, is_public
from paymentapp.webhook_client.client import NotDelivered, WebhookClient
from tests.support import pki
from tests.support.receivers import OK, ReceivedWebhook, answering, receiving

HEADERS = {"webhook-id": "evt_1"}


def a_client(**options: Any) -> WebhookClient:
    return WebhookClient(**{"timeout": 2, "idle_max": 2, "allow_loopback": True, **options})


def resolving_to(*addresses: str) -> Any:
    """Return a resolver for which each name has these addresses."""

    def resolve(_host: str, port: int) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    return resolve


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/hooks?x=1",
        "https://xn--bcher-kva.example/a",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
    ],
)
def test_a_public_https_url_is_allowed(url: str) -> None:
    assert check_url(url, allow_loopback=False).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "ftp://example.com",
        "example.com",
        "https://",
        "https:///path",
        "https://user@example.com",
        "https://user:secret@example.com",
        "https://example.com/#part",
        "https://example.com/a b",
        "https://example.com\\@127.0.0.1/",
        "https://example.com:99999",
        "https://example.com:x",
        "https://[::1",
        "https://bücher.example",
        "https://" + "a" * 64 + ".example",
        "https://example.com/" + "a" * 2000,
        "https://localhost",
        "https://LOCALHOST.",
        "https://a.localhost/",
        "https://127.0.0.1",
        "https://127.1",
        "https://0x7f.1",
        "https://2130706433",
        "https://0177.0.0.1",
        "https://10.0.0.1.",
        "https://10.0.0.1",
        "https://192.168.0.1",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]",
        "https://[::ffff:169.254.169.254]",
        "https://[fe80::1%25eth0]",
        "https://[fd00:ec2::254]",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenUrl):
        check_url(url, allow_loopback=False)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "127.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fec0::1", "ff02::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1"),
        *("2001:db8::1", "::127.0.0.1", "no address"),
    ],
)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


def test_loopback_is_allowed_where_the_setting_says_so() -> None:
    assert check_url("http://127.0.0.1:8001/x", allow_loopback=True).port == 8001
    assert check_url("http://localhost/", allow_loopback=True).port == 80
    for url in ("http://example.com", "http://10.0.0.1", "https://10.0.0.1"):
        with pytest.raises(ForbiddenUrl):
            check_url(url, allow_loopback=True)


def test_a_body_is_posted_with_its_headers() -> None:
    with receiving() as receiver:
        status = a_client().post(f"http://127.0.0.1:{receiver.port}/a?b=c", HEADERS, b'{"x":1}')
    (request,) = receiver.received
    assert (status, request.path, request.body) == (204, "/a?b=c", b'{"x":1}')
    assert request.headers["webhook-id"] == "evt_1"
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"


def test_connections_are_kept_and_replaced_where_the_server_closed_them() -> None:
    client = a_client()
    with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        assert [client.post(url, HEADERS, b"1") for _ in range(3)] == [204] * 3
        assert receiver.connections == 1

    def answer_once(sock: socket.socket, _request: ReceivedWebhook) -> bool:
        sock.sendall(OK)
        return False

    with receiving(answer_once) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        for _ in range(3):
            assert client.post(url, HEADERS, b"1") == 204
            time.sleep(0.05)
        assert receiver.connections == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as other:
        moved = answering(status, f"Location: http://127.0.0.1:{other.port}/\r\n")
        with receiving(moved) as receiver:
            assert a_client().post(f"http://127.0.0.1:{receiver.port}/", HEADERS, b"") == status
        assert other.received == []


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["93.184.215.14", "169.254.169.254"], ["127.0.0.1"], ["::ffff:127.0.0.1"]],
)
def test_a_name_that_leads_inside_is_not_connected_to(addresses: list[str]) -> None:
    with receiving() as receiver:
        client = a_client(allow_loopback=False, resolve=resolving_to(*addresses))
        with pytest.raises(NotDelivered, match="not public"):
            client.post(f"https://example.com:{receiver.port}/", HEADERS, b"")
        assert receiver.connections == 0


def test_a_name_is_resolved_once_for_a_connection() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[tuple[Any, ...]]:
        asked.append(host)
        found: Sequence[tuple[Any, ...]] = resolving_to("127.0.0.1")(host, port)
        return found

    with receiving() as receiver:
        client = a_client(resolve=resolve)
        assert client.post(f"http://localhost:{receiver.port}/", HEADERS, b"") == 204
    assert asked == ["localhost"]


def drip(client: socket.socket, _request: ReceivedWebhook) -> bool:
    """Send one byte of a header after the other, and never end."""
    client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(100):
        client.sendall(b"x")
        time.sleep(0.05)
    return False


def hang(_client: socket.socket, _request: ReceivedWebhook) -> bool:
    time.sleep(3)
    return False


@pytest.mark.parametrize("answer", [drip, hang])
def test_an_answer_that_does_not_end_is_given_up(answer: Any) -> None:
    begun = time.monotonic()
    with receiving(answer) as receiver, pytest.raises(NotDelivered, match=r"within 0\.3 s"):
        a_client(timeout=0.3).post(f"http://127.0.0.1:{receiver.port}/", HEADERS, b"")
    assert time.monotonic() - begun < 1.5


def test_of_a_long_body_the_status_counts() -> None:
    def endless(client: socket.socket, _request: ReceivedWebhook) -> bool:
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            client.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        return False

    with receiving(endless) as receiver:
        assert a_client().post(f"http://127.0.0.1:{receiver.port}/", HEADERS, b"") == 200


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    def reply(client: socket.socket, _request: ReceivedWebhook) -> bool:
        client.sendall(answer)
        return False

    with receiving(reply) as receiver, pytest.raises(NotDelivered, match="no answer"):
        a_client().post(f"http://127.0.0.1:{receiver.port}/", HEADERS, b"")


def test_nobody_listening_is_no_answer() -> None:
    with pytest.raises(NotDelivered, match="no answer: ConnectionRefusedError"):
        a_client().post("http://127.0.0.1:1/", HEADERS, b"")


@pytest.mark.parametrize(("name", "fits"), [("localhost", True), ("example.com", False)])
def test_the_certificate_has_to_be_the_hosts(tmp_path: Path, name: str, fits: bool) -> None:
    root = pki.authority()
    (tmp_path / "ca.pem").write_bytes(root.pem)
    key = pki.rsa_key()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = private + root.issue(name, key, days=(-30, 3600))
    (tmp_path / "server.pem").write_bytes(pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    client = a_client(ca_file=str(tmp_path / "ca.pem"), resolve=resolving_to("127.0.0.1"))
    with receiving(tls=tls) as receiver:
        url = f"https://localhost:{receiver.port}/"
        if fits:
            assert client.post(url, HEADERS, b"") == 204
        else:
            with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
                client.post(url, HEADERS, b"")
            assert receiver.received == []
