"""Rate limits: who is refused, by which headers, and that a refusal changes nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.api.rate_limits import UNLIMITED
from paymentapp.config import Settings, load_settings
from paymentapp.errors import NotGenuine, SettingsError, StoreUnavailable
from paymentapp.quotas import Quota
from paymentapp.rate_limits.counters import WindowCounters
from paymentapp.rate_limits.limits import WRONG_KEY_UNITS, network_of
from tests.api.conftest import ORDER, Bench, problem
from tests.support.failing_store import FailingStore
from tests.support.scripted_webhooks import ScriptedWebhooks
from tests.unit.test_rate_limit_counters import Timer

ADA = "/v1/api/customer/ada"
WRONG = "pk_0123456789abcdef_" + "A" * 43
STRANGER = {"REMOTE_ADDR": "192.0.2.1"}


class Limited(Bench):
    """A service with limits, and the timer of its counters."""

    def __init__(self, clients: str = "off", addresses: str = "600/60", **others: Any) -> None:
        self.timer = Timer()
        environ = {
            "PAYMENTAPP_RATE_LIMIT_CLIENTS": clients,
            "PAYMENTAPP_RATE_LIMIT_ADDRESSES": addresses,
        }
        settings = others.pop("settings", None) or load_settings(environ)
        super().__init__(settings, counters=WindowCounters(timer=self.timer), **others)
        self.add_customer()

    def guess(self, token: str = WRONG, environ: dict[str, str] = STRANGER) -> TestResponse:
        """Present a key from an address."""
        return self.caller(token).get(ADA, environ_overrides=environ)

    def look(self, path: str = "/openapi.json", environ: dict[str, str] = STRANGER) -> TestResponse:
        """Send a request without a key from an address."""
        return self.caller(None).get(path, environ_overrides=environ)


def headers(response: TestResponse) -> tuple[str | None, str | None]:
    return response.headers.get("RateLimit-Policy"), response.headers.get("RateLimit")


def test_a_client_beyond_its_quota_is_refused_until_the_window_is_over() -> None:
    bench = Limited("3/60")
    for remaining in (2, 1, 0):
        response = bench.pay()
        assert response.status_code == 202
        assert headers(response) == ('"client";q=3;w=60', f'"client";r={remaining};t=60')
    bench.timer.now += 12.5
    refused = bench.pay()
    problem(refused, 429, "too-many-requests")
    assert headers(refused) == ('"client";q=3;w=60', '"client";r=0;t=48')
    assert refused.headers["Retry-After"] == "48"
    bench.timer.now += 48
    assert bench.pay().status_code == 202


def test_a_refusal_changes_nothing_and_the_retry_is_as_good_as_the_first() -> None:
    bench = Limited("1/60")
    key = {"Idempotency-Key": "k1"}
    assert bench.client.get(ADA).status_code == 200
    before = len(bench.store.calls)
    problem(bench.pay(key), 429, "too-many-requests")
    assert bench.store.calls[before:] == []
    bench.timer.now += 60
    accepted = bench.pay(key)
    assert accepted.status_code == 202
    problem(bench.pay(key), 429, "too-many-requests")
    bench.timer.now += 60
    replayed = bench.pay(key)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert replayed.get_json() == accepted.get_json()
    assert len(bench.store._payments) == 1


def test_a_client_has_one_quota_whatever_its_keys_and_others_have_theirs() -> None:
    bench = Limited("2/60")
    _, second = bench.services.api_keys.create("second", ["read"], client="test")
    _, other = bench.services.api_keys.create("other", ["read"])
    assert bench.client.get(ADA).status_code == 200
    assert bench.caller(second).get(ADA).status_code == 200
    assert bench.caller(second).get(ADA).status_code == 429
    assert bench.client.get(ADA).status_code == 429
    assert bench.caller(other).get(ADA).status_code == 200


def test_what_a_client_may_not_do_counts_too() -> None:
    bench = Limited("1/60")
    reader = bench.caller(bench.services.api_keys.create("reader", ["read"])[1])
    assert reader.post("/v1/api/payment", json=ORDER).status_code == 403
    assert reader.post("/v1/api/payment", json=ORDER).status_code == 429


def test_by_default_no_client_is_limited_and_answers_have_no_such_header() -> None:
    bench = Limited()
    assert Settings().rate_limit_clients is None
    for _ in range(700):
        response = bench.client.get(ADA)
        assert response.status_code == 200
    assert headers(response) == (None, None)


def test_wrong_keys_are_counted_hardest_and_then_not_even_looked_up() -> None:
    bench = Limited()
    for _ in range(600 // WRONG_KEY_UNITS):
        problem(bench.guess(), 401, "unauthorized")
    before = len(bench.store.calls)
    refused = bench.guess(bench.services.api_keys.create("new", ["read"])[1])
    problem(refused, 429, "too-many-requests")  # a right guess is told no more than a wrong one
    assert headers(refused) == ('"address";q=600;w=60', '"address";r=0;t=60')
    assert "get_api_key" not in bench.store.calls[before:]
    assert bench.guess(environ={"REMOTE_ADDR": "192.0.2.2"}).status_code == 401
    bench.timer.now += 60
    problem(bench.guess(), 401, "unauthorized")


def test_whoever_shares_an_address_with_an_attacker_goes_on_to_be_served() -> None:
    bench = Limited(addresses="20/60")
    assert bench.guess(bench.token).status_code == 200
    bench.guess()
    assert bench.guess().status_code == 429
    assert bench.guess(bench.token).status_code == 200
    key_id = bench.token.split("_")[1]
    bench.services.api_keys.revoke(key_id)
    assert bench.guess(bench.token).status_code == 401
    assert bench.guess(bench.token).status_code == 429  # it is a known one no more


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/nowhere", ADA, "/metrics"])
def test_whatever_is_asked_for_without_a_key_counts_for_the_address(path: str) -> None:
    bench = Limited(addresses="2/60")
    first = bench.look(path)
    assert first.status_code in {200, 401, 404}
    assert headers(first) == ('"address";q=2;w=60', '"address";r=1;t=60')
    bench.look(path)
    before = bench.look(path)
    problem(before, 429, "too-many-requests")
    assert bench.look(path, {"REMOTE_ADDR": "192.0.2.2"}).status_code != 429


def test_a_malformed_request_counts_before_its_headers_are_looked_at() -> None:
    bench = Limited(addresses="1/60")
    twice = {"Authorization": "Bearer a, Bearer b"}
    client = bench.caller(None)
    assert client.get(ADA, headers=twice, environ_overrides=STRANGER).status_code == 400
    assert client.get(ADA, headers=twice, environ_overrides=STRANGER).status_code == 429


def test_whatever_is_presented_as_a_key_is_a_wrong_one() -> None:
    settings = load_settings({"PAYMENTAPP_RATE_LIMIT_ADDRESSES": "40/60"})
    bench = Limited(settings=settings)
    response = bench.caller("x" * 16).get("/v1/api/customer/ada", environ_overrides=STRANGER)
    assert headers(response)[1] == '"address";r=20;t=60'


def test_what_fails_here_counts_for_nobody() -> None:
    store = FailingStore()
    bench = Limited(addresses="1/60", store=store)
    for _ in range(3):
        store.planned["get_api_key"] = StoreUnavailable("throttled")
        assert bench.guess().status_code == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_checks_are_always_answered(path: str) -> None:
    bench = Limited(addresses="1/60")
    bench.look()
    assert bench.look().status_code == 429
    assert bench.look(path).status_code == 200


def test_webhooks_are_not_limited_by_address() -> None:
    bench = Limited(addresses="1/60")
    webhooks = ScriptedWebhooks()
    bench.providers["paypal"].webhooks = webhooks
    webhooks.problem = NotGenuine("forged")
    bench.look()
    for _ in range(3):
        answer = bench.caller(None).post("/webhooks/paypal", environ_overrides=STRANGER)
        assert answer.status_code == 400


def test_the_endpoints_that_have_no_limit_are_there(bench: Bench) -> None:
    assert bench.app.view_functions.keys() >= UNLIMITED


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_host_s_own_network_of_ipv6_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_both_limits_can_be_off() -> None:
    bench = Limited(addresses="off")
    for _ in range(40):
        response = bench.guess()
        problem(response, 401, "unauthorized")
    assert headers(response) == (None, None)


def test_the_local_client_is_a_client() -> None:
    settings = load_settings({"PAYMENTAPP_AUTH": "off", "PAYMENTAPP_RATE_LIMIT_CLIENTS": "1/60"})
    bench = Limited(settings=settings)
    assert bench.caller(None).get(ADA).status_code == 200
    assert bench.caller(None).get(ADA).status_code == 429


def test_a_limit_that_is_reached_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "paymentapp.rate_limits")
    bench = Limited("2/60")
    for _ in range(5):
        bench.client.get(ADA)
    assert [record.getMessage() for record in caplog.records] == [
        "rate limit of client 'test' reached: 2 requests in 60 s; refused for 60 s"
    ]


@pytest.mark.parametrize("text", ["0/60", "5", "5/0", "5/60/1", "on", "-1/60", "5/86401", "a/b"])
def test_a_setting_that_is_no_quota_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_RATE_LIMIT_CLIENTS must be off, or"):
        load_settings({"PAYMENTAPP_RATE_LIMIT_CLIENTS": text})


def test_a_setting_is_a_quota_or_off() -> None:
    assert load_settings({"PAYMENTAPP_RATE_LIMIT_CLIENTS": "5/86400"}).rate_limit_clients == Quota(
        5, 86400
    )
    assert load_settings({"PAYMENTAPP_RATE_LIMIT_ADDRESSES": "OFF"}).rate_limit_addresses is None


def test_the_document_has_the_refusal_as_it_is_answered() -> None:
    bench = Limited("1/60")
    document = bench.client.get("/openapi.json").get_json()
    bench.client.get(ADA)
    answer = bench.client.get(ADA)
    refusal = document["components"]["responses"]["TOO_MANY_REQUESTS"]
    (example,) = refusal["content"]["application/problem+json"]["examples"].values()
    shown = {**answer.get_json(), "request_id": example["value"]["request_id"]}
    assert example["value"] == shown
    assert refusal["headers"].keys() == {"Retry-After", "RateLimit-Policy", "RateLimit"}
    assert refusal["headers"].keys() <= set(answer.headers.keys())
    operation = document["paths"]["/v1/api/payment"]["post"]
    assert operation["responses"]["429"] == {"$ref": "#/components/responses/TOO_MANY_REQUESTS"}
