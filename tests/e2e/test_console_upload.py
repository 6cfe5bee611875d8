"""A long file sent by the console's form, under gunicorn: kept on disk, and by who may alone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.gunicorn import Gunicorn, answer_on, running_gunicorn

HEADER = "customer_id,email,amount,currency,description\n"
BOUNDARY = "7d1e5c0a"
TYPE = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
MEGABYTE = 1024 * 1024

pytestmark = pytest.mark.slow


@dataclass
class Browser:
    """Somebody who is signed in, and the hidden fields of the form."""

    service: Gunicorn
    cookie: str
    fields: dict[str, str]

    def form(self, rows: int, width: int, **fields: str) -> bytes:
        """Return a form with a file, as a browser sends it."""
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {**self.fields, "mode": "each", **fields}.items()
        ]
        head = 'Content-Disposition: form-data; name="file"; filename="june.csv"'
        lines = "".join(f"c{n},c{n}@example.com,1.00,USD,{'x' * width}\n" for n in range(rows))
        file = f"--{BOUNDARY}\r\n{head}\r\nContent-Type: text/csv\r\n\r\n{HEADER}{lines}\r\n"
        return f"{''.join(parts)}{file}--{BOUNDARY}--\r\n".encode()

    def head(self, length: int) -> bytes:
        lines = [TYPE, f"Content-Length: {length}", f"Cookie: {self.cookie}"]
        return self.service.head("POST", "/console/bulk", *lines, key=False) + b"\r\n"

    def send(self, body: bytes, pause: float = 0) -> tuple[int, str]:
        """Send a form in pieces, its head first and alone; return the status and the page."""
        with self.service.connect() as client:
            client.sendall(self.head(len(body)))
            time.sleep(0.3)
            for start in range(0, len(body), 200_000):
                client.sendall(body[start : start + 200_000])
                time.sleep(pause)
            answer = answer_on(client)
        return answer.status, answer.body.decode()

    def total_of_newest(self) -> int:
        headers = {"Authorization": f"Bearer {self.service.key}"}
        url = f"http://127.0.0.1:{self.service.port}/v1/api/bulk?limit=1"
        runs = requests.get(url, headers=headers, timeout=20).json()["runs"]
        return int(runs[0]["total"]) if runs else 0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("upload")
    with running_gunicorn(folder, PAYPAL_BASE_URL="http://127.0.0.1:9") as service:
        yield service


@pytest.fixture
def browser(service: Gunicorn) -> Browser:
    site = f"http://127.0.0.1:{service.port}/console"
    with requests.Session() as session:
        answer = session.post(f"{site}/sign-in", data={"key": service.key}, timeout=20)
        answer.raise_for_status()
        page = session.get(f"{site}/bulk", timeout=20).text
        cookie = "; ".join(f"{each.name}={each.value}" for each in session.cookies)
    names = "csrf_token", "idempotency_key"
    fields = {name: re.findall(rf'name="{name}" value="([^"]+)"', page)[-1] for name in names}
    return Browser(service, cookie, fields)


def resident(service: Gunicorn) -> int:
    """Return how many bytes of memory the worker has now, at most so far."""
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    status = Path(f"/proc/{children.read_text().split()[0]}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def test_a_long_file_in_pieces_is_checked_without_being_held(
    service: Gunicorn, browser: Browser
) -> None:
    status, page = browser.send(browser.form(20, 10))
    assert status == 303, page
    before = resident(service)
    body = browser.form(10_000, 2_500)
    assert len(body) > 24 * MEGABYTE
    status, page = browser.send(body)
    assert status == 303, page
    assert browser.total_of_newest() == 10_000
    assert resident(service) - before < 12 * MEGABYTE


def test_a_form_of_another_session_is_refused_with_its_whole_file(browser: Browser) -> None:
    before = browser.total_of_newest()
    status, page = browser.send(browser.form(3_000, 150, csrf_token="wrong"))
    assert (status, browser.total_of_newest()) == (403, before)
    assert "reload the page" in page


def test_a_file_that_is_too_large_is_refused_in_words(browser: Browser) -> None:
    with browser.service.connect() as client:
        client.sendall(browser.head(40_000_000))
        answer = answer_on(client)
    assert answer.status == 413
    assert "at most 32 MB" in answer.body.decode()


def test_a_stranger_is_sent_to_the_sign_in_before_the_file_has_come(browser: Browser) -> None:
    browser.cookie = "paymentapp_console=nobody"
    with browser.service.connect() as client:
        client.sendall(browser.head(3_000_000))
        answer = answer_on(client)
    assert answer.status == 303
