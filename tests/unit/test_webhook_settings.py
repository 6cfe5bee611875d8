"""Webhook settings: typed, named when they are wrong, and never leading to a false CA."""

from __future__ import annotations

from pathlib import Path

import pytest

from paymentapp.errors import SettingsError
from paymentapp.providers.paypal.settings import PayPalSettings
from paymentapp.variables import Variables

ID = "PAYMENTAPP_PAYPAL_WEBHOOK_ID"
VERIFY = "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY"
CA = "PAYMENTAPP_PAYPAL_WEBHOOK_CA"


@pytest.fixture
def ca(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----")
    return str(path)


def test_without_settings_there_are_no_webhooks() -> None:
    settings = Variables({}).load(PayPalSettings)
    assert settings.webhook_id == ""
    assert settings.webhook_verify == "offline"
    assert settings.webhook_ca == ""


@pytest.mark.parametrize("base", ["http://127.0.0.1:8001", "http://localhost:1", "http://[::1]:1"])
def test_a_simulator_may_have_its_own_ca(base: str, ca: str) -> None:
    given = {ID: "SIMULATORWEBHOOK01", VERIFY: "paypal", CA: ca, "PAYPAL_BASE_URL": base}
    settings = Variables(given).load(PayPalSettings)
    assert settings.webhook_id == "SIMULATORWEBHOOK01"
    assert settings.webhook_verify == "paypal"
    assert settings.webhook_ca == ca


@pytest.mark.parametrize("base", ["", "https://api-m.paypal.com", "https://127.0.0.1.example.com"])
def test_paypal_itself_may_not(base: str, ca: str) -> None:
    with pytest.raises(SettingsError, match=CA):
        Variables({CA: ca, "PAYPAL_BASE_URL": base}).load(PayPalSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((ID, "WH-1"), (ID, "é"), (ID, "x" * 51), (ID, "a|b")),
        *((VERIFY, "no"), (VERIFY, "off"), (VERIFY, "OFFLINE"), (CA, "/nowhere/secret-name.pem")),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Variables({name: value, "PAYPAL_BASE_URL": "http://127.0.0.1:1"}).load(PayPalSettings)
    assert str(caught.value).startswith(name)
    assert value not in str(caught.value).removeprefix(name) or len(value) < 4
