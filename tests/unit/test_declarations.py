"""Declared settings with their values, and undeclared names."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paymentapp.declarations import Group, groups, states, unknown, warn_of_unknown
from tests.support.service import ROOT


def _of(provider: str) -> Group:
    return next(group for group in groups() if group.provider == provider)


def test_every_part_declares_its_settings() -> None:
    providers = [group.provider for group in groups()]
    assert providers == ["", "", "", "", "paypal", "stripe", "ach", "openach"]
    titles = [group.settings.title for group in groups()]
    assert titles == ["Service", "Log", "Traces", "OIDC", "PayPal", "Stripe", "ACH", "OpenACH"]


def test_no_name_is_declared_twice() -> None:
    names = [variable.name for group in groups() for variable in group.variables]
    assert len(names) == len(set(names))


def test_every_variable_says_what_it_is_for() -> None:
    for group in groups():
        for variable in group.variables:
            assert variable.help, variable.name
            assert "|" not in variable.help + variable.kind.limits + (variable.default or "")


_SECRET = "SECRETS?$|_SECRET_KEY$|PASSWORD$|VAULT_KEYS$|_TOKEN$|_OFFSET_ACCOUNT$"


def test_what_sounds_like_a_secret_is_one() -> None:
    for group in groups():
        for variable in group.variables:
            sounds = re.search(_SECRET, variable.name)
            assert bool(sounds) == variable.secret, variable.name


def test_what_is_set_is_shown_but_no_secret_and_nothing_wrong() -> None:
    environ = {
        "PAYPAL_BASE_URL": "https://user:hunter2@paypal.example",
        "PAYPAL_CLIENT_SECRET": "hunter2",
        "PAYMENTAPP_PAYPAL_WEBHOOK_ID": "hunter2!",
    }
    paypal = _of("paypal")
    shown = {state.variable.name: state.shown for state in states(paypal, environ)}
    assert shown["PAYPAL_BASE_URL"] == "https://paypal.example"
    assert shown["PAYPAL_CLIENT_SECRET"] == "set"
    assert shown["PAYMENTAPP_PAYPAL_WEBHOOK_ID"] == "wrong"
    assert shown["PAYPAL_CLIENT_ID"] == "not set"
    problems = [state.problem for state in states(paypal, environ) if state.problem]
    assert len(problems) == 1
    assert problems[0].startswith("PAYMENTAPP_PAYPAL_WEBHOOK_ID must be")


def test_what_is_required_is_so_only_where_the_provider_is_asked_for() -> None:
    ach = _of("ach")
    assert [state.problem for state in states(ach, {}) if state.problem] == []
    problems = [s.problem for s in states(ach, {"PAYMENTAPP_ACH_PRENOTES": "on"}) if s.problem]
    assert "PAYMENTAPP_ACH_ORIGIN is not set" in problems


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PAYMENTAPP_SENDRES", "PAYMENTAPP_SENDERS"),
        ("PAYMENTAPP_PORT", "PORT"),
        ("PAYMENTAPP_PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_ID"),
        ("PAYMENTAPP_STRIPE_SECRET", "PAYMENTAPP_STRIPE_SECRET_KEY"),
        ("PAYMENTAPP_STRIPPE_SECRET_KEY", "PAYMENTAPP_STRIPE_SECRET_KEY"),
        ("PAYMENTAPP_XYZZY", ""),
    ],
)
def test_a_misspelt_name_is_told_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert unknown({name: "x", "PAYMENTAPP_SENDERS": "3"}) == {name: meant}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"PAYMENTAPP_SENDRES": ""},
        {"PAYMENTAPP_SIMULATOR_LATENCY": "1"},
        {"PAYMENTAPP_URL": "http://127.0.0.1:8000", "PAYMENTAPP_KEY": "pk"},
        {"PAYMENTAPP_PAYPAL_SECRET_ARN": "arn:aws:x"},
        {"AWS_REGION": "eu-west-1", "APP_SENDRES": "3"},
        {"PAYPAL_MODE": "sandbox", "PAYPAL_CLIENT_KEY": "x", "PAYPAL_SECRET": "x"},
        {"PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_ID2": "of another program"},
        {"PAYPAL_CLINET_ID": ""},
    ],
)
def test_what_is_known_or_not_ours_is_not_told(environ: dict[str, str]) -> None:
    assert unknown(environ) == {}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PAYPAL_CLINET_ID", "PAYPAL_CLIENT_ID"),
        ("PAYPAL_CLIENT_SECRT", "PAYPAL_CLIENT_SECRET"),
        ("PAYPAL_BASE_ULR", "PAYPAL_BASE_URL"),
    ],
)
def test_a_name_without_our_prefix_is_told_where_what_was_meant_is_not_set(
    name: str, meant: str
) -> None:
    assert unknown({name: "x"}) == {name: meant}
    assert unknown({name: "x", meant: "y"}) == {}


def test_a_name_that_the_documents_or_the_deployment_use_is_known() -> None:
    used = set(_names_in(ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    used |= set(_names_in(ROOT / "Dockerfile", ROOT / "compose.yaml", ROOT / "curl" / "common.sh"))
    used |= set(_names_in(*(ROOT / "deploy" / "aws").glob("*.tf")))
    assert (
        unknown(dict.fromkeys(used - {"PAYMENTAPP_PIGEON_KEY", "PAYMENTAPP_PIGEON_URL"}, "x")) == {}
    )


def _names_in(*paths: Path) -> Iterator[str]:
    for path in paths:
        yield from re.findall(r"(?<!_)PAYMENTAPP_[A-Z0-9_]+[A-Z0-9]\b(?!_)", path.read_text())


def test_the_warning_has_no_value_in_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_unknown({"PAYMENTAPP_VAULT_KEY": "hunter2", "PAYMENTAPP_XYZZY": "hunter2"})
    assert caplog.messages == [
        "PAYMENTAPP_VAULT_KEY is set, but is no setting of this service: is PAYMENTAPP_VAULT_KEYS "
        "meant?",
        "PAYMENTAPP_XYZZY is set, but is no setting of this service",
    ]


def test_looking_for_unknown_names_imports_no_provider_that_is_not_asked_for() -> None:
    """Avoid imports for which a cold start would wait."""
    code = (
        "import sys; from paymentapp.declarations import unknown; "
        "assert unknown({'PAYMENTAPP_SENDERS': '3'}) == {}; "
        "sys.exit(any('stripe' in name or 'ach' in name.split('.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
