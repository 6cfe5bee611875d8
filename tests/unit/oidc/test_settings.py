"""The settings for access tokens: checked at start, each error with the variable's name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import SettingsError
from paymentapp.models.actors import BUNDLES
from paymentapp.oidc import open_access_tokens, sign_in_settings
from paymentapp.oidc.settings import CALLBACK, OidcSettings
from paymentapp.variables import Variables
from tests.console.conftest import ConsoleBench
from tests.support.service import clean_environ

ISSUER = {"PAYMENTAPP_OIDC_ISSUER": "https://id.example/eu", "PAYMENTAPP_OIDC_AUDIENCE": "api"}


def read(**environ: str) -> OidcSettings:
    return Variables({**ISSUER, **environ}).load(OidcSettings)


def test_without_an_issuer_no_token_is_accepted() -> None:
    assert open_access_tokens(Variables({}), utc_now) is None
    assert open_access_tokens(Variables(ISSUER), utc_now) is not None


def test_what_is_read() -> None:
    settings = read(
        PAYMENTAPP_OIDC_AUDIENCE="api, app",
        PAYMENTAPP_OIDC_SCOPES_CLAIM="scope cognito:groups",
        PAYMENTAPP_OIDC_SCOPES_MAP=" payers = write ;; a=b=admin;",
    )
    assert settings.issuer == "https://id.example/eu"
    assert settings.audiences == ("api", "app")
    assert settings.scopes_claims == ("scope", "cognito:groups")
    assert settings.scopes_map.rules == (
        ("payers", BUNDLES["write"]),
        ("a=b", frozenset({"admin"})),
    )
    assert read().scopes_claims == ("scope",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYMENTAPP_OIDC_ISSUER", "http://id.example"),
        ("PAYMENTAPP_OIDC_ISSUER", "https://"),
        ("PAYMENTAPP_OIDC_ISSUER", "id.example"),
        ("PAYMENTAPP_OIDC_ISSUER", "file:///etc/passwd"),
        ("PAYMENTAPP_OIDC_ISSUER", "https://ada:hush@id.example"),
        ("PAYMENTAPP_OIDC_ISSUER", "https://id.example/?hush=1"),
        ("PAYMENTAPP_OIDC_ISSUER", "https://id.example/#hush"),
        ("PAYMENTAPP_OIDC_AUDIENCE", ""),
        ("PAYMENTAPP_OIDC_SCOPES_MAP", "hush"),
        ("PAYMENTAPP_OIDC_SCOPES_MAP", "=admin"),
        ("PAYMENTAPP_OIDC_SCOPES_MAP", "hush="),
        ("PAYMENTAPP_OIDC_SCOPES_MAP", "hush=everything"),
        ("PAYMENTAPP_OIDC_SCOPES_MAP", "hush=write admn"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        read(**{name: value})
    assert "hush" not in str(raised.value)


def test_a_scope_that_is_unknown_is_named() -> None:
    with pytest.raises(SettingsError, match=r"no scope is named 'admn'; scopes are read, write"):
        read(PAYMENTAPP_OIDC_SCOPES_MAP="ops=admn")


def test_settings_that_have_no_effect_alone_are_refused() -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_OIDC_ISSUER is not set"):
        Variables({"PAYMENTAPP_OIDC_AUDIENCE": "api"}).load(OidcSettings)


def test_a_missing_library_ends_the_start() -> None:
    """Hide the library from a process of its own."""
    code = (
        "import sys; sys.modules['joserfc'] = None\n"
        "from paymentapp.bootstrap import build_services\n"
        "from paymentapp.config import load_settings\n"
        "from paymentapp.errors import SettingsError\n"
        f"try: build_services(load_settings({ISSUER}), providers={{}})\n"
        "except SettingsError as error: sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environ(), capture_output=True, text=True
    )
    assert done.stderr == ("PAYMENTAPP_OIDC_ISSUER needs a library: pip install paymentapp[oidc]\n")


CLIENT = {
    "PAYMENTAPP_OIDC_CLIENT_ID": "console",
    "PAYMENTAPP_OIDC_CLIENT_SECRET": "hush",
    "PAYMENTAPP_OIDC_REDIRECT_URI": "https://pay.example.com/console/sign-in/callback",
}


def test_signing_in_is_off_without_a_client_and_its_secret_is_not_shown() -> None:
    assert sign_in_settings(Variables(ISSUER)) is None
    found = sign_in_settings(Variables({**ISSUER, **CLIENT}))
    assert found is not None
    assert found.sign_in_scopes == ("openid",)
    assert "hush" not in repr(found)


@pytest.mark.parametrize("name", sorted(CLIENT))
def test_what_signing_in_needs_is_set_together(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        read(**{**CLIENT, name: ""})


@pytest.mark.parametrize(
    "address",
    [
        "http://pay.example.com/console/sign-in/callback",
        "https://pay.example.com/",
        "https://pay.example.com/console/sign-in/callback?x=1",
        "https://pay.example.com/console/sign-in/callback#x",
        "/console/sign-in/callback",
    ],
)
def test_people_come_back_to_the_console_over_https(address: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_OIDC_REDIRECT_URI"):
        read(**{**CLIENT, "PAYMENTAPP_OIDC_REDIRECT_URI": address})


def test_the_path_that_people_come_back_to_is_that_of_the_view() -> None:
    bench = ConsoleBench()
    assert CALLBACK in {rule.rule for rule in bench.app.url_map.iter_rules()}
