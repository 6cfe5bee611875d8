"""Retries over HTTP: the answer, the links between both payments, and refusals."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from paymentapp.models.payments import Cause, Status
from paymentapp.storage.changes import PaymentChange
from tests.api.conftest import Bench, problem

KEY = {"Idempotency-Key": "k1"}


@pytest.fixture
def failed(paying: Bench) -> str:
    """Return the URL of a payment that failed."""
    location = paying.pay().headers["Location"]
    end(paying, Status.FAILED)
    return location


def end(bench: Bench, status: Status) -> None:
    """Have the payment that was accepted last come to its end."""
    paid = bench.worker.woken[-1]
    sent = paid.moved(Status.SUBMITTING, bench.now, Cause.DISPATCH, due_at=None)
    change = PaymentChange(paid, sent.moved(status, bench.now, Cause.POLL, reason="no"))
    assert bench.store.change_payments([change]) == [True]


def retry(bench: Bench, location: str, headers: dict[str, str] | None = None) -> TestResponse:
    return bench.client.post(f"{location}/retry", json={}, headers=headers)


def test_a_retry_is_a_new_payment_and_both_name_each_other(paying: Bench, failed: str) -> None:
    response = retry(paying, failed)
    assert response.status_code == 202
    new = paying.client.get(response.headers["Location"]).get_json()
    old = paying.client.get(failed).get_json()
    assert response.get_json() == new
    assert (new["retry_of"], new["retried_by"]) == (old["payment_id"], None)
    assert (old["retry_of"], old["retried_by"]) == (None, new["payment_id"])
    assert (new["status"], new["amount"], new["created_by"]) == ("pending", 12.5, "test")


def test_the_same_key_is_answered_with_the_same_retry(paying: Bench, failed: str) -> None:
    first = retry(paying, failed, KEY)
    again = retry(paying, failed, KEY)
    assert again.get_json() == first.get_json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (
        None,
        "true",
    )


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.CANCELLED])
def test_what_was_paid_or_cancelled_is_not_retried(paying: Bench, status: Status) -> None:
    location = paying.pay().headers["Location"]
    end(paying, status)
    detail = problem(retry(paying, location), 409, "conflict")["detail"]
    assert detail.endswith(f"this one is {status}.")


def test_while_a_retry_is_open_another_one_is_refused(paying: Bench, failed: str) -> None:
    retry_id = retry(paying, failed).get_json()["payment_id"]
    detail = problem(retry(paying, failed), 409, "conflict")["detail"]
    assert detail == f"It has been retried by payment {retry_id}, which is pending."


def test_a_retry_needs_no_body(paying: Bench, failed: str) -> None:
    assert paying.client.post(f"{failed}/retry").status_code == 202


def test_a_body_that_is_no_json_is_refused_though_none_is_needed(
    paying: Bench, failed: str
) -> None:
    for options in ({"data": "{}"}, {"data": "", "content_type": "text/plain"}):
        problem(paying.client.post(f"{failed}/retry", **options), 415, "media-type")
    empty = paying.client.post(f"{failed}/retry", data="", content_type="application/json")
    problem(empty, 400, "invalid-request")


def test_what_a_retry_does_not_know_is_invalid(paying: Bench, failed: str) -> None:
    bodies: list[object] = [{"amount": 1}, {"payment_method": None}, []]
    for body in bodies:
        problem(paying.client.post(f"{failed}/retry", json=body), 400, "invalid-request")


def test_another_client_does_not_retry_it(paying: Bench, failed: str) -> None:
    keys = paying.services.api_keys
    other = paying.caller(keys.create("other", ["payments:write"])[1])
    response = other.post(f"{failed}/retry", json={})
    assert "may be retried" in problem(response, 403, "forbidden")["detail"]
    both = paying.caller(keys.create("both", ["payments:write", "payments:hold"])[1])
    assert both.post(f"{failed}/retry", json={}).get_json()["created_by"] == "both"
