"""The id of a request: in its answer, in problems and in each line that is logged meanwhile."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from paymentapp import correlation
from paymentapp.api.security_log import GATEWAY_REQUEST_ID
from tests.api.conftest import Bench, problem


class Lines(logging.Handler):
    """Keeps what the work at hand belongs to, at each line."""

    def __init__(self) -> None:
        super().__init__()
        self.about: list[dict[str, str]] = []

    def emit(self, _record: logging.LogRecord) -> None:
        self.about.append(dict(correlation.current()))


@pytest.fixture
def lines() -> Any:
    handler, log = Lines(), logging.getLogger("paymentapp")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler.about
    log.removeHandler(handler)
    log.setLevel(level)


def test_a_problem_has_the_id_that_the_caller_has_sent(paying: Bench) -> None:
    answer = paying.pay({"X-Request-Id": "r-1"}, amount=-1)
    assert problem(answer, 400, "invalid-request")["request_id"] == "r-1"


def test_every_problem_has_the_id_of_its_answer(paying: Bench) -> None:
    """`problem` compares the two."""
    problem(paying.client.get("/nothing"), 404, "not-found")
    problem(paying.caller(None).get("/v1/api/customer/ada"), 401, "unauthorized")
    problem(paying.client.delete("/healthz"), 405, "method-not-allowed")
    paying.store.down = True
    problem(paying.client.get("/v1/api/customer/ada"), 503, "unavailable")


def test_an_unexpected_error_has_the_id_too(paying: Bench) -> None:
    paying.store.read_for_payment = lambda *_: 1 / 0  # type: ignore[assignment]
    problem(paying.pay(), 500, "internal-error")


def test_the_line_of_a_payment_has_request_client_and_payment(
    paying: Bench, lines: list[dict[str, str]]
) -> None:
    payment_id = paying.pay({"X-Request-Id": "r-1"}).get_json()["payment_id"]
    assert lines == [{"request": "r-1", "client": "test", "payment": payment_id}]


def test_a_line_about_a_payment_in_the_path_has_it(
    paying: Bench, lines: list[dict[str, str]]
) -> None:
    location = paying.pay().headers["Location"]
    paying.client.post(f"{location}/cancel")
    assert lines[1]["payment"] == location.rpartition("/")[2]


def test_what_follows_an_answer_belongs_to_no_request(paying: Bench) -> None:
    paying.pay()
    assert correlation.current() == {}


def test_the_id_of_what_is_in_front_counts_where_the_caller_has_none(bench: Bench) -> None:
    front = {GATEWAY_REQUEST_ID: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}
    answer = bench.client.get("/healthz", environ_base=front)
    assert answer.headers["X-Request-Id"] == front[GATEWAY_REQUEST_ID]


def test_both_ids_are_logged_where_the_caller_has_one(
    paying: Bench, lines: list[dict[str, str]]
) -> None:
    paying.client.environ_base[GATEWAY_REQUEST_ID] = "g-1"
    paying.pay({"X-Request-Id": "r-1"})
    assert [lines[0]["request"], lines[0]["gateway_request"]] == ["r-1", "g-1"]


def test_the_document_has_the_id_in_its_problems(bench: Bench) -> None:
    schemas = bench.client.get("/openapi.json").get_json()["components"]["schemas"]
    assert "request_id" in schemas["Problem"]["required"]
