"""Scheduled payments over HTTP: what is accepted, what is refused, and what is shown."""

from __future__ import annotations

import pytest

from tests.api.conftest import Bench, problem

FORMAT = "Must be a date and time with an offset (RFC 3339), such as 2026-11-01T09:00:00-05:00."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-01T01:30:00-04:00", "2026-11-01T05:30:00.000000Z"),
        ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00.000000Z"),
        ("2026-03-29t02:30:00.1234567+01:00", "2026-03-29T01:30:00.123456Z"),
        ("2026-03-02T00:00:00z", "2026-03-02T00:00:00.000000Z"),
    ],
)
def test_it_is_accepted_and_shows_its_time_in_utc(paying: Bench, text: str, shown: str) -> None:
    response = paying.pay(scheduled_at=text)
    assert response.status_code == 202
    body = response.get_json()
    assert (body["status"], body["scheduled_at"]) == ("pending", shown)
    assert paying.client.get(response.headers["Location"]).get_json() == body


def test_a_payment_that_is_not_scheduled_says_so(paying: Bench) -> None:
    assert paying.pay().get_json()["scheduled_at"] is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T09:00:00",  # no offset
        "2026-11-01",
        "2026-11-01 09:00:00Z",
        "2026-11-01T09:00:00 Z",
        "2026-11-01T09:00:60Z",
        "2026-11-01T09:00Z",
        "20261101T090000Z",
        "2026-02-30T09:00:00Z",
        "2026-11-01T09:00:00+24:00",
        "9999-12-31T23:59:59-01:00",
        "tomorrow",
        "",
    ],
)
def test_another_form_of_a_time_is_invalid(paying: Bench, text: str) -> None:
    body = problem(paying.pay(scheduled_at=text), 400, "invalid-request")
    assert body["errors"] == [{"pointer": "/scheduled_at", "message": FORMAT}]


@pytest.mark.parametrize("value", [None, 1793523600, ["2026-11-01T09:00:00Z"]])
def test_another_type_is_invalid(paying: Bench, value: object) -> None:
    body = problem(paying.pay(scheduled_at=value), 400, "invalid-request")
    assert [each["pointer"] for each in body["errors"]] == ["/scheduled_at"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-03-01T12:00:00Z", "Must be in the future."),
        ("2026-03-01T13:00:00+01:00", "Must be in the future."),
        ("0001-01-01T00:00:00Z", "Must be in the future."),
        ("2027-03-03T12:00:00Z", "Must be at most a year (366 days) ahead."),
    ],
)
def test_a_time_that_is_past_or_too_far_cannot_be_paid(
    paying: Bench, text: str, message: str
) -> None:
    body = problem(paying.pay(scheduled_at=text), 422, "not-payable")
    assert body["errors"] == [{"pointer": "/scheduled_at", "message": message}]


def test_two_texts_of_the_same_time_are_the_same_request(paying: Bench) -> None:
    key = {"Idempotency-Key": "k1"}
    first = paying.pay(key, scheduled_at="2026-11-01T09:00:00-05:00").get_json()
    again = paying.pay(key, scheduled_at="2026-11-01T14:00:00Z")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json() == first
    problem(paying.pay(key), 422, "idempotency-key-reused")


def test_it_is_cancelled_before_its_time(paying: Bench) -> None:
    location = paying.pay(scheduled_at="2026-11-01T09:00:00Z").headers["Location"]
    body = paying.client.post(f"{location}/cancel").get_json()
    assert (body["status"], body["scheduled_at"]) == ("cancelled", "2026-11-01T09:00:00.000000Z")
