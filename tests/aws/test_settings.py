"""The settings of a function: the environment, Lambda's defaults, and a secret's content."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from paymentapp.aws_lambda.secrets import ARNS_VARIABLE, environ_with_secrets
from paymentapp.config import load_settings
from paymentapp.declarations import groups, states
from paymentapp.errors import SettingsError
from paymentapp.providers.paypal.settings import PayPalSettings
from paymentapp.providers.registry import build_providers
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program
from tests.support.kit import a_kit
from tests.support.service import clean_environ

SECRET_ARN = PayPalSettings.arn_variable
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:paypal"


def paypal(environ: dict[str, str]) -> PayPalSettings:
    return load_settings(environ).variables.load(PayPalSettings)


def test_without_a_word_the_store_is_dynamodb() -> None:
    settings = load_settings(environ_with_secrets({}))
    assert (settings.store, settings.auth, settings.sweep_seconds) == ("dynamodb", True, 60)
    settings = load_settings(environ_with_secrets({"PAYMENTAPP_SENDERS": "3"}))
    assert settings.senders == 3


def test_the_credentials_may_be_in_a_secret() -> None:
    asked: list[str] = []

    def fetch(arn: str) -> str:
        asked.append(arn)
        return '{"client_id": "id", "client_secret": "hush", "more": 1}'

    settings = paypal(environ_with_secrets({SECRET_ARN: ARN}, fetch))
    assert asked == [ARN]
    assert (settings.client_id, settings.client_secret) == ("id", "hush")


@pytest.mark.parametrize("handler", ["api", "dispatch", "sweep"])
def test_each_function_has_the_credentials(handler: str) -> None:
    """Check the API's function too: without credentials it would never report ready."""
    environ = {SECRET_ARN: ARN, "_HANDLER": f"paymentapp.aws_lambda.{handler}"}
    secret = '{"client_id": "id", "client_secret": "hush"}'
    settings = load_settings(environ_with_secrets(environ, lambda _: secret))
    assert build_providers(a_kit(settings))["paypal"].configured


def test_further_secrets_have_the_names_of_their_variables() -> None:
    secret = '{"PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "hush", "PAYMENTAPP_X": "y"}'
    environ = environ_with_secrets({SECRET_ARN: ARN}, lambda _: secret)
    assert paypal(environ).client_secret == "hush"
    assert environ["PAYMENTAPP_X"] == "y"


def test_a_function_reads_each_of_its_secrets() -> None:
    """Read the provider's secret first: a secret for one purpose wins, while both have a value."""
    texts = {
        ARN: '{"client_id": "id", "client_secret": "hush", "PAYMENTAPP_X": "old"}',
        f"{ARN}-x": '{"PAYMENTAPP_X": "new"}',
        f"{ARN}-y": '{"PAYMENTAPP_Y": "y"}',
    }
    given = {SECRET_ARN: ARN, ARNS_VARIABLE: f"{ARN}-x, {ARN}-y"}
    environ = environ_with_secrets(given, texts.__getitem__)
    assert paypal(environ).client_secret == "hush"
    assert (environ["PAYMENTAPP_X"], environ["PAYMENTAPP_Y"]) == ("new", "y")


def test_a_function_without_a_secret_reads_none() -> None:
    environ = environ_with_secrets({ARNS_VARIABLE: "  "}, lambda _: pytest.fail("a secret is read"))
    assert load_settings(environ).store == "dynamodb"


def test_one_of_several_secrets_that_cannot_be_read_is_an_error() -> None:
    """Do not start without the vault's keys, say: events would then be left unsigned for hours."""
    texts = {ARN: '{"client_id": "id", "client_secret": "hush"}'}
    with pytest.raises(SettingsError, match=ARNS_VARIABLE) as raised:
        environ_with_secrets({SECRET_ARN: ARN, ARNS_VARIABLE: f"{ARN}-x"}, texts.__getitem__)
    assert "hush" not in str(raised.value)


def test_the_arns_of_secrets_are_shown_without_the_account() -> None:
    shown = {each.variable.name: each.shown for each in states(groups()[0], {ARNS_VARIABLE: ARN})}
    assert shown[ARNS_VARIABLE] == ARN.replace("123456789012", "…")


@pytest.mark.parametrize(
    "wrong", ["paypal", "arn:aws:kms:eu-west-1:123456789012:secret:x", f"{ARN},"]
)
def test_what_names_no_secret_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match=ARNS_VARIABLE):
        load_settings({ARNS_VARIABLE: wrong})


@pytest.mark.parametrize(
    "text",
    [
        *("hush", "{}", '{"client_id": "hush"}', '["hush"]', '{"more": "hush"}'),
        *('{"client_id": 1, "client_secret": ""}', '{"PAYMENTAPP_X": ["hush"]}'),
    ],
)
def test_a_secret_that_makes_no_sense_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match=SECRET_ARN) as raised:
        environ_with_secrets({SECRET_ARN: ARN}, lambda _: text)
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_misspelt_variable_is_warned_of() -> None:
    code = "from paymentapp import aws_lambda; aws_lambda.services()"
    environ = {**clean_environ(), **FAKE_ACCOUNT, "PAYMENTAPP_SENDRES": "hush"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stderr.count("PAYMENTAPP_SENDRES is set") == 1
    assert "hush" not in done.stderr


def test_a_secret_that_cannot_be_read_is_named() -> None:
    def refuses(_: str) -> str:
        raise PermissionError("AccessDenied for account 123456789012")

    with pytest.raises(SettingsError, match=SECRET_ARN) as raised:
        environ_with_secrets({SECRET_ARN: ARN}, refuses)
    assert "123456789012" not in str(raised.value)


@pytest.fixture(scope="module")
def stored_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the ARN of a secret in an emulated Secrets Manager; the environment points to it."""
    program = ministack_program()
    if program is None:
        pytest.skip("ministack is not installed")
    with (
        ministack(program, tmp_path_factory.mktemp("secrets")) as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in FAKE_ACCOUNT.items():
            environment.setenv(name, value)
        environment.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", address)
        client: Any = botocore.session.get_session().create_client("secretsmanager")
        text = '{"client_id": "id", "client_secret": "hush"}'
        yield client.create_secret(Name="paypal", SecretString=text)["ARN"]


def test_the_secret_is_read_from_secrets_manager(stored_secret: str) -> None:
    environ = environ_with_secrets({SECRET_ARN: stored_secret})
    settings = load_settings(environ).variables.load(PayPalSettings)
    assert (settings.client_id, settings.client_secret) == ("id", "hush")


def test_a_secret_that_is_not_there_is_named(stored_secret: str) -> None:
    with pytest.raises(SettingsError, match=SECRET_ARN):
        environ_with_secrets({SECRET_ARN: f"{stored_secret}-of-another-name"})
