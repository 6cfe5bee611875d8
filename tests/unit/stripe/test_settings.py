"""Settings: errors name the variable and not its value, and a live key goes to Stripe only."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from paymentapp.config import load_settings
from paymentapp.errors import Misconfigured, SettingsError
from paymentapp.providers.registry import build_providers
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.settings import STRIPE_URL, StripeSettings
from paymentapp.variables import Variables
from tests.support.kit import a_kit
from tests.support.paypal_server import FakeClock
from tests.support.service import ROOT
from tests.support.stripe_backend import KEY, WEBHOOK_SECRET
from tests.unit.stripe.support import a_payment

LIVE = "sk_live_ofthetests0001"
SECRET_KEY = "PAYMENTAPP_STRIPE_SECRET_KEY"
SECRETS = "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS"
BASE_URL = "PAYMENTAPP_STRIPE_BASE_URL"
PAYOUT = "PAYMENTAPP_STRIPE_PAYOUT"
ACCOUNT = "PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT"
CURRENCY = "PAYMENTAPP_STRIPE_FINANCIAL_CURRENCY"


def read(**environ: str) -> StripeSettings:
    return Variables(environ).load(StripeSettings)


def test_without_settings_there_is_no_stripe() -> None:
    assert set(build_providers(a_kit(load_settings({})))) == {"paypal"}


def test_all_of_them_are_read() -> None:
    found = read(
        **{SECRET_KEY: f" {KEY} ", SECRETS: f"{WEBHOOK_SECRET}, whsec_theolder0001"},
        **{BASE_URL: "http://127.0.0.1:8001/stripe/", PAYOUT: "instant"},
    )
    assert found.secret_key == KEY
    assert found.webhook_secrets == (WEBHOOK_SECRET, "whsec_theolder0001")
    assert found.base_url == "http://127.0.0.1:8001/stripe"
    assert found.payout == "instant"


def test_nothing_but_the_key_has_to_be_set() -> None:
    found = read(**{SECRET_KEY: LIVE})
    assert (found.base_url, found.payout, found.webhook_secrets) == (STRIPE_URL, "none", ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SECRET_KEY, "pk_live_ofthetests0001"),
        (SECRET_KEY, "sk_ofthetests0001"),
        (SECRET_KEY, "sk_test_of the tests"),
        (SECRET_KEY, "whsec_ofthetests0001"),
        (SECRETS, KEY),
        (SECRETS, f"{WEBHOOK_SECRET},,"),
        (SECRETS, f"{WEBHOOK_SECRET};whsec_theolder0001"),
        (BASE_URL, "http://api.stripe.com"),
        (BASE_URL, "http://10.0.0.1:8001/stripe"),
        (BASE_URL, "https://user:word@api.stripe.com"),
        (BASE_URL, "https://api.stripe.com/?x=1"),
        (BASE_URL, "ftp://api.stripe.com"),
        (PAYOUT, "fast"),
        (ACCOUNT, "acct_1"),
        (ACCOUNT, "fa_1/x"),
        (CURRENCY, "usd"),
        (CURRENCY, "XTS"),
    ],
)
def test_a_wrong_one_is_refused_by_its_name_alone(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(**{name: value})
    assert name in str(raised.value)
    assert value not in str(raised.value)


@pytest.mark.parametrize("key", [LIVE, "rk_live_ofthetests0001"])
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8001/stripe", "https://stripe.example.com", "https://api.stripe.com/x"],
)
def test_a_live_key_is_for_stripe_alone(key: str, url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(**{SECRET_KEY: key, BASE_URL: url})
    assert {SECRET_KEY, BASE_URL} <= set(str(raised.value).replace(":", "").split())
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({SECRET_KEY: LIVE}, "Stripe LIVE (api.stripe.com)"),
        ({SECRET_KEY: "rk_live_ofthetests0001"}, "Stripe LIVE (api.stripe.com)"),
        ({SECRET_KEY: KEY}, "Stripe test mode (api.stripe.com)"),
        ({SECRET_KEY: KEY, BASE_URL: "http://[::1]:81/x"}, "Stripe simulator ([::1]:81)"),
        ({PAYOUT: "none"}, "Stripe without a key (api.stripe.com)"),
    ],
)  # fmt: skip
def test_it_says_whose_money_it_is_and_not_by_which_key(environ: dict[str, str], told: str) -> None:
    provider = Stripe.build(a_kit(load_settings(environ)))
    assert provider.description == told


def test_secrets_stay_out_of_repr() -> None:
    settings = load_settings({SECRET_KEY: KEY, SECRETS: WEBHOOK_SECRET})
    provider = Stripe.build(a_kit(settings))
    known = settings.variables.load(StripeSettings)
    told = repr(known) + repr(settings) + repr(provider) + repr(vars(provider))
    told += "".join(
        repr(vars(each)) for each in vars(provider).values() if hasattr(each, "__dict__")
    )
    assert KEY not in told
    assert WEBHOOK_SECRET not in repr(known) + repr(provider) + repr(vars(provider))


def test_without_a_key_nothing_is_paid_and_it_says_so() -> None:
    provider = Stripe.build(a_kit(load_settings({PAYOUT: "none"})))
    assert not provider.configured
    assert provider.webhooks is None
    with pytest.raises(Misconfigured, match="PAYMENTAPP_STRIPE_SECRET_KEY"):
        provider.submit(*a_payment(FakeClock()()))


def test_the_library_is_loaded_at_the_first_call_and_keeps_no_statistics(tmp_path: Path) -> None:
    """Load it late for cold starts; its statistics would leave a file in the home directory."""
    build_it = (
        "import sys; from paymentapp.config import load_settings; "
        "from paymentapp.providers.stripe.provider import Stripe; "
        "from tests.support.kit import a_kit; "
        "provider = Stripe.build(a_kit(load_settings())); "
        "assert not {'stripe', 'requests', 'cryptography'} & set(sys.modules)"
    )
    call_it = (
        f"{build_it}; from paymentapp.errors import NotSent\n"
        "try:\n    provider.check()\nexcept NotSent:\n    sys.exit('stripe' not in sys.modules)"
    )
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        environ = {"HOME": str(tmp_path), SECRET_KEY: KEY, BASE_URL: url, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", call_it], env=environ, check=False, cwd=ROOT)
    assert done.returncode == 0
    assert list(tmp_path.rglob("*")) == []
