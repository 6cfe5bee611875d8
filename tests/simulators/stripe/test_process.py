"""The command with Stripe's options, and the ledger after a kill."""

from __future__ import annotations

import ast
import signal
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

import simulators.stripe
from simulators import PayPalSimulatorSettings
from simulators.__main__ import read_settings
from simulators.common.settings import InvalidSetting
from tests.simulators.test_process import fail_to_start, running

from .support import KEY, OK, living


def ask(url: str, key: str, amount: int = 1000) -> Any:
    """Make one transfer with a key, with a client of its own."""
    session = requests.Session()
    http = stripe.RequestsClient(session=session, timeout=5)
    addresses: Any = {"api": f"{url}/stripe"}
    client = stripe.StripeClient(
        KEY, base_addresses=addresses, http_client=http, max_network_retries=0
    )
    params: Any = {"amount": amount, "currency": "usd", "destination": OK}
    try:
        return client.v1.transfers.create(params=params, options={"idempotency_key": key})
    finally:
        session.close()


def test_a_killed_simulator_keeps_its_books(tmp_path: Path) -> None:
    state = str(tmp_path / "simulator.db")
    with running("--state", state, "--stripe-balance", "USD=15.00") as (process, url):
        made = ask(url, "k-1")
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    with running("--state", state, "--stripe-balance", "USD=15.00") as (_, url):
        again = ask(url, "k-1")
        assert again.id == made.id
        assert again.last_response.headers["idempotent-replayed"] == "true"
        with pytest.raises(stripe.InvalidRequestError):
            ask(url, "k-2")
        ask(url, "k-3", 500)
        with pytest.raises(stripe.IdempotencyError):
            ask(url, "k-3", 501)
        ledger = requests.get(f"{url}/_simulator/stripe/ledger", timeout=5).json()
        assert [entry["amount"] for entry in ledger["items"]] == ["10.00", "5.00"]


def test_a_state_outlives_its_simulator(tmp_path: Path) -> None:
    settings = PayPalSimulatorSettings(state=str(tmp_path / "simulator.db"))
    with living(settings=settings) as live:
        account = "acct_simpayoutfails"
        made = live.paid_out(account)
    with living(settings=settings) as live:
        live.clock.pass_by(seconds=2)
        assert live.show_payout(made, account).status == "failed"
        assert [event["type"] for event in live.events()][-1] == "payout.failed"


def test_settings_come_from_flags_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENTAPP_SIMULATOR_STRIPE_PAYOUT_DELAY", "0.25")
    monkeypatch.setenv("PAYMENTAPP_SIMULATOR_STRIPE_LATENCY", "9")
    arguments = ["--stripe-latency", "0.5", "--latency", "2", "--stripe-balance", "KWD=1.500"]
    paypal, ours, _ = read_settings([*arguments, "--stripe-faults-on", "transfer,payout"])
    assert (paypal.latency, ours.latency, ours.payout_delay) == (2.0, 0.5, 0.25)
    assert (ours.balance, ours.faults_on) == ({"KWD": "1.500"}, ("transfer", "payout"))
    with pytest.raises(InvalidSetting, match=r"^--stripe-down: must be one of"):
        read_settings(["--stripe-down", "maybe"])


def test_a_bad_flag_is_said_in_one_line() -> None:
    assert "--stripe-drop-after: must be a probability" in fail_to_start("--stripe-drop-after", "2")


def test_it_imports_nothing_else_of_the_service_and_no_library_of_stripes() -> None:
    modules = sorted(Path(simulators.stripe.__file__).parent.glob("*.py"))
    imported: set[str] = set()
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported.update(name.name for name in node.names)
    assert len({name for name in imported if name.startswith("simulators")}) > 10
    assert not {name for name in imported if name.startswith("paymentapp")}
    assert not {name for name in imported if name.partition(".")[0] == "stripe"}


def test_no_amount_is_a_float() -> None:
    folder = Path(simulators.stripe.__file__).parent
    for name in ("currencies", "forms", "books", "bodies", "transfers", "payouts", "records"):
        assert "float" not in (folder / f"{name}.py").read_text("utf-8"), name
