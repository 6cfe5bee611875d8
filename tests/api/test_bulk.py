"""Bulk runs over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.api import bulk_bodies
from tests.api.conftest import ORDER, Bench, problem

BULK = "/v1/api/bulk"
CSV = "customer_id,email,amount,currency\nada,ada@example.com,12.50,USD\nbob,b@example.com,-3,USD\n"
KEY = {"Idempotency-Key": "k1"}


def ask(
    bench: Bench, body: str | bytes = CSV, query: str = "mode=each", **options: Any
) -> TestResponse:
    return bench.send(f"{BULK}?{query}", body, **{"content_type": "text/csv", **options})


def worked_off(bench: Bench, response: TestResponse) -> dict[str, Any]:
    """Have the run worked off, and return it."""
    assert response.status_code == 202, response.get_data(as_text=True)
    while bench.services.bulk_runner.advance():
        pass
    found: dict[str, Any] = bench.client.get(response.headers["Location"]).get_json()
    return found


def rows(bench: Bench, run: dict[str, Any], query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = bench.client.get(f"{BULK}/{run['bulk_id']}/rows{query}").get_json()
    return found


def test_a_file_is_taken_in_and_each_row_followed(paying: Bench) -> None:
    response = ask(paying, headers=KEY)
    taken = response.get_json()
    assert (taken["status"], taken["total"], taken["created_by"]) == ("accepting", 2, "test")
    done = worked_off(paying, response)
    assert (done["status"], done["accepted"], done["rejected"]) == ("completed", 1, 1)
    assert done["sums"] == [{"currency": "USD", "amount": 12.5}]
    found = rows(paying, done)
    first, second = found["rows"]
    assert (first["line"], first["payment_status"], first["errors"]) == (2, "pending", [])
    path = f"/v1/api/payment/ada/{first['payment_id']}"
    assert paying.client.get(path).get_json()["bulk_id"] == done["bulk_id"]
    assert (second["line"], second["customer_id"], second["payment_id"]) == (3, "bob", None)
    assert second["errors"] == [
        {"field": "amount", "message": "The value is negative: a payment is greater than 0."}
    ]
    assert done["payments"]["counts"] == [{"status": "pending", "count": 1}]
    listed = {**done, "payments": None}  # those are counted when a run is shown by itself
    assert paying.client.get(BULK).get_json() == {"runs": [listed], "next_cursor": None}


def test_the_payments_of_a_run_are_found_by_it(paying: Bench) -> None:
    paying.pay()
    done = worked_off(paying, ask(paying, CSV + "ada,ada@example.com,1,USD\n"))
    paying.pay()
    path = f"/v1/api/payment?bulk_id={done['bulk_id']}"
    found = paying.client.get(path).get_json()["payments"]
    assert [each["amount"] for each in found] == [1, 12.5]
    assert paying.client.get(f"{path}&max_amount=5").get_json()["payments"] == found[:1]
    problem(paying.client.get("/v1/api/payment?bulk_id=x"), 400, "invalid-request")


def test_rows_are_listed_by_status_and_page(paying: Bench) -> None:
    done = worked_off(paying, ask(paying, CSV + "ada,ada@example.com,1,USD\n"))
    assert [row["line"] for row in rows(paying, done, "?status=rejected")["rows"]] == [3]
    page = rows(paying, done, "?status=accepted&limit=1")
    assert ([row["line"] for row in page["rows"]], page["next_cursor"]) == ([2], 2)
    page = rows(paying, done, "?status=accepted&cursor=2")
    assert ([row["line"] for row in page["rows"]], page["next_cursor"]) == ([4], None)


def test_a_list_in_json_is_a_run_too(paying: Bench) -> None:
    body = json.dumps({"payments": [ORDER, {**ORDER, "amount": 0}]})
    done = worked_off(paying, ask(paying, body, content_type="application/json"))
    assert (done["accepted"], done["rejected"]) == (1, 1)
    assert rows(paying, done, "?status=rejected")["rows"][0]["line"] == 2


def test_nothing_is_paid_unless_every_row_is_fine(paying: Bench) -> None:
    done = worked_off(paying, ask(paying, query=""))
    assert (done["mode"], done["status"], done["rejected"]) == ("all", "refused", 1)
    assert paying.client.get("/v1/api/payment").get_json()["payments"] == []


def test_a_dry_run_pays_nothing(paying: Bench) -> None:
    done = worked_off(paying, ask(paying, query="dry_run=true"))
    assert (done["dry_run"], done["status"], done["accepted"]) == (True, "checked", 1)
    assert paying.client.get("/v1/api/payment").get_json()["payments"] == []


def test_a_retry_is_answered_with_the_run(paying: Bench) -> None:
    first, second = ask(paying, headers=KEY), ask(paying, headers=KEY)
    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"
    problem(ask(paying, CSV + "x", headers=KEY), 422, "idempotency-key-reused")
    assert ask(paying).get_json()["bulk_id"] != first.get_json()["bulk_id"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("customer_id,email\n", "Line 1, column amount: The column is missing"),
        (CSV.encode() + b"\xff,", "Line 4: The file is not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_line(
    paying: Bench, body: str | bytes, message: str
) -> None:
    found = problem(ask(paying, body), 400, "invalid-request")
    assert found["errors"][0]["message"].startswith(message)
    assert paying.client.get(BULK).get_json()["runs"] == []


def test_a_file_without_rows_and_one_that_is_too_long_are_refused(
    paying: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem(ask(paying, "customer_id,email,amount,currency\n"), 422, "unprocessable")
    monkeypatch.setattr(bulk_bodies, "BULK_MAX_BYTES", 100)
    problem(ask(paying, CSV * 2), 413, "too-large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", None])
def test_other_types_of_body_are_refused(paying: Bench, content_type: str | None) -> None:
    problem(ask(paying, content_type=content_type), 415, "media-type")


def test_a_body_longer_than_that_of_other_requests_is_read(paying: Bench) -> None:
    line = "ada,ada@example.com,12.50,USD," + "x" * 100 + "\n"
    body = "customer_id,email,amount,currency,description\n" + line * 1000
    assert ask(paying, body).get_json()["total"] == 1000


def test_a_run_is_held_released_and_cancelled(paying: Bench) -> None:
    run = ask(paying).get_json()
    path = f"{BULK}/{run['bulk_id']}"
    held = paying.client.post(f"{path}/hold", json={"reason": "odd"}).get_json()
    assert (held["held_by"], held["reason"]) == ("test", "odd")
    assert paying.client.post(f"{path}/release").get_json()["held_by"] is None
    assert paying.client.post(f"{path}/cancel").get_json()["cancelled_by"] == "test"
    paying.services.bulk_runner.advance()
    assert paying.client.get(path).get_json()["status"] == "cancelled"
    problem(paying.client.post(f"{path}/hold", json={"reason": "odd"}), 409, "conflict")
    problem(paying.client.get(f"{BULK}/20260102T030405678901-00000000"), 404, "not-found")


def test_the_end_of_a_run_is_an_event_with_the_run(paying: Bench) -> None:
    done = worked_off(paying, ask(paying))
    (event,) = paying.client.get("/v1/api/events?type=bulk.completed").get_json()["events"]
    then = {**done, "payments": None}  # they are counted when the run is shown
    assert (event["data"], event["timestamp"]) == (then, done["completed_at"])
