"""Account ids that decide an outcome, and the accounts' own data."""

from __future__ import annotations

import pytest
import stripe

from simulators.stripe.accounts import BY_PREFIX, FAILURES, outcome_for

from .support import OK, Live, fault_of


@pytest.mark.parametrize("account", [OK, "acct_1Abc2Def3Ghi", "acct_simzzz"])
def test_any_other_account_is_paid(live: Live, account: str) -> None:
    made = live.paid_out(account)
    live.clock.pass_by(seconds=2)
    assert live.show_payout(made, account).status == "paid"
    found = live.client.v1.accounts.retrieve(account)
    assert found.capabilities.transfers == "active"  # type: ignore[union-attr]
    assert (found.payouts_enabled, found.default_currency, found.country) == (True, "usd", "US")


@pytest.mark.parametrize("state", ["inactive", "pending"])
def test_without_the_capability_nothing_is_transferred(live: Live, state: str) -> None:
    account = f"acct_sim{state}01"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.transfer(account)
    assert caught.value.http_status == 400
    assert caught.value.code == "insufficient_capabilities_for_transfer"
    found = live.client.v1.accounts.retrieve(account)
    assert (found.capabilities.transfers, found.payouts_enabled) == (state, False)  # type: ignore[union-attr]
    assert live.ledger() == []


@pytest.mark.parametrize("account", ["acct_simunknown01", "acct_no-such", "ann@example.com"])
def test_an_unknown_account_is_missing_or_invalid(live: Live, account: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.transfer(account)
    assert (caught.value.http_status, caught.value.code) == (400, "resource_missing")
    assert caught.value.param == "destination"
    for ask in (
        lambda: live.client.v1.accounts.retrieve(account),
        lambda: live.payout(account),
    ):
        with pytest.raises(stripe.PermissionError) as refused:
            ask()
        assert (refused.value.http_status, fault_of(refused)["code"]) == (403, "account_invalid")
        assert "sk_test_*********0001" in fault_of(refused)["message"]


def test_without_a_bank_there_is_no_payout(live: Live) -> None:
    account = "acct_simnobank01"
    live.transfer(account)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout(account)
    assert "external accounts in that currency (usd)" in fault_of(caught)["message"]
    found = live.client.v1.accounts.retrieve(account)
    assert found.payouts_enabled is False
    assert found.external_accounts.data == []  # type: ignore[union-attr]
    assert live.available(account) == {"usd": 1000}


def test_payouts_can_be_disabled(live: Live) -> None:
    account = "acct_simnopayouts01"
    live.transfer(account)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout(account)
    assert caught.value.code == "payouts_not_allowed"
    assert live.client.v1.accounts.retrieve(account).payouts_enabled is False


def test_a_payout_can_be_stuck(live: Live) -> None:
    made = live.paid_out("acct_simstuck01")
    live.clock.pass_by(days=365)
    assert live.show_payout(made, "acct_simstuck01").status == "in_transit"


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("kind", ["payoutfails", "failslater"])
def test_every_failure_can_be_had(kind: str, code: str) -> None:
    found = outcome_for(f"acct_sim{kind}{code.replace('_', '')}0001")
    assert (found.failure, found.late) == (code, kind == "failslater")
    assert FAILURES[code]


def test_a_failure_without_a_code_has_one(live: Live) -> None:
    made = live.paid_out("acct_simpayoutfails")
    live.clock.pass_by(seconds=2)
    failed = live.show_payout(made, "acct_simpayoutfails")
    assert failed.failure_code == "could_not_process"


def test_no_prefix_hides_another() -> None:
    for prefix, outcome in BY_PREFIX.items():
        assert outcome_for(f"acct_sim{prefix}0001") == outcome


def test_an_account_shows_itself(live: Live) -> None:
    own = live.raw("GET", "account").json()
    assert own["id"] == "acct_simplatform0001"
    theirs = live.raw("GET", "account", headers={"Stripe-Account": OK}).json()
    assert (theirs["id"], theirs["object"]) == (OK, "account")


def test_a_balance_may_be_empty(live: Live) -> None:
    assert live.available(OK) == {"usd": 0}
