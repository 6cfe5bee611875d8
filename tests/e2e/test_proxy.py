"""The proxy that is shipped, nginx, in front of gunicorn."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.gunicorn import (
    HEALTH,
    Gunicorn,
    RawAnswer,
    answer_on,
    healthy_within,
    open_files,
    running_gunicorn,
)
from tests.support.nginx import Nginx, running_nginx
from tests.support.service import children

ADA = {"customer_id": "ada", "email": "ada@example.com"}
CLIENT = "127.0.0.2"  # an address of loopback that is not the proxy's
SPOOFED = "203.0.113.9"


class Front(NamedTuple):
    """The proxy, and the service behind it."""

    nginx: Nginx
    service: Gunicorn

    def ask(self, request: bytes, source: str = CLIENT) -> RawAnswer:
        with self.nginx.connect(source) as connection:
            connection.sendall(request)
            return answer_on(connection)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("proxy")
    with (
        running_gunicorn(folder, PAYMENTAPP_TRUSTED_PROXIES="127.0.0.1") as service,
        running_nginx(folder, service.port) as nginx,
    ):
        yield Front(nginx, service)


def test_a_request_comes_through_and_its_answer_asks_for_tls_in_future(front: Front) -> None:
    head, body = front.service.post("/v1/api/customer", ADA)
    answer = front.ask(head + body)
    assert answer.status in {200, 201}
    assert "Strict-Transport-Security: max-age=" in answer.head
    assert "nginx/" not in answer.head


def test_the_log_has_the_clients_address_and_nothing_that_it_says_of_it(front: Front) -> None:
    lies = [f"{name}: {SPOOFED}" for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded")]
    head = front.service.head("GET", "/v1/api/customer", *lies, key=False)
    assert front.ask(head + b"\r\n").status == 401
    assert f"source={CLIENT}" in front.service.output()
    assert SPOOFED not in front.service.output()


@pytest.mark.parametrize("line", ["SCRIPT_NAME: /v1", "X_API_Key: {key}"])
def test_headers_with_underscores_do_not_come_through(front: Front, line: str) -> None:
    line = line.format(key=front.service.key)
    head = front.service.head("GET", "/v1/api/customer/nobody", line, key=False)
    assert front.ask(head + b"\r\n").status == 401


def test_forty_slow_bodies_do_not_reach_the_service(front: Front) -> None:
    head, body = front.service.post("/v1/api/customer", ADA)
    (worker,) = children(front.service.process.pid)
    before = open_files(worker)
    with ExitStack() as stack:
        for number in range(40):
            client = stack.enter_context(front.nginx.connect(f"127.0.1.{number + 1}"))
            client.sendall(head + body[:5])
        time.sleep(0.3)
        assert open_files(worker) - before < 10
        assert healthy_within(front.service, 5)
        assert front.ask(HEALTH).status == 200


def test_a_slow_head_is_closed(front: Front) -> None:
    with front.nginx.connect(CLIENT) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX-")
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 (closed or reset)
            answer_on(client)
        assert time.monotonic() - began < 15


def test_one_address_gets_so_many_requests_at_once_and_others_go_on(front: Front) -> None:
    head, body = front.service.post("/v1/api/customer", ADA)
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(front.nginx.connect("127.0.0.3"))
            client.sendall(head + body[:5])
        time.sleep(0.3)
        answer = front.ask(HEALTH, source="127.0.0.3")
        assert (answer.status, answer.json["status"]) == (429, 429)
        assert "application/problem+json" in answer.head
        assert front.ask(HEALTH).status == 200


def test_a_body_that_is_too_large_is_refused_by_the_proxy(front: Front) -> None:
    head = front.service.head("POST", "/v1/api/customer", "Content-Length: 70000")
    answer = front.ask(head + b"\r\n")
    assert (answer.status, answer.json["type"]) == (413, "/problems/too-large")


def test_a_file_of_a_bulk_run_may_be_longer_than_any_other_body(front: Front) -> None:
    rows = b"customer_id,email,amount,currency\n" + b"ada,ada@example.com,-1,USD\n" * 8_000
    assert len(rows) > 3 * 65_536
    lines = ["Content-Type: text/csv", f"Content-Length: {len(rows)}"]
    head = front.service.head("POST", "/v1/api/bulk?dry_run=true", *lines) + b"\r\n"
    answer = front.ask(head + rows)
    assert (answer.status, answer.json["total"]) == (202, 8_000)
    for path in "/v1/api/bulk", "/console/bulk":
        answer = front.ask(front.service.head("POST", path, "Content-Length: 42000000") + b"\r\n")
        assert (answer.status, answer.json["type"]) == (413, "/problems/too-large")
        assert "33,554,432" in answer.json["detail"]


def test_metrics_are_not_for_strangers(front: Front) -> None:
    assert front.ask(front.service.head("GET", "/metrics") + b"\r\n").status == 404


def test_without_tls_nothing_is_answered_but_that(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.nginx.port), timeout=20) as client:
        client.sendall(front.service.head("GET", "/v1/api/customer") + b"\r\n")
        assert client.recv(20).startswith(b"HTTP/1.1 400")


def test_it_does_without_the_service_and_says_so(tmp_path: Path) -> None:
    with running_nginx(tmp_path, 1) as lonely, lonely.connect() as client:
        client.sendall(HEALTH)
        answer = answer_on(client)
        assert (answer.status, answer.json["type"]) == (503, "/problems/unavailable")
        assert "Retry-After: 1" in answer.head


def test_a_form_of_the_consoles_own_page_is_taken_on_any_port(front: Front) -> None:
    """The service compares the origin of a form with the host, of which the port is a part."""
    host = f"127.0.0.1:{front.nginx.port}"
    body = b"key=pk_0123456789abcdef_wrong"
    for origin, status in ((f"https://{host}", 401), ("https://127.0.0.1:1", 403)):
        lines = (f"Host: {host}", f"Origin: {origin}", f"Content-Length: {len(body)}")
        kind = "Content-Type: application/x-www-form-urlencoded"
        head = "\r\n".join(("POST /console/sign-in HTTP/1.1", *lines, kind, "", ""))
        assert front.ask(head.encode() + body).status == status
