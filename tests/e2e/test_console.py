"""The console behind the real server: slow forms, uploads, rate limits, metrics, and the switch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.gunicorn import Gunicorn, RawAnswer, answer_on, ask, running_gunicorn

FORM = "application/x-www-form-urlencoded"
WRONG = "pk_0123456789abcdef_" + "A" * 43
_CSRF = re.compile(rb'name="csrf_token" value="([^"]+)"')
_COOKIE = re.compile(r"^set-cookie: ([^;\r\n]+)", re.IGNORECASE | re.MULTILINE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    with running_gunicorn(
        tmp_path_factory.mktemp("console"),
        PAYMENTAPP_RATE_LIMIT_CLIENTS="1000/3600",
        PAYMENTAPP_METRICS="on",
    ) as service:
        yield service


def get(service: Gunicorn, path: str, cookie: str = "") -> RawAnswer:
    return ask(service, service.head("GET", path, f"Cookie: {cookie}", key=False) + b"\r\n")


def post(
    service: Gunicorn, path: str, body: bytes, *lines: str, kind: str = FORM, pause: float = 0
) -> RawAnswer:
    """Send a form; with a pause, its head first, then its body in two parts."""
    framing = (f"Content-Type: {kind}", f"Content-Length: {len(body)}")
    head = service.head("POST", path, *framing, *lines, key=False) + b"\r\n"
    with service.connect() as connection:
        connection.settimeout(20)
        for part in (head, body[:5], body[5:]) if pause else (head + body,):
            connection.sendall(part)
            time.sleep(pause)
        return answer_on(connection)


def sign_in(service: Gunicorn, key: str = "", pause: float = 0) -> RawAnswer:
    body = urlencode({"key": key or service.key}).encode()
    return post(service, "/console/sign-in", body, pause=pause)


def signed_in(service: Gunicorn) -> tuple[str, str]:
    """Return the cookie of a new session, and its token."""
    cookie = cookie_of(sign_in(service))
    found = _CSRF.search(get(service, "/console/", cookie).body)
    assert found is not None
    return cookie, found[1].decode()


def cookie_of(answer: RawAnswer) -> str:
    found = _COOKIE.search(answer.head)
    assert found is not None, answer.head
    return found[1]


def left(answer: RawAnswer) -> int:
    found = re.search(r"RateLimit: \"client\";r=(\d+)", answer.head)
    assert found is not None, answer.head
    return int(found[1])


def test_a_form_that_comes_late_signs_in_once(service: Gunicorn) -> None:
    before = service.output().count("event=sign-in")
    answer = sign_in(service, pause=0.4)
    assert answer.status == 303
    assert get(service, "/console/", cookie_of(answer)).status == 200
    assert service.output().count("event=sign-in") == before + 1


def test_a_form_that_comes_late_is_one_request_of_its_client(service: Gunicorn) -> None:
    cookie, token = signed_in(service)
    before = left(get(service, "/console/", cookie))
    body = urlencode({"csrf_token": token}).encode()
    answer = post(service, "/console/sign-out", body, f"Cookie: {cookie}", pause=0.4)
    assert answer.status == 303
    assert left(answer) == before - 1
    assert get(service, "/console/", cookie).status == 303


def multipart(fields: dict[str, str], file: bytes) -> tuple[bytes, str]:
    """Return the body of a form with a file, and its content type."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="pay.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\n" + file + b"\r\n--b--\r\n"
    ]
    return b"".join(parts), "multipart/form-data; boundary=b"


@pytest.mark.parametrize("pause", [0, 0.4])
def test_a_form_with_a_file_is_read_with_its_token(service: Gunicorn, pause: float) -> None:
    cookie, token = signed_in(service)
    for given, status in (("", 403), (token, 303)):
        body, kind = multipart({"csrf_token": given}, b"a,b\r\n" * 1000)
        answer = post(
            service, "/console/sign-out", body, f"Cookie: {cookie}", kind=kind, pause=pause
        )
        assert answer.status == status, answer.body


def test_a_form_larger_than_any_is_refused_before_it_is_sent(service: Gunicorn) -> None:
    cookie, _ = signed_in(service)
    lines = (f"Cookie: {cookie}", f"Content-Type: {FORM}", "Content-Length: 100000000")
    head = service.head("POST", "/console/sign-out", *lines, key=False) + b"\r\n"
    assert ask(service, head).status == 413


def test_metrics_name_the_routes_of_the_console_and_no_id(service: Gunicorn) -> None:
    cookie, _ = signed_in(service)
    get(service, "/console/nothing/secret-path", cookie)
    text = ask(service, service.head("GET", "/metrics", key=False) + b"\r\n").body.decode()
    assert 'route="/console/sign-in"' in text
    assert 'route="/console/{path}"' in text
    assert "secret-path" not in text


def test_wrong_keys_are_refused_and_those_who_are_signed_in_go_on(tmp_path: Path) -> None:
    with running_gunicorn(tmp_path, PAYMENTAPP_RATE_LIMIT_ADDRESSES="100/60") as service:
        cookie, _ = signed_in(service)
        answers = [sign_in(service, WRONG, pause) for pause in (0.3, 0, 0, 0, 0, 0)]
        assert {each.status for each in answers[:5]} == {401}
        assert answers[-1].status == 429
        assert sign_in(service).status == 429
        assert get(service, "/console/", cookie).status == 200


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    with running_gunicorn(tmp_path, PAYMENTAPP_CONSOLE="off") as service:
        for path in ("/console/", "/console/sign-in", "/console/static/console.css"):
            answer = get(service, path)
            assert answer.status == 404
            assert answer.json["type"] == "/problems/not-found"
