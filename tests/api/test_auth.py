"""Authentication and scopes."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.config import Settings
from tests.api.conftest import ORDER, UNREAD, Bench, problem

WEBHOOKS = "/webhooks/<provider>"  # let in by signature
METRICS = "/metrics"  # let in by a token of its own, or from loopback
UNKNOWN = {WEBHOOKS, METRICS}  # 404: no webhook is configured, and metrics are off
PUBLIC = {"/", "/healthz", "/readyz", "/docs", "/docs/<name>", "/openapi.json", *UNKNOWN}
VALUES = {
    "<customer_id:customer_id>": "ada",
    "<payment_id:payment_id>": "2026-03-01T12:00:00.000001Z",
    "<name>": "swagger-ui.css",
    "<provider>": "paypal",
    "<method:method>": "paypal",
    "<bulk_id:bulk_id>": "20260301T120000000001-0123abcd",
    "<hold_id:hold_id>": "20260301T120000000001-0123abcd",
    "<event_id:event_id>": "evt_00000000000000000000",
    "<event_id:delivery_id>": "evt_00000000000000000000",
    "<endpoint_id:endpoint_id>": "we_202603011200000000010123abcd",
}


def routes(bench: Bench) -> list[tuple[str, str]]:
    """Return every method and path pattern of the app."""
    return [
        (method, rule.rule)
        for rule in bench.app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


def path_of(rule: str) -> str:
    for pattern, value in VALUES.items():
        rule = rule.replace(pattern, value)
    assert "<" not in rule
    return rule


def test_every_route_but_the_public_ones_needs_a_key(paying: Bench) -> None:
    checked = 0
    for method, rule in routes(paying):
        response = paying.caller(None).open(path_of(rule), method=method, json=ORDER)
        if rule in PUBLIC:
            assert response.status_code in ({404} if rule in UNKNOWN else {200, 302, 503}), rule
        else:
            assert response.status_code == 401, rule
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            checked += 1
    assert checked >= 6


def test_a_stranger_is_refused_before_the_body_is_read(paying: Bench) -> None:
    body = UNREAD | {"CONTENT_LENGTH": "2", "CONTENT_TYPE": "application/json"}
    for method, rule in routes(paying):
        client = paying.caller(None)
        answer = client.open(path_of(rule), method=method, environ_overrides=body)
        expected = 404 if rule.startswith("/webhooks/") else 401
        assert answer.status_code == expected or rule in PUBLIC, (method, rule)


def test_reading_and_writing_are_separate_scopes(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    reads = [("GET", location), ("GET", "/v1/api/payment/ada"), ("GET", "/v1/api/customer/ada")]
    writes = [
        ("POST", "/v1/api/payment"),
        ("POST", f"{location}/cancel"),
        ("POST", "/v1/api/customer"),
    ]
    for scope, allowed, refused in (("read", reads, writes), ("write", writes, reads)):
        client = paying.caller(paying.services.api_keys.create(scope, [scope], client="test")[1])
        for method, path in allowed:
            assert client.open(path, method=method, json=ORDER).status_code not in {401, 403}
        for method, path in refused:
            response = client.open(path, method=method, json=ORDER)
            problem(response, 403, "forbidden")
            assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer {}"},
        {"Authorization": "Bearer   {} "},
        {"X-API-Key": "{}"},
    ],
)
def test_a_key_is_shown_in_either_header(paying: Bench, headers: dict[str, str]) -> None:
    shown = {name: value.format(paying.token) for name, value in headers.items()}
    response = paying.caller(None).get("/v1/api/customer/ada", headers=shown)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "{}",
        "Bearer {}x",
        "Bearer x{}",
        "Bearer {} {}",
        "Bearer pk_0123456789abcdef_" + "A" * 43,
        "Bearer ключ",
        "Bearer pk__",
        "Bearer \x00",
    ],
)
def test_anything_else_is_no_key(paying: Bench, header: str) -> None:
    value = header.format(paying.token, paying.token).encode().decode("latin-1")
    response = paying.caller(None).get(
        "/v1/api/customer/ada", environ_overrides={"HTTP_AUTHORIZATION": value}
    )
    body = problem(response, 401, "unauthorized")
    assert paying.token not in str(body)


def test_a_revoked_key_is_refused_at_once(paying: Bench) -> None:
    key, token = paying.services.api_keys.create("short", ["read"])
    client = paying.caller(token)
    assert client.get("/v1/api/customer/ada").status_code == 200
    assert paying.services.api_keys.revoke(key.key_id)
    problem(client.get("/v1/api/customer/ada"), 401, "unauthorized")


def test_a_known_key_costs_no_read(paying: Bench) -> None:
    paying.client.get("/v1/api/customer/ada")
    paying.store.calls.clear()
    paying.client.get("/v1/api/customer/ada")
    assert paying.store.calls == ["get_customer"]


LOCAL: list[dict[str, Any]] = [
    {"REMOTE_ADDR": "127.0.0.1"},
    {"REMOTE_ADDR": "127.9.9.9"},
    {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8000"},
    {"REMOTE_ADDR": "::ffff:127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000"},
    {"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": "http://127.0.0.1:8000"},
    {"HTTP_HOST": "[::1]:8000", "HTTP_ORIGIN": "http://[::1]:8000"},
    {"HTTP_SEC_FETCH_SITE": "same-origin"},
    {"HTTP_SEC_FETCH_SITE": "none"},
]
REMOTE: list[dict[str, Any]] = [
    {"REMOTE_ADDR": "192.0.2.1"},
    {"REMOTE_ADDR": "2001:db8::1"},
    {"REMOTE_ADDR": ""},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.1"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "payments.example.com"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1.example.com"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": ""},
    {"HTTP_X_REAL_IP": "192.0.2.1"},
    {"HTTP_X_REAL_IP": ""},
    {"HTTP_VIA": "1.1 proxy.example.com"},
    {"HTTP_X_FORWARDED_HOST": "payments.example.com"},
    {"HTTP_X_FORWARDED_PROTO": "https"},
    {"HTTP_CF_CONNECTING_IP": "192.0.2.1"},
]
OTHER_PAGES: list[dict[str, Any]] = [
    {"HTTP_ORIGIN": "https://attacker.example"},
    {"HTTP_ORIGIN": "null"},
    {"HTTP_ORIGIN": ""},
    {"HTTP_ORIGIN": "http://127.0.0.1:3000", "HTTP_HOST": "127.0.0.1:8000"},
    {"HTTP_ORIGIN": "http://localhost:8000", "HTTP_HOST": "127.0.0.1:8000"},
    {"HTTP_SEC_FETCH_SITE": "cross-site"},
    {"HTTP_SEC_FETCH_SITE": "same-site"},
    {"HTTP_SEC_FETCH_SITE": "anything"},
    {"HTTP_HOST": "rebound.attacker.example:8000"},
]


@pytest.mark.parametrize("environ", LOCAL)
def test_without_authentication_this_machine_is_served(environ: dict[str, Any]) -> None:
    bench = Bench(Settings(auth=False))
    bench.add_customer()
    client = bench.caller(None)
    assert client.get("/v1/api/customer/ada", environ_overrides=environ).status_code == 200


@pytest.mark.parametrize("environ", REMOTE)
def test_without_authentication_nobody_else_is_served(environ: dict[str, Any]) -> None:
    bench = Bench(Settings(auth=False))
    bench.add_customer()
    response = bench.caller(None).get("/v1/api/customer/ada", environ_overrides=environ)
    problem(response, 403, "forbidden")
    assert bench.caller(None).get("/healthz", environ_overrides=environ).status_code == 200


@pytest.mark.parametrize("environ", OTHER_PAGES)
def test_without_authentication_a_web_page_of_somebody_else_pays_nobody(
    environ: dict[str, Any],
) -> None:
    """A browser on this machine sends from its address whatever page has it do so."""
    bench = Bench(Settings(auth=False))
    bench.add_customer()
    order = {"json": ORDER, "environ_overrides": environ}
    problem(bench.caller(None).post("/v1/api/payment", **order), 403, "forbidden")
    assert bench.store._payments == {}
