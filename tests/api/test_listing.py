"""Paging and filtering a customer's payments."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from paymentapp.models.payments import Status
from tests.api.conftest import Bench, problem
from tests.api.test_payments import move

PATH = "/v1/api/payment/ada"


@pytest.fixture
def history(paying: Bench) -> Bench:
    """Create five payments of one customer on five days, the second one submitted."""
    for day in range(1, 6):
        paying.now = datetime(2026, 4, day, 23, 59, 59, 999_998, tzinfo=UTC)
        location = paying.pay(amount=day).headers["Location"]
        if day == 2:
            move(paying, location, Status.SUBMITTED)
    return paying


def amounts(bench: Bench, query: str = "") -> list[Any]:
    response = bench.client.get(PATH + query)
    assert response.status_code == 200, response.get_data(as_text=True)
    return [payment["amount"] for payment in response.get_json()["payments"]]


def test_the_newest_comes_first(history: Bench) -> None:
    body = history.client.get(PATH).get_json()
    assert set(body) == {"customer_id", "payments", "next_cursor"}
    assert (body["customer_id"], body["next_cursor"]) == ("ada", None)
    assert amounts(history) == [5, 4, 3, 2, 1]


def test_pages_follow_each_other(history: Bench) -> None:
    seen: list[Any] = []
    query = "?limit=2"
    for _ in range(3):
        body = history.client.get(PATH + query).get_json()
        seen += [payment["amount"] for payment in body["payments"]]
        query = f"?limit=2&cursor={body['next_cursor']}"
    assert seen == [5, 4, 3, 2, 1]
    assert body["next_cursor"] is None


def test_a_status_leaves_others_out_and_the_page_may_be_short(history: Bench) -> None:
    assert amounts(history, "?status=submitted") == [2]
    body = history.client.get(f"{PATH}?status=submitted&limit=2").get_json()
    assert body["payments"] == []
    assert body["next_cursor"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?from=2026-04-03", [5, 4, 3]),
        ("?to=2026-04-03", [3, 2, 1]),
        ("?from=2026-04-02&to=2026-04-04", [4, 3, 2]),
        ("?from=2026-04-03T23:59:59.999999Z&to=2026-04-03T23:59:59.999999Z", [3]),
        ("?from=2026-04-04T00:00:00Z", [5, 4]),
        ("?from=2026-04-04t00:00:00z", [5, 4]),
        ("?from=2026-04-04t01:59:59.999999%2b02:00&limit=3", [5, 4, 3]),
        ("?from=2026-04-04T01:59:59.999999%2B02:00&limit=3", [5, 4, 3]),
        ("?to=2026-04-01T19:00:00-05:00", [1]),
        ("?from=2026-04-06", []),
        ("?from=2026-04-04&to=2026-04-02", []),
    ],
)
def test_a_span_of_time_is_inclusive(history: Bench, query: str, expected: list[int]) -> None:
    assert amounts(history, query) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("limit", value)
            for value in ("0", "101", "-1", "x", "", "1.5", "1e1", "٣", "1_0", " 5")
        ],
        *[("status", value) for value in ("", "PENDING", "done")],
        *[
            (end, value)
            for end in ("from", "to")
            for value in ("", "yesterday", "2026-13-01", "2026-04-01T00:00:00", "20260401")
        ],
        ("from", "2026-04-01T00:00:00+02:00"),  # an unescaped + is a space
        ("from", "0001-01-01T00:00:00%2B14:00"),
        ("offset", "5"),
        ("Limit", "5"),
    ],
)
def test_a_query_is_checked(paying: Bench, name: str, value: str) -> None:
    response = paying.client.get(f"{PATH}?{name}={value}")
    errors = problem(response, 400, "invalid-request")["errors"]
    assert [error["parameter"] for error in errors] == [name]


def test_a_parameter_is_given_once(paying: Bench) -> None:
    errors = problem(paying.client.get(f"{PATH}?limit=1&limit=2"), 400, "invalid-request")["errors"]
    assert errors == [{"parameter": "limit", "message": "Given more than once."}]


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "../../etc/passwd",
        "null",
        "2026-04-01T00:00:00.000000Z",
        encoded("2026-04-01T00:00:00.000000Z")[:-1],
        encoded("2026-04-01T00:00:00.000000Z") + "=",
        encoded("2026-04-01T00:00:00.000000Z") + "\n",
        encoded("2026-04-31T00:00:00.000000Z"),
        encoded("2026-04-01T00:00:00Z"),
        encoded("2026-04-01T02:00:00.000000+02:00"),
        encoded("9999-99-99T99:99:99.999999Z"),
        encoded("\x00"),
        "ÿ",
        "A" * 5000,
    ],
)
def test_a_forged_cursor_is_refused(paying: Bench, cursor: str) -> None:
    response = paying.client.get(f"{PATH}?cursor={quote(cursor)}")
    errors = problem(response, 400, "invalid-request")["errors"]
    assert [error["parameter"] for error in errors] == ["cursor"]


def test_an_unknown_customer_has_no_list(bench: Bench) -> None:
    problem(bench.client.get("/v1/api/payment/nobody"), 404, "not-found")
