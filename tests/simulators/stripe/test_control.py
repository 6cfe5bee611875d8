"""Settings, the ledger and events on demand, by endpoints that Stripe does not have."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from simulators.common.database import Database
from simulators.stripe import StripeSimulatorSettings
from simulators.stripe.accounts import BY_PREFIX
from simulators.stripe.core import StripeSimulator
from simulators.stripe.schema import STRIPE_SCHEMA
from tests.simulators.support import FakeClock

from .support import OK, Live


def test_settings_can_be_read_changed_and_put_back(live: Live) -> None:
    before = live.control("GET", "settings").json()
    assert list(before) == list(StripeSimulatorSettings.by_name())
    answer = live.control("PUT", "settings", json={"latency": 0, "balance": {"USD": "1.00"}})
    assert answer.json() == before | {"balance": {"USD": "1.00"}}
    assert live.control("PUT", "settings", json=before).json() == before
    paypal = requests.get(f"{live.url}/_simulator/settings", timeout=5).json()
    assert "payout_delay" not in paypal


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("speed", 1),
        ("latency", "1"),
        ("drop_after", 1.5),
        ("error_rolled_back", "often"),
        ("balance", {"USD": 100.0}),
        ("balance", {"usd": "100.00"}),
        ("balance", {"USD": "1.001"}),
        ("balance", {"JPY": "1.5"}),
        ("balance", {"XTS": "1"}),
        ("api_key", "sk_live_never0001"),
        ("account_id", "platform"),
        ("faults_on", ["everything"]),
        ("webhook_url", "ftp://127.0.0.1/"),
        ("webhook_secret", None),
        ("key_lifetime", -1),
        ("down", "yes"),
    ],
)
def test_a_bad_setting_is_named_and_changes_nothing(live: Live, key: str, value: Any) -> None:
    before = live.control("GET", "settings").json()
    answer = live.control("PUT", "settings", json={"payout_delay": 9, key: value})
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        400,
        "application/problem+json",
    )
    assert (answer.json()["status"], answer.json()["key"]) == (400, key)
    assert live.control("GET", "settings").json() == before


def test_faults_cannot_be_more_than_certain(live: Live) -> None:
    answer = live.control("PUT", "settings", json={"drop_after": 0.6, "lock_timeout": 0.6})
    assert (answer.status_code, "at most 1" in answer.text) == (400, True)


@pytest.mark.parametrize("body", ["", "[]", "{"])
def test_settings_are_an_object(live: Live, body: str) -> None:
    assert live.control("PUT", "settings", data=body).status_code == 400


def test_secrets_are_never_shown(live: Live) -> None:
    live.set(api_key="sk_test_hush", webhook_secret="whsec_hush")
    shown = live.control("GET", "settings")
    assert "hush" not in shown.text
    live.set(**shown.json())
    assert live.stripe.settings.webhook_secret == "whsec_hush"
    assert "hush" not in repr(live.stripe.settings)


def test_the_ledger_tells_everything_in_order(live: Live) -> None:
    made = live.transfer(amount=1250, transfer_group="b-1", metadata={"p": "1"}, key="k-1")
    live.client.v1.transfers.reversals.create(made.id, params={"amount": 250})
    paid = live.payout(metadata={"p": "2"})
    live.clock.pass_by(seconds=2)
    transfer, reversal, payout = live.ledger()
    assert [entry["seq"] for entry in (transfer, reversal, payout)] == [1, 2, 3]
    assert transfer == {
        "seq": 1,
        "kind": "transfer",
        "id": made.id,
        "account": "acct_simplatform0001",
        "destination": OK,
        "transfer": None,
        "amount": "12.50",
        "currency": "USD",
        "status": "partly_reversed",
        "amount_reversed": "2.50",
        "failure_code": None,
        "transfer_group": "b-1",
        "description": None,
        "metadata": {"p": "1"},
        "idempotency_key": "k-1",
        "time_created": "2026-03-01T09:30:00Z",
    }
    assert (reversal["kind"], reversal["transfer"], reversal["amount"]) == (
        *("reversal", made.id),
        "2.50",
    )
    assert (payout["kind"], payout["id"], payout["account"]) == ("payout", paid.id, OK)
    assert (payout["amount"], payout["status"], payout["metadata"]) == (
        *("10.00", "paid"),
        {"p": "2"},
    )


def test_the_ledger_is_paged_and_reset(live: Live) -> None:
    made = [live.transfer(key=f"k-{number}").id for number in range(5)]
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = live.control("GET", f"ledger?limit=2&after={after}").json()
        seen += [entry["id"] for entry in page["items"]]
        assert page["total"] == 5
        after = page["next"]
    assert seen == made
    assert live.control("DELETE", "ledger").json() == {"deleted": 5}
    assert (live.ledger(), live.events()) == ([], [])
    calls = requests.get(f"{live.url}/_simulator/calls", timeout=5).json()
    assert calls["total"] == 0
    assert live.transfer(key="k-0").id != made[0]


def test_each_side_is_reset_alone(live: Live) -> None:
    live.transfer()
    requests.post(f"{live.url}/v1/oauth2/token", timeout=5)
    live.control("DELETE", "ledger")
    calls = requests.get(f"{live.url}/_simulator/calls", timeout=5).json()["endpoints"]
    assert list(calls) == ["POST /v1/oauth2/token"]
    live.transfer()
    requests.delete(f"{live.url}/_simulator/ledger", timeout=5)
    assert len(live.ledger()) == 1


@pytest.mark.parametrize("query", ["limit=x", "limit=15001", "after=-1"])
def test_a_bad_ledger_page_is_refused(live: Live, query: str) -> None:
    answer = live.control("GET", f"ledger?{query}")
    assert (answer.status_code, answer.json()["key"]) == (400, query.partition("=")[0])


def verified(minted: requests.Response) -> Any:
    assert minted.status_code == 201, minted.text
    signed = minted.json()
    header = signed["headers"]["Stripe-Signature"]
    return stripe.Webhook.construct_event(signed["body"], header, "whsec_simulator", tolerance=0)


def test_an_event_can_be_had_about_what_there_is(live: Live) -> None:
    made = live.paid_out(OK)
    live.clock.pass_by(seconds=2)
    event = verified(live.control("POST", "events", json={"id": made.id}))
    assert (event.type, event.account, event.data.object.status) == ("payout.paid", OK, "paid")
    wrong = {"id": made.id, "type": "payout.failed"}
    assert verified(live.control("POST", "events", json=wrong)).type == "payout.failed"
    transfer = live.ledger()[0]["id"]
    assert verified(live.control("POST", "events", json={"id": transfer})).type == (
        "transfer.created"
    )


def test_an_event_can_be_had_about_anything(live: Live) -> None:
    wanted = {"type": "payout.teleported", "object": {"id": "po_1"}, "account": OK}
    event = verified(live.control("POST", "events", json=wanted))
    assert (event.type, event.account, event.data.object["id"]) == (
        *("payout.teleported", OK),
        "po_1",
    )


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"id": "po_nothing"}, 404),
        ({}, 400),
        ({"type": "x", "object": 7}, 400),
        ({"type": 7, "object": {}}, 400),
        ({"type": "x", "object": {}, "account": 7}, 400),
    ],
)
def test_an_event_about_nothing_is_refused(live: Live, wanted: dict[str, Any], status: int) -> None:
    answer = live.control("POST", "events", json=wanted)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_an_event_of_a_reversal_is_its_transfers(live: Live) -> None:
    made = live.transfer()
    reversal = live.client.v1.transfers.reversals.create(made.id)
    assert live.control("POST", "events", json={"id": reversal.id}).status_code == 404
    bad = live.control("POST", "events", json={"id": made.id, "type": ""})
    assert (bad.status_code, bad.json()["key"]) == (400, "type")


def test_the_page_says_which_accounts_decide(live: Live) -> None:
    text = requests.get(f"{live.url}/", timeout=5).text
    for prefix in BY_PREFIX:
        assert f"acct_sim{prefix}…" in text
    assert f"{live.url}/stripe" in text


def test_a_state_of_an_earlier_version_opens(tmp_path: Path) -> None:
    """Moves had no source type."""
    state = str(tmp_path / "state.sqlite3")
    with closing(sqlite3.connect(state)) as earlier:
        earlier.executescript(STRIPE_SCHEMA.replace(",\n    source_type TEXT", ""))
    for _ in range(2):
        database = Database(state)
        StripeSimulator(StripeSimulatorSettings(), database, FakeClock())
        assert "source_type" in {row[1] for row in database.rows("PRAGMA table_info(stripe_moves)")}
        database.close()
