"""Simulators for `run --dev`: PayPal, Stripe and OpenACH in one process, a bank in another.

Besides the providers' own folders, this is the only module that knows them by name: it starts
their simulators by command line, and sets the variables that point to them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from paymentapp.cli.dev_folder import VAR, kept_port
from paymentapp.cli.process_group import ProcessGroup
from paymentapp.errors import SettingsError
from paymentapp.vault.sealing import new_key

CHECKOUT = Path(__file__).parents[2]
WEBHOOK_ID = "SIMULATORWEBHOOK01"
STRIPE_KEY = "sk_test_simulated0001"
STRIPE_FINANCIAL_ACCOUNT = "fa_simfinancial0001"
STRIPE_WEBHOOK_SECRET = "whsec_simulator"  # noqa: S105 - of the simulator, and public
OPENACH_PAYMENT_TYPE = "0c1f9b13-0000-4000-8000-000000000001"  # of the simulator, a credit
BANK_SECONDS = 10  # of a simulated banking day, and between two files to the bank


_BANK_BOOKS = VAR / "bank" / "books"


class Simulators(NamedTuple):
    """The running simulators."""

    page: str  # URL of their web page
    environ: Mapping[str, str]  # settings that point to them


def names_an_account(environ: Mapping[str, str]) -> bool:
    """Return whether the settings name a provider account; then nothing is simulated."""
    credentials = ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET")
    return "PAYPAL_BASE_URL" in environ or any(
        environ.get(name, "").strip() for name in credentials
    )


# What names an account by itself: where one is set, the settings of that provider stay as they are.
_ACCOUNTS = {
    "PAYMENTAPP_STRIPE_": ("PAYMENTAPP_STRIPE_SECRET_KEY", "PAYMENTAPP_STRIPE_BASE_URL"),
    "PAYMENTAPP_ACH_": ("PAYMENTAPP_ACH_OUTGOING_URL", "PAYMENTAPP_ACH_INCOMING_URL"),
    "PAYMENTAPP_OPENACH_": ("PAYMENTAPP_OPENACH_TOKEN", "PAYMENTAPP_OPENACH_BASE_URL"),
}


def left_alone(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the prefixes of the settings that point to an account which is not simulated."""
    return tuple(
        prefix
        for prefix, names in _ACCOUNTS.items()
        if any(environ.get(name, "").strip() for name in names)
    )


def start_simulators(processes: ProcessGroup, base_url: str) -> Simulators:
    """Start the simulators for a service at `base_url`; variables that are set keep their values.

    Raises SettingsError if the simulators are not installed or do not start.
    """
    if not (CHECKOUT / "simulators").is_dir():
        raise SettingsError(
            "the simulators are not installed with the package: run --dev from a checkout of the "
            "project (make run there), or name an account to pay from"
        )
    VAR.mkdir(parents=True, exist_ok=True)
    environ = _start_providers(processes, base_url) | _start_bank(processes)
    page = environ["PAYPAL_BASE_URL"]
    environ["PAYMENTAPP_VAULT_KEYS"] = _vault_key()
    environ["PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK"] = "on"
    others = left_alone(os.environ)
    fresh = {
        name: value
        for name, value in environ.items()
        if name not in os.environ and not (others and name.startswith(others))
    }
    return Simulators(page, fresh)


def _start_providers(processes: ProcessGroup, base_url: str) -> dict[str, str]:
    """Start the simulators of PayPal, Stripe and OpenACH, with webhooks to the service."""
    port_file = VAR / "simulators.port"  # a page that is open, and var/dev.env, stay right
    arguments = ["--port", str(kept_port(port_file)), "--state", str(VAR / "paypal-simulator.db")]
    arguments += ["--webhook-id", WEBHOOK_ID, "--webhook-url", f"{base_url}/webhooks/paypal"]
    arguments += ["--stripe-webhook-url", f"{base_url}/webhooks/stripe"]
    arguments += ["--stripe-api-key", STRIPE_KEY]
    arguments += ["--bank-books", str(_BANK_BOOKS / "books.db")]
    process = processes.start(
        [sys.executable, "-m", "simulators", *arguments], subprocess.PIPE, _environ()
    )
    line = process.stdout.readline() if process.stdout else ""
    url = next((word for word in line.split() if word.startswith("http://")), "").rstrip("/")
    if not url:
        raise SettingsError("the simulator did not start")
    port_file.write_text(url.rpartition(":")[2])
    ca_file = (VAR / "paypal-simulator-ca.pem").absolute()
    with urllib.request.urlopen(f"{url}/_simulator/ca", timeout=10) as ca:  # noqa: S310
        ca_file.write_bytes(ca.read())
    return {
        "PAYPAL_BASE_URL": url,
        "PAYPAL_CLIENT_ID": "simulator",
        "PAYPAL_CLIENT_SECRET": "simulator",
        "PAYMENTAPP_PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
        "PAYMENTAPP_PAYPAL_WEBHOOK_CA": str(ca_file),
        "PAYMENTAPP_STRIPE_SECRET_KEY": STRIPE_KEY,
        "PAYMENTAPP_STRIPE_BASE_URL": f"{url}/stripe",
        "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS": STRIPE_WEBHOOK_SECRET,
        "PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT": STRIPE_FINANCIAL_ACCOUNT,
        "PAYMENTAPP_OPENACH_BASE_URL": f"{url}/openach/api",
        "PAYMENTAPP_OPENACH_TOKEN": "simulator",
        "PAYMENTAPP_OPENACH_SECRET_KEY": "simulator",
        "PAYMENTAPP_OPENACH_PAYMENT_TYPE": OPENACH_PAYMENT_TYPE,
    }


def _start_bank(processes: ProcessGroup) -> dict[str, str]:
    """Start the simulated bank, with short days, on two folders."""
    bank = (VAR / "bank").absolute()
    folders = {name: bank / name for name in ("outgoing", "incoming")}
    arguments = [f"--{name}={folder}" for name, folder in folders.items()]
    processes.start(
        [
            *(sys.executable, "-m", "simulators.bank"),
            *(*arguments, f"--state={_BANK_BOOKS}", f"--late-delay={3 * BANK_SECONDS}"),
        ],
        subprocess.DEVNULL,
        _environ(),
    )
    settings = {
        "ORIGIN": "1234567890",
        "ORIGIN_NAME": "PAYMENTAPP",
        "DESTINATION": "091000019",
        "DESTINATION_NAME": "SIMULATED BANK",
        "COMPANY_ID": "1234567890",
        "COMPANY_NAME": "PAYMENTAPP",
        "ODFI": "091000019",
        "OUTGOING_URL": folders["outgoing"].as_uri(),
        "INCOMING_URL": folders["incoming"].as_uri(),
        "REHEARSAL_SECONDS": str(BANK_SECONDS),
    }
    environ = {f"PAYMENTAPP_ACH_{name}": value for name, value in settings.items()}
    return {**environ, "PAYMENTAPP_COLLECT_SECONDS": "2"}


def _environ() -> dict[str, str]:
    """Return the environment of a simulator, which is imported from the checkout."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


def _vault_key() -> str:
    """Return the vault key in `var`, generated at the first start."""
    file = VAR / "vault.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(new_key())
    return file.read_text().strip()
