"""Webhooks over HTTP: which are accepted, the answers, and what is stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

import pytest
from werkzeug.test import TestResponse

from paymentapp.api.bodies import BODY_MAX_BYTES
from paymentapp.config import Settings
from paymentapp.errors import Misconfigured, NotGenuine, NotSent, OutcomeUnknown
from paymentapp.providers.updates import WebhookNews
from tests.api.conftest import UNREAD, Bench, problem
from tests.support.ledger_provider import LedgerProvider
from tests.support.scripted_webhooks import ScriptedWebhooks

NEWS = WebhookNews("WH-1", "PAYMENT.PAYOUTS-ITEM.SUCCEEDED")


@pytest.fixture
def webhooks(bench: Bench) -> ScriptedWebhooks:
    webhooks = ScriptedWebhooks()
    cast(LedgerProvider, bench.services.providers["paypal"]).webhooks = webhooks
    return webhooks


def post(bench: Bench, body: bytes, path: str = "/webhooks/paypal") -> TestResponse:
    return bench.caller(None).post(path, data=body, headers={"PayPal-Transmission-Id": "t-1"})


def events(bench: Bench) -> list[str]:
    """Return the bodies of the stored events."""
    return [event.body for event in bench.store._events.values()]


def test_a_genuine_event_is_recorded_and_answered(bench: Bench, webhooks: ScriptedWebhooks) -> None:
    body = webhooks.tells(NEWS)
    response = post(bench, body)
    assert (response.status_code, response.get_json()) == (200, {"status": "received"})
    assert events(bench) == [body.decode()]
    assert webhooks.checked[0]["paypal-transmission-id"] == "t-1"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
@pytest.mark.parametrize("body", [b' {"a": 1.0}\n', b"\x00\xff", b"not json", b'{"a":1,"a":2}'])
def test_the_check_sees_the_bytes_as_they_came(
    bench: Bench, webhooks: ScriptedWebhooks, kind: str | None, body: bytes
) -> None:
    seen: list[bytes] = []

    def look(headers: Mapping[str, str], body: bytes) -> None:
        seen.append(body)
        raise NotGenuine(f"for the test, with {len(headers)} headers")

    webhooks.verify_webhook = look
    response = bench.caller(None).post("/webhooks/paypal", data=body, content_type=kind)
    problem(response, 400, "invalid-request")
    assert seen == [body]


def test_an_event_that_comes_again_changes_nothing(
    bench: Bench, webhooks: ScriptedWebhooks
) -> None:
    body = webhooks.tells(NEWS)
    assert post(bench, body).status_code == 200
    before = dict(bench.store._events)
    assert post(bench, body).status_code == 200
    assert bench.store._events == before


def test_a_forged_or_stale_event_changes_nothing(bench: Bench, webhooks: ScriptedWebhooks) -> None:
    webhooks.problem = NotGenuine("the time of the transmission is too far off")
    body = problem(post(bench, webhooks.tells(NEWS)), 400, "invalid-request")
    assert "time" not in body["detail"]  # a forger is not told what gave it away
    assert events(bench) == []


@pytest.mark.parametrize("path", ["/webhooks/paypal", "/webhooks/stripe", "/webhooks/%00"])
def test_where_none_is_expected_there_is_nothing(bench: Bench, path: str) -> None:
    problem(post(bench, b"{}", path), 404, "not-found")


def test_a_large_body_is_refused_unread(bench: Bench, webhooks: ScriptedWebhooks) -> None:
    problem(post(bench, b"x" * (BODY_MAX_BYTES + 1)), 413, "too-large")
    assert webhooks.checked == []
    problem(post(bench, b"x" * BODY_MAX_BYTES), 400, "invalid-request")
    assert len(webhooks.checked) == 1


@pytest.mark.parametrize(
    "error", [NotSent("BUSY"), Misconfigured("NOT_AUTHORIZED"), OutcomeUnknown("X")]
)
def test_what_cannot_be_checked_now_is_asked_for_again(
    bench: Bench, webhooks: ScriptedWebhooks, error: Exception
) -> None:
    webhooks.problem = error
    response = post(bench, webhooks.tells(NEWS))
    problem(response, 503, "not-verified")
    assert int(response.headers["Retry-After"]) > 0
    assert events(bench) == []


def test_what_cannot_be_recorded_now_is_asked_for_again(
    bench: Bench, webhooks: ScriptedWebhooks
) -> None:
    body = webhooks.tells(NEWS)
    bench.store.down = True
    response = post(bench, body)
    problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    bench.store.down = False
    assert post(bench, body).status_code == 200
    assert len(events(bench)) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_it_only_takes_post(bench: Bench, method: str) -> None:
    response = bench.caller(None).open("/webhooks/paypal", method=method)
    problem(response, 405, "method-not-allowed")


def test_strangers_may_knock_even_without_authentication() -> None:
    bench = Bench(Settings(auth=False))
    stranger = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    response = bench.caller(None).post("/webhooks/paypal", environ_overrides=stranger)
    problem(response, 404, "not-found")


def test_logs_hold_no_body(
    bench: Bench, webhooks: ScriptedWebhooks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "paymentapp")
    secret = b'{"receiver": "ann@example.com"}'
    webhooks.news[secret] = NEWS
    assert post(bench, secret).status_code == 200
    webhooks.problem = NotGenuine("the signature is not the provider's")
    assert post(bench, secret).status_code == 400
    assert "WH-1" in caplog.text
    assert "the signature" in caplog.text
    assert "ann@" not in caplog.text


@pytest.mark.parametrize(
    ("provider", "length", "status"), [("nobody", 2, 404), ("paypal", 65_537, 413)]
)
def test_a_delivery_that_is_refused_anyway_is_refused_before_its_body(
    bench: Bench, webhooks: ScriptedWebhooks, provider: str, length: int, status: int
) -> None:
    assert webhooks is bench.providers["paypal"].webhooks
    environ = UNREAD | {"CONTENT_LENGTH": str(length)}
    answer = bench.caller(None).post(f"/webhooks/{provider}", environ_overrides=environ)
    assert answer.status_code == status
