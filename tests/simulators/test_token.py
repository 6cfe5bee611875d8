"""Access tokens: who gets one, and for how long it is valid."""

from __future__ import annotations

import pytest

from .support import PAYOUTS, Api, Description, batch


def test_a_token_has_what_paypal_says(api: Api) -> None:
    answer = api.ask_token()
    assert answer.status_code == 200
    body = answer.get_json()
    assert set(body) == {"scope", "access_token", "token_type", "app_id", "expires_in", "nonce"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 32400)
    assert "https://uri.paypal.com/payments/payouts" in body["scope"].split()


def test_the_configured_pair_alone_is_accepted(api: Api) -> None:
    api.control("PUT", "settings", json={"client_id": "me", "client_secret": "hush"})
    for user, password in (("me", "wrong"), ("you", "hush"), ("me", "")):
        answer = api.ask_token(user, password)
        assert answer.status_code == 401
        assert answer.get_json() == {
            "error": "invalid_client",
            "error_description": "Client Authentication failed",
        }
    assert api.ask_token("me", "hush").status_code == 200


def test_another_grant_is_refused(api: Api) -> None:
    answer = api.ask_token(grant_type="password")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("header", [None, "Bearer ", "Basic aWQ6c2VjcmV0", "Bearer unknown"])
def test_without_a_valid_token_nothing_is_answered(
    api: Api, description: Description, header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    client = api.app.test_client()
    for method, path in (("GET", f"{PAYOUTS}/X"), ("POST", PAYOUTS)):
        answer = client.open(path, method=method, json=batch(), headers=headers)
        assert answer.status_code == 401
        assert answer.get_json()["name"] == "AUTHENTICATION_FAILURE"
        description.check(method, path, 401, answer.get_json())
        description.check_schema("error_401", answer.get_json())
    assert api.ledger() == []


def test_a_token_expires(api: Api) -> None:
    api.control("PUT", "settings", json={"token_lifetime": 60})
    api.token = api.ask_token().get_json()["access_token"]
    api.clock.pass_by(seconds=59)
    assert api.get(f"{PAYOUTS}/POSPYO002").status_code == 200
    api.clock.pass_by(seconds=1)
    answer = api.get(f"{PAYOUTS}/POSPYO002")
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
