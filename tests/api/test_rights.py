"""Who may do what: each route, by each kind of caller, with each scope."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from paymentapp.api.auth import check_declarations
from paymentapp.api.url_rules import template_of
from paymentapp.config import Settings
from paymentapp.models.actors import ADMIN, BUNDLES, SCOPES
from tests.api.conftest import ORDER, Bench, problem
from tests.api.test_auth import PUBLIC, path_of, routes

CUSTOMER = "/v1/api/customer/<customer_id:customer_id>"
METHOD = f"{CUSTOMER}/payment-methods/<method:method>"
PAYMENTS = "/v1/api/payment/<customer_id:customer_id>"
PAYMENT = f"{PAYMENTS}/<payment_id:payment_id>"
ENDPOINTS = "/v1/api/webhook-endpoints"
ENDPOINT = f"{ENDPOINTS}/<endpoint_id:endpoint_id>"
BULK_RUN = "/v1/api/bulk/<bulk_id:bulk_id>"
RIGHTS: dict[tuple[str, str], set[str]] = {
    ("POST", "/v1/api/customer"): {"customers:write"},
    ("GET", "/v1/api/customer"): {"customers:read"},
    ("GET", CUSTOMER): {"customers:read"},
    ("PATCH", CUSTOMER): {"customers:write"},
    ("DELETE", CUSTOMER): {"customers:write"},
    ("GET", f"{CUSTOMER}/history"): {"customers:read"},
    ("GET", f"{CUSTOMER}/payment-methods"): {"customers:read"},
    ("GET", METHOD): {"customers:read"},
    ("PUT", METHOD): {"payees:write"},
    ("DELETE", METHOD): {"payees:write"},
    ("POST", "/v1/api/payment"): {"payments:write"},
    ("GET", "/v1/api/payment"): {"payments:read"},
    ("GET", PAYMENTS): {"payments:read"},
    ("GET", PAYMENT): {"payments:read"},
    ("POST", f"{PAYMENT}/cancel"): {"payments:write", "payments:hold"},
    ("POST", f"{PAYMENT}/retry"): {"payments:write"},
    ("POST", f"{PAYMENT}/approve"): {"payments:approve"},
    ("POST", f"{PAYMENT}/reject"): {"payments:approve"},
    ("POST", f"{PAYMENT}/hold"): {"payments:hold"},
    ("POST", f"{PAYMENT}/release"): {"payments:hold"},
    ("POST", "/v1/api/holds"): {"payments:hold"},
    ("GET", "/v1/api/holds"): {"payments:hold"},
    ("POST", "/v1/api/bulk"): {"payments:write"},
    ("GET", "/v1/api/bulk"): {"payments:read"},
    ("GET", BULK_RUN): {"payments:read"},
    ("GET", f"{BULK_RUN}/rows"): {"payments:read"},
    ("POST", f"{BULK_RUN}/hold"): {"payments:hold"},
    ("POST", f"{BULK_RUN}/release"): {"payments:hold"},
    ("POST", f"{BULK_RUN}/cancel"): {"payments:write", "payments:hold"},
    ("POST", f"{BULK_RUN}/approve"): {"payments:approve"},
    ("POST", f"{BULK_RUN}/reject"): {"payments:approve"},
    ("GET", "/v1/api/limits"): {"payments:read"},
    ("GET", "/v1/api/balances"): {"payments:read"},
    ("GET", "/v1/api/reports/payments"): {"reports:read"},
    ("GET", "/v1/api/reports/summary"): {"reports:read"},
    ("GET", "/v1/api/readiness"): {"payments:read", "reports:read"},
    ("GET", "/v1/api/events"): {"payments:read"},
    ("GET", "/v1/api/events/<event_id:event_id>"): {"payments:read"},
    ("DELETE", "/v1/api/holds/<hold_id:hold_id>"): {"payments:hold"},
    ("POST", ENDPOINTS): {"webhooks:write"},
    ("GET", ENDPOINTS): {"webhooks:write"},
    ("GET", ENDPOINT): {"webhooks:write"},
    ("PATCH", ENDPOINT): {"webhooks:write"},
    ("DELETE", ENDPOINT): {"webhooks:write"},
    ("POST", f"{ENDPOINT}/rotate-secret"): {"webhooks:write"},
    ("POST", f"{ENDPOINT}/test"): {"webhooks:write"},
    ("GET", f"{ENDPOINT}/deliveries"): {"webhooks:write"},
    ("POST", f"{ENDPOINT}/deliveries/<event_id:delivery_id>/redeliver"): {"webhooks:write"},
}
CALLERS = {
    **{scope: {scope} for scope in SCOPES},
    **BUNDLES,
    ADMIN: set(SCOPES),
}


def status(bench: Bench, token: str | None, method: str, rule: str) -> int:
    response = bench.caller(token).open(path_of(rule), method=method, json=ORDER)
    return response.status_code


def test_the_table_has_every_route(bench: Bench) -> None:
    private = {(method, rule) for method, rule in routes(bench) if rule not in PUBLIC}
    assert {("GET" if method == "HEAD" else method, rule) for method, rule in private} == set(
        RIGHTS
    )


@pytest.mark.parametrize("scope", CALLERS)
def test_each_scope_opens_what_the_table_says_and_nothing_else(paying: Bench, scope: str) -> None:
    _, token = paying.services.api_keys.create("caller", [scope])
    for (method, rule), needed in RIGHTS.items():
        response = paying.caller(token).open(path_of(rule), method=method, json=ORDER)
        if needed & CALLERS[scope]:
            assert response.status_code not in {401, 403}, (method, rule)
        else:
            body = problem(response, 403, "forbidden")
            assert all(each in body["detail"] for each in needed)
            assert (
                f'scope="{min(needed, key=body["detail"].index)}"'
                in response.headers["WWW-Authenticate"]
            )


def test_nobody_else_opens_anything() -> None:
    paying = Bench(Settings(rate_limit_addresses=None))  # so many wrong keys would be 429 instead
    paying.add_customer()
    api_keys = paying.services.api_keys
    revoked, token_revoked = api_keys.create("revoked", ["admin"])
    api_keys.revoke(revoked.key_id)
    end = paying.now + timedelta(seconds=1)
    _, token_expired = api_keys.create("expired", ["admin"], expires_at=end)
    paying.now = end
    strangers = [None, "pk_0123456789abcdef_" + "A" * 43, token_revoked, token_expired]
    for method, rule in RIGHTS:
        for token in strangers:
            assert status(paying, token, method, rule) == 401, (method, rule)


def test_an_expired_key_is_told_that_it_may_have_expired(paying: Bench) -> None:
    _, token = paying.services.api_keys.create("old", ["read"], expires_at=paying.now)
    body = problem(paying.caller(token).get("/v1/api/customer/ada"), 401, "unauthorized")
    assert body["detail"] == "This API key is unknown, expired or revoked."


def test_the_document_names_the_scopes_of_each_operation(bench: Bench) -> None:
    paths = bench.client.get("/openapi.json").get_json()["paths"]
    shown = {}
    for path, item in paths.items():
        for method, operation in item.items():
            if method != "parameters" and path.startswith("/v1"):
                required = operation["x-required-scopes"]
                shown[method.upper(), path] = set(required)
                assert all(f"`{scope}`" in operation["description"] for scope in required)
    plain = {(method, template_of(rule)): scopes for (method, rule), scopes in RIGHTS.items()}
    assert shown == plain


def test_a_view_that_was_added_later_and_declares_nothing_is_closed(bench: Bench) -> None:
    app = bench.client.application
    app.add_url_rule("/new", "new", lambda: "anybody may see this")
    answer = bench.client.get("/new")
    assert answer.status_code == 500


def test_a_view_that_declares_nothing_does_not_start(bench: Bench) -> None:
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/new", "new", lambda: "anybody may see this")
    with pytest.raises(RuntimeError, match="the view new requires no scope"):
        check_declarations(app)
    check_declarations(bench.app)


def test_a_client_cancels_its_own_payments_with_any_of_its_keys(paying: Bench) -> None:
    keys = paying.services.api_keys
    tokens = [keys.create(name, ["payments:write"], client="payroll")[1] for name in ("old", "new")]
    location = paying.caller(tokens[0]).post("/v1/api/payment", json=ORDER).headers["Location"]
    body = paying.caller(tokens[1]).post(f"{location}/cancel").get_json()
    assert (body["status"], body["created_by"]) == ("cancelled", "payroll")
    assert [line["by"] for line in body["history"]] == ["payroll", "payroll"]


def test_a_payment_of_another_client_takes_the_right_to_hold(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    keys = paying.services.api_keys
    other = paying.caller(keys.create("other", ["payments:write"])[1])
    response = other.post(f"{location}/cancel")
    assert "same client" in problem(response, 403, "forbidden")["detail"]
    assert 'scope="payments:hold"' in response.headers["WWW-Authenticate"]
    guard = paying.caller(keys.create("guard", ["payments:hold"])[1])
    history = guard.post(f"{location}/cancel").get_json()["history"]
    assert [line["by"] for line in history] == ["test", "guard"]


def test_without_authentication_the_client_is_called_local() -> None:
    bench = Bench(Settings(auth=False))
    bench.add_customer()
    created = bench.caller(None).post("/v1/api/payment", json=ORDER)
    assert created.get_json()["created_by"] == "local"
    location = created.headers["Location"]
    assert bench.caller(None).post(f"{location}/cancel").status_code == 200
