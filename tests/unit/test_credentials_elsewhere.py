"""Processes without a provider's credentials: they accept, show and verify, and call nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.errors import Misconfigured, SettingsError
from paymentapp.providers.base import Provider
from paymentapp.providers.registry import build_providers
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.kit import a_kit
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import a_batch
from tests.support.records import usd

ELSEWHERE = {
    "PAYMENTAPP_PAYPAL_CREDENTIALS": "elsewhere",
    "PAYMENTAPP_STRIPE_CREDENTIALS": "elsewhere",
}
ASKING = {"PAYMENTAPP_PAYPAL_WEBHOOK_ID": "WH1", "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY": "paypal"}
CREDENTIALS = {"PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "hush"}


def providers(environ: dict[str, str]) -> dict[str, Provider]:
    return build_providers(a_kit(load_settings(environ)))


def service(environ: dict[str, str]) -> Services:
    return build_services(load_settings(environ), store=MemoryStore())


@pytest.mark.parametrize("name", ["paypal", "stripe"])
def test_a_provider_whose_credentials_are_elsewhere_is_configured(name: str) -> None:
    assert providers(ELSEWHERE)[name].configured


def test_a_provider_without_credentials_anywhere_is_not_configured() -> None:
    assert not providers({})["paypal"].configured
    assert not providers({"PAYMENTAPP_STRIPE_CREDENTIALS": "here"})["stripe"].configured


@pytest.mark.parametrize("name", ["paypal", "stripe"])
def test_no_call_is_made_without_credentials(name: str) -> None:
    """Refuse before anything is sent: the provider's address is one where nobody listens."""
    provider = providers({**ELSEWHERE, "PAYPAL_BASE_URL": "http://127.0.0.1:1"})[name]
    with pytest.raises(Misconfigured):
        provider.check()
    with pytest.raises(Misconfigured):
        provider.fetch(replace(a_batch(), provider=name, reference="tr_1"))


def test_payments_are_accepted_by_both() -> None:
    services = service(ELSEWHERE)
    services.customers.register("ada", "ada@example.com", {})
    services.methods.put("ada", "stripe", {"account": "acct_1ABCD"}, None)
    for method in ("paypal", "stripe"):
        order = PaymentOrder("ada", "ada@example.com", usd("12.5"), method)
        assert services.payments.request(order).payment.payment_method == method


def test_payees_are_masked_and_not_sealed() -> None:
    shown = service(ELSEWHERE).payees
    assert shown.display("paypal", "ada", "other@example.org") == "o***@example.org"
    assert shown.display("stripe", "ada", "acct_1ABCD:standard") == "acct_1ABCD, standard payout"


def test_readiness_does_not_miss_the_credentials() -> None:
    checks = {check.name: check.ok for check in service(ELSEWHERE).health.checks()}
    assert checks["provider paypal"]
    assert checks["provider stripe"]


def test_webhooks_are_verified_by_what_is_here() -> None:
    environ: dict[str, Any] = {
        **ELSEWHERE,
        "PAYMENTAPP_PAYPAL_WEBHOOK_ID": "WH1",
        "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS": "whsec_of_tests",
    }
    assert all(provider.webhooks is not None for provider in providers(environ).values())


def test_webhooks_cannot_be_verified_by_a_call_without_credentials() -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY"):
        providers(ELSEWHERE | ASKING)
    assert providers(ELSEWHERE | ASKING | CREDENTIALS)["paypal"].webhooks is not None
