"""The settings of a function: the environment's, Lambda's own defaults, and a secret's content."""

from __future__ import annotations

import pytest

from paymentapp.aws_lambda import SECRET_ARN, environ_with_secret
from paymentapp.config import load_settings
from paymentapp.errors import SettingsError

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:paypal"


def test_without_a_word_the_store_is_dynamodb() -> None:
    settings = load_settings(environ_with_secret({}))
    assert (settings.store, settings.auth, settings.sweep_seconds) == ("dynamodb", True, 60)
    settings = load_settings(environ_with_secret({"PAYMENTAPP_SENDERS": "3"}))
    assert settings.senders == 3


def test_the_credentials_may_be_in_a_secret() -> None:
    asked: list[str] = []

    def fetch(arn: str) -> str:
        asked.append(arn)
        return '{"client_id": "id", "client_secret": "hush", "more": 1}'

    settings = load_settings(environ_with_secret({SECRET_ARN: ARN}, fetch))
    assert asked == [ARN]
    assert (settings.paypal_client_id, settings.paypal_client_secret) == ("id", "hush")


def test_the_api_starts_without_the_secret_unless_it_asks_paypal_about_webhooks() -> None:
    asked: list[str] = []

    def fetch(arn: str) -> str:
        asked.append(arn)
        return '{"client_id": "id", "client_secret": "hush"}'

    api = {SECRET_ARN: ARN, "_HANDLER": "paymentapp.aws_lambda.api"}
    assert load_settings(environ_with_secret(api, fetch)).paypal_client_id == ""
    assert asked == []
    environ_with_secret({**api, "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY": "paypal"}, fetch)
    environ_with_secret({**api, "_HANDLER": "paymentapp.aws_lambda.sweep"}, fetch)
    assert asked == [ARN, ARN]


@pytest.mark.parametrize(
    "text", ["hush", '{"client_id": "hush"}', '["hush"]', '{"client_id": 1, "client_secret": ""}']
)
def test_a_secret_that_makes_no_sense_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match=SECRET_ARN) as raised:
        environ_with_secret({SECRET_ARN: ARN}, lambda _: text)
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_secret_that_cannot_be_read_is_named() -> None:
    def refuses(_: str) -> str:
        raise PermissionError("AccessDenied for account 123456789012")

    with pytest.raises(SettingsError, match=SECRET_ARN) as raised:
        environ_with_secret({SECRET_ARN: ARN}, refuses)
    assert "123456789012" not in str(raised.value)
