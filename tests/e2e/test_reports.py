"""Reports from a real server: a large answer, slow readers, a store that goes away meanwhile."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from bench.filling import History, fill
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from tests.support.gunicorn import Gunicorn, running_gunicorn

ROWS = 30_000
READER_SECONDS = 3


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """Serve an account of many payments by one process of four threads."""
    folder = tmp_path_factory.mktemp("reports")
    database = folder / "test.db"
    with closing(build_services(Settings(store=f"sqlite:///{database}"), providers={})) as services:
        services.store.create_tables()
    fill(database, History.of(ROWS, 100), range(ROWS), int)
    with running_gunicorn(
        folder,
        PAYMENTAPP_DISPATCHER="off",
        PAYMENTAPP_ANSWER_TIMEOUT=str(READER_SECONDS),
        PAYPAL_CLIENT_ID="id",
        PAYPAL_CLIENT_SECRET="secret",
    ) as running:
        yield running


def report(service: Gunicorn, kind: str = "text/csv", **options: object) -> requests.Response:
    url = f"http://127.0.0.1:{service.port}/v1/api/reports/payments"
    headers = {"Authorization": f"Bearer {service.key}", "Accept": kind}
    return requests.get(url, headers=headers, timeout=60, **options)  # type: ignore[arg-type]


def peak_kib(service: Gunicorn) -> int:
    """Return the most memory that the serving process has had."""
    pid = service.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child}/status").read_text())
    assert found is not None
    return int(found[1])


def test_every_payment_is_in_a_report_and_none_of_it_stays_in_memory(service: Gunicorn) -> None:
    report(service, params={"limit_to": "nothing"})  # refused; what is loaded once is loaded
    assert len(report(service, params={"reference": "invoice 7"}).text.splitlines()) == 2
    before = peak_kib(service)
    whole = report(service, "application/jsonl")
    assert whole.headers["Transfer-Encoding"] == "chunked"
    assert len(whole.content.splitlines()) == ROWS
    assert len(whole.content) > 20 * 2**20
    assert peak_kib(service) - before < 12 * 1024  # 4 MB wait for the reader at most


def test_a_reader_holds_one_thread_and_others_are_served(service: Gunicorn) -> None:
    with report(service, "application/jsonl", stream=True) as unread:
        assert unread.status_code == 200
        assert report(service).status_code == 429
        url = f"http://127.0.0.1:{service.port}/v1/api/limits"
        headers = {"Authorization": f"Bearer {service.key}"}
        for _ in range(5):
            assert requests.get(url, headers=headers, timeout=5).status_code == 200


def test_a_reader_who_has_gone_gives_the_place_back(service: Gunicorn) -> None:
    gone = report(service, "application/jsonl", stream=True)
    gone.close()
    answers = iter(lambda: report(service, params={"reference": "invoice 7"}).status_code, 200)
    assert sum(1 for _ in answers) < 1000


def test_a_report_that_cannot_be_completed_is_an_error_to_its_reader(service: Gunicorn) -> None:
    database = service.log.with_name("test.db")
    with report(service, "application/jsonl", stream=True) as answer:
        parts = answer.iter_content(65536)
        assert next(parts)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("ALTER TABLE Disbursements RENAME TO gone")
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                for _ in parts:
                    pass
            connection.execute("ALTER TABLE gone RENAME TO Disbursements")
    assert "a report of payments ends before its end: " in service.output()
    assert "Traceback" not in service.output()
    assert report(service, params={"reference": "invoice 7"}).status_code == 200
