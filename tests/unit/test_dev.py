"""`run --dev` starts simulators where no setting names a provider's address or account."""

from __future__ import annotations

import pytest

from paymentapp.bootstrap import build_services
from paymentapp.cli.run_simulators import left_alone, names_an_account
from paymentapp.config import load_settings
from paymentapp.providers.base import Environment
from tests.support.memory_store import MemoryStore

ACH = {
    "PAYMENTAPP_ACH_ORIGIN": "1234567890",
    "PAYMENTAPP_ACH_ORIGIN_NAME": "PAYMENTAPP",
    "PAYMENTAPP_ACH_DESTINATION": "091000019",
    "PAYMENTAPP_ACH_DESTINATION_NAME": "A BANK",
    "PAYMENTAPP_ACH_COMPANY_ID": "1234567890",
    "PAYMENTAPP_ACH_COMPANY_NAME": "PAYMENTAPP",
    "PAYMENTAPP_ACH_ODFI": "091000019",
    "PAYMENTAPP_ACH_OUTGOING_URL": "file:///tmp/none/outgoing",
    "PAYMENTAPP_ACH_INCOMING_URL": "file:///tmp/none/incoming",
}


@pytest.mark.parametrize("name", ["PAYPAL_BASE_URL", "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"])
def test_an_account_that_is_named_is_not_simulated(name: str) -> None:
    assert names_an_account({name: "x"})


@pytest.mark.parametrize(
    "environ", [{}, {"PAYPAL_CLIENT_ID": " "}, {"PAYMENTAPP_PAYPAL_NOTE": "x"}]
)
def test_without_one_all_is_simulated(environ: dict[str, str]) -> None:
    assert not names_an_account(environ)


LIVE, TEST, SIMULATED = Environment.LIVE, Environment.TEST, Environment.SIMULATED
HERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("environ", "name", "environment"),
    [
        ({}, "paypal", TEST),  # PayPal's sandbox is the default
        ({"PAYPAL_BASE_URL": HERE}, "paypal", SIMULATED),
        ({"PAYPAL_BASE_URL": "https://api-m.paypal.com"}, "paypal", LIVE),
        ({"PAYPAL_BASE_URL": "https://proxy.example.com"}, "paypal", LIVE),  # perhaps it is
        ({"PAYMENTAPP_STRIPE_SECRET_KEY": "sk_live_abcd"}, "stripe", LIVE),
        ({"PAYMENTAPP_STRIPE_SECRET_KEY": "sk_test_abcd"}, "stripe", TEST),
        ({"PAYMENTAPP_STRIPE_BASE_URL": HERE}, "stripe", SIMULATED),
        ({"PAYMENTAPP_STRIPE_CREDENTIALS": "elsewhere"}, "stripe", LIVE),
        (ACH, "ach", LIVE),
        ({**ACH, "PAYMENTAPP_ACH_REHEARSAL_SECONDS": "5"}, "ach", SIMULATED),
    ],
)
def test_each_provider_says_whether_it_moves_real_money(
    environ: dict[str, str], name: str, environment: Environment
) -> None:
    services = build_services(load_settings(environ), store=MemoryStore())
    assert services.providers[name].environment is environment


@pytest.mark.parametrize(
    ("environ", "prefixes"),
    [
        ({}, ()),
        ({"PAYMENTAPP_STRIPE_PAYOUT": "instant"}, ()),
        ({"PAYMENTAPP_STRIPE_SECRET_KEY": "sk_live_abcd"}, ("PAYMENTAPP_STRIPE_",)),
        ({"PAYMENTAPP_ACH_OUTGOING_URL": "sftp://bank.example"}, ("PAYMENTAPP_ACH_",)),
    ],
)
def test_an_account_of_another_provider_stays_as_it_is(
    environ: dict[str, str], prefixes: tuple[str, ...]
) -> None:
    assert left_alone(environ) == prefixes
