"""Access tokens at the API: who calls, what they may, and what the issuer's downtime means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from paymentapp.config import Settings
from paymentapp.variables import Variables
from tests.api.conftest import ORDER, Bench, problem
from tests.support.oidc_issuer import Issuer, ec_key, running_issuer

CUSTOMER = "/v1/api/customer/ada"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def accepting(issuer: Issuer) -> Bench:
    """Return a service with a customer, which accepts the issuer's tokens."""
    bench = Bench(Settings(variables=Variables(issuer.environ)))
    issuer.clock = bench.clock
    bench.add_customer()
    return bench


def test_a_token_alone_pays_and_its_person_is_named(accepting: Bench, issuer: Issuer) -> None:
    client = accepting.caller(issuer.token(sub="grace"))
    made = client.post("/v1/api/payment", json=ORDER)
    assert made.status_code == 202
    shown = client.get(made.headers["Location"]).get_json()
    assert shown["created_by"] == "grace"
    assert shown["history"][0]["by"] == "grace"


def test_a_token_may_do_what_it_grants_and_no_more(accepting: Bench, issuer: Issuer) -> None:
    reader = accepting.caller(issuer.token(scope="customers:read"))
    assert reader.get(CUSTOMER).status_code == 200
    refused = reader.post("/v1/api/payment", json=ORDER)
    problem(refused, 403, "forbidden")
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope", scope="payments:write"' in challenge
    nobody = accepting.caller(issuer.token(scope="openid"))
    problem(nobody.get(CUSTOMER), 403, "forbidden")


def test_keys_go_on_working_beside_tokens(accepting: Bench, issuer: Issuer) -> None:
    assert accepting.client.get(CUSTOMER).status_code == 200
    assert issuer.seen == []


@pytest.mark.parametrize("key", ["pk_a.b.c", "pk_0123456789abcdef_a.b.c", "a.b", "a.b.c.d", "abc"])
def test_what_is_no_token_is_taken_for_a_key(accepting: Bench, issuer: Issuer, key: str) -> None:
    body = problem(accepting.caller(key).get(CUSTOMER), 401, "unauthorized")
    assert "API key" in body["detail"]
    assert issuer.seen == []


def test_without_an_issuer_a_token_is_no_credential(paying: Bench, issuer: Issuer) -> None:
    problem(paying.caller(issuer.token()).get(CUSTOMER), 401, "unauthorized")
    assert issuer.seen == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1}, "has expired"),
        ({"aud": "other"}, "another audience"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"token_use": "id"}, "ID token"),
    ],
)
def test_a_token_that_is_refused_is_401_and_says_why(
    accepting: Bench, issuer: Issuer, changes: dict[str, Any], reason: str
) -> None:
    token = issuer.token(**changes)
    response = accepting.caller(token).get(CUSTOMER)
    assert reason in problem(response, 401, "unauthorized")["detail"]
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert token.split(".")[1] not in response.get_data(as_text=True)


def test_nothing_of_a_token_is_logged(
    accepting: Bench, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "paymentapp")
    for token in (issuer.token(), issuer.token(exp=1), issuer.token(ec_key("unknown"))):
        accepting.caller(token).post("/v1/api/payment", json=ORDER)
        assert not [part for part in token.split(".") if part in caplog.text]
    assert 'client="ada"' in caplog.text


def test_an_issuer_that_is_down_is_503_and_the_service_recovers(
    accepting: Bench, issuer: Issuer
) -> None:
    issuer.stop()
    response = accepting.caller(issuer.token()).get(CUSTOMER)
    problem(response, 503, "not-verified")
    assert 1 <= int(response.headers["Retry-After"]) <= 5
    issuer.start()


def test_a_known_persons_requests_survive_the_issuer(accepting: Bench, issuer: Issuer) -> None:
    client = accepting.caller(issuer.token(scope="customers:read"))
    assert client.get(CUSTOMER).status_code == 200
    issuer.stop()
    assert client.get(CUSTOMER).status_code == 200
    issuer.start()
