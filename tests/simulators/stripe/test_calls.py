"""Authentication, headers, paths and bodies of calls."""

from __future__ import annotations

import pytest
import stripe

from .support import OK, Live, fault_of


def test_a_wrong_key_is_refused_and_redacted(live: Live) -> None:
    live.set(api_key="sk_test_theonlyone1")
    with pytest.raises(stripe.AuthenticationError) as caught:
        live.client_with("sk_test_anotherone9876").v1.balance.retrieve()
    error = fault_of(caught)
    assert (caught.value.http_status, error["type"]) == (401, "invalid_request_error")
    assert error["message"] == "Invalid API Key provided: sk_test_**********9876"
    assert live.client_with("sk_test_theonlyone1").v1.balance.retrieve().object == "balance"


@pytest.mark.parametrize("key", ["sk_live_real0001", "pk_test_public0001", "nokey77"])
def test_any_key_is_a_secret_test_key(live: Live, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        live.client_with(key).v1.balance.retrieve()
    assert key not in str(caught.value)


def test_no_key_is_401(live: Live) -> None:
    answer = live.raw("GET", "balance", headers={"Authorization": ""})
    assert answer.status_code == 401
    assert "You did not provide an API key" in answer.json()["error"]["message"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_may_come_as_a_user_name(live: Live) -> None:
    url = f"{live.url}/stripe/v1/balance"
    assert live.session.get(url, auth=("sk_test_x", ""), timeout=5).status_code == 200


def test_every_answer_names_its_request_and_version(live: Live) -> None:
    for path, status in (("balance", 200), ("transfers/tr_x", 404), ("nothing", 404)):
        answer = live.raw("GET", path, headers={"Stripe-Version": "2025-01-27.acacia"})
        assert answer.status_code == status
        assert answer.headers["Request-Id"].startswith("req_")
        assert answer.headers["Stripe-Version"] == "2025-01-27.acacia"
    error = answer.json()["error"]
    assert answer.headers["Request-Id"] in error["request_log_url"]
    assert live.raw("GET", "balance").headers["Stripe-Version"] == "2026-10-28.endive"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "nothing"), ("DELETE", "transfers/tr_1"), ("POST", "balance"), ("GET", "transfers/")],
)
def test_what_is_no_endpoint_is_404(live: Live, method: str, path: str) -> None:
    answer = live.raw(method, path)
    assert answer.status_code == 404
    message = answer.json()["error"]["message"]
    assert message.startswith(f"Unrecognized request URL ({method}: /v1/{path})")


def test_a_body_is_a_form(live: Live) -> None:
    answer = live.raw("POST", "transfers", json={"amount": 1})
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", ["metadata[a]=1&metadata=2", "metadata=1&metadata[a]=2", "a[=1"])
def test_a_form_that_contradicts_itself_is_refused(live: Live, body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = live.raw("POST", "transfers", data=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_an_account_that_is_acted_for_is_named_back(live: Live) -> None:
    answer = live.raw("GET", "payouts", headers={"Stripe-Account": OK})
    assert (answer.status_code, answer.headers["Stripe-Account"]) == (200, OK)


def test_paypal_is_still_beside_it(live: Live) -> None:
    answer = live.session.post(f"{live.url}/v1/oauth2/token", timeout=5)
    assert answer.status_code == 401
    assert "error" in answer.json()
    assert live.session.get(f"{live.url}/", timeout=5).status_code == 200
