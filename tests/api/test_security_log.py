"""The security log, and the id of each request."""

from __future__ import annotations

import logging
import re

import pytest

from paymentapp.errors import NotGenuine
from tests.api.conftest import ORDER, Bench


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "paymentapp.security")
    return caplog


def logged(lines: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in lines.records if r.name == "paymentapp.security"]


def test_a_write_is_logged_with_who_what_and_from_where(
    paying: Bench, lines: pytest.LogCaptureFixture
) -> None:
    key, token = paying.services.api_keys.create("till 2", ["write"], client='the "shop"')
    location = (
        paying.caller(token)
        .post("/v1/api/payment", json=ORDER, headers={"X-Request-Id": "r-1"})
        .headers["Location"]
    )
    paying.caller(token).post(f"{location}/cancel", headers={"X-Request-Id": "r-2"})
    who = f'event=write client="the \\"shop\\"" key={key.key_id} method=POST'
    assert logged(lines) == [
        f"{who} route=/v1/api/payment status=202 request=r-1 source=127.0.0.1",
        f"{who} route=/v1/api/payment/{{customer_id}}/{{payment_id}}/cancel status=200 "
        "request=r-2 source=127.0.0.1",
    ]


def test_a_write_that_is_refused_later_is_logged_too(
    paying: Bench, lines: pytest.LogCaptureFixture
) -> None:
    paying.pay(amount=-1)
    (line,) = logged(lines)
    assert "event=write" in line
    assert "status=400" in line


def test_reading_is_not_logged(paying: Bench, lines: pytest.LogCaptureFixture) -> None:
    for path in ("/v1/api/customer/ada", "/v1/api/payment/ada", "/healthz", "/nothing"):
        paying.client.get(path)
    paying.client.post("/nothing")
    assert logged(lines) == []


def test_a_missing_scope_is_logged(paying: Bench, lines: pytest.LogCaptureFixture) -> None:
    key, token = paying.services.api_keys.create("till", ["write"])
    paying.caller(token).get("/v1/api/customer/ada")
    (line,) = logged(lines)
    assert line.startswith(f'event=forbidden client="till" key={key.key_id} method=GET ')
    assert "route=/v1/api/customer/{customer_id} status=403" in line


def test_an_unknown_key_is_logged_by_its_id_alone(
    paying: Bench, lines: pytest.LogCaptureFixture
) -> None:
    secret = "S" * 43
    paying.caller(f"pk_0123456789abcdef_{secret}").get("/v1/api/customer/ada")
    paying.caller("something else").get("/v1/api/customer/ada")
    paying.caller(None).get("/v1/api/customer/ada")
    assert [re.findall(r"event=(\S+) client=(\S+) key=(\S+)", line) for line in logged(lines)] == [
        [("unauthenticated", "-", "0123456789abcdef")],
        [("unauthenticated", "-", "-")],
        [("unauthenticated", "-", "-")],
    ]
    assert secret not in lines.text


@pytest.mark.parametrize("provider", ["paypal", "nobody"])
def test_a_webhook_that_is_refused_is_logged(
    bench: Bench, lines: pytest.LogCaptureFixture, provider: str
) -> None:
    def refuse(*_: object) -> None:
        raise NotGenuine("the signature does not match")

    webhooks = type("Forged", (), {"verify_webhook": refuse, "parse_webhook": refuse})()
    bench.providers["paypal"].webhooks = webhooks
    bench.send(f"/webhooks/{provider}", '{"id": "WH-1"}')
    (line,) = logged(lines)
    assert line.startswith("event=webhook-refused client=- key=- method=POST ")
    assert "route=/webhooks/{provider}" in line


def test_nothing_of_a_request_but_its_id_is_logged(
    paying: Bench, lines: pytest.LogCaptureFixture
) -> None:
    paying.pay({"Idempotency-Key": "the-key", "X-Request-Id": "r-1"})
    for word in ("ada", "12.5", "the-key", paying.token):
        assert word not in "".join(logged(lines))


@pytest.mark.parametrize("given", ["a", "A.b_c-9", "x" * 128])
def test_an_id_of_the_caller_is_kept(bench: Bench, given: str) -> None:
    response = bench.client.get("/healthz", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a,b", "ä", 'a"', "a=b"])
def test_any_other_id_is_replaced_by_a_new_one(bench: Bench, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    ids = {bench.client.get("/healthz", headers=headers).headers["X-Request-Id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_every_answer_has_an_id(paying: Bench) -> None:
    answers = [
        *(paying.client.get(path) for path in ("/nothing", "/docs", "/v1/api/customer/ada")),
        *(paying.caller(None).get("/v1/api/customer/ada"), paying.pay(amount="x")),
        paying.client.delete("/healthz"),
    ]
    paying.store.down = True
    answers.append(paying.client.get("/v1/api/customer/ada"))
    statuses = [answer.status_code for answer in answers]
    assert statuses == [404, 200, 200, 401, 400, 405, 503]
    assert all(answer.headers["X-Request-Id"] for answer in answers)
