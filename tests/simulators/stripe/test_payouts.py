"""The life of a payout: https://docs.stripe.com/api/payouts/object#payout_object-status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe

from simulators.stripe.accounts import FAILURES

from .support import OK, Live


def test_pending_then_in_transit_then_paid(live: Live) -> None:
    live.transfer(amount=1500)
    made = live.payout(metadata={"payment": "p-1"}, statement_descriptor="WAGES")
    assert (made.object, made.status, made.amount) == ("payout", "pending", 1000)
    assert (made.automatic, made.method, made.type) == (False, "standard", "bank_account")
    assert made.metadata.to_dict() == {"payment": "p-1"}  # type: ignore[union-attr]
    assert made.statement_descriptor == "WAGES"
    day = datetime.fromtimestamp(made.arrival_date, UTC)
    assert day == live.clock().replace(hour=0, minute=0)
    assert live.available(OK) == {"usd": 500}
    seen = []
    for _ in range(3):
        seen.append(live.show_payout(made).status)
        live.clock.pass_by(seconds=1)
    assert seen == ["pending", "in_transit", "paid"]
    live.clock.pass_by(days=30)
    assert live.show_payout(made).status == "paid"
    assert live.available(OK) == {"usd": 500}


def test_a_failed_payout_gives_the_money_back(live: Live) -> None:
    account = "acct_simpayoutfailsaccountclosed01"
    made = live.paid_out(account)
    live.clock.pass_by(seconds=1)
    moving = live.show_payout(made, account)
    assert (moving.status, moving.failure_code, live.available(account)) == (
        "in_transit",
        None,
        {"usd": 0},
    )
    live.clock.pass_by(seconds=1)
    failed = live.show_payout(made, account)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert failed.failure_message == FAILURES["account_closed"]
    assert failed.failure_balance_transaction is not None
    assert live.available(account) == {"usd": 1000}
    assert live.ledger()[-1]["failure_code"] == "account_closed"


def test_a_paid_payout_may_fail_later(live: Live) -> None:
    account = "acct_simfailslaternoaccount"
    made = live.paid_out(account)
    live.clock.pass_by(seconds=11)
    paid = live.show_payout(made, account)
    assert (paid.status, paid.failure_code) == ("paid", None)
    assert live.available(account) == {"usd": 0}
    live.clock.pass_by(seconds=1)
    failed = live.show_payout(made, account)
    assert (failed.status, failed.failure_code) == ("failed", "no_account")
    assert live.available(account) == {"usd": 1000}


def test_a_pending_payout_can_be_canceled(live: Live) -> None:
    live.transfer()
    made = live.payout()
    options: stripe.RequestOptions = {"stripe_account": OK}
    canceled = live.client.v1.payouts.cancel(made.id, options=options)
    assert (canceled.status, live.available(OK)) == ("canceled", {"usd": 1000})
    live.clock.pass_by(days=1)
    assert live.show_payout(made).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        live.client.v1.payouts.cancel(made.id, options=options)
    assert [event["type"] for event in live.events()[-2:]] == ["payout.created", "payout.canceled"]


def test_a_payout_on_its_way_cannot_be_canceled(live: Live) -> None:
    made = live.paid_out(OK)
    live.clock.pass_by(seconds=1)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.payouts.cancel(made.id, options={"stripe_account": OK})
    assert caught.value.http_status == 400
    assert live.show_payout(made).status == "in_transit"


def test_a_payout_needs_the_money(live: Live) -> None:
    live.transfer(amount=999)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout()
    assert (caught.value.http_status, caught.value.code) == (400, "balance_insufficient")
    with pytest.raises(stripe.InvalidRequestError):
        live.payout(amount=1, currency="eur")
    assert [entry["kind"] for entry in live.ledger()] == ["transfer"]


def test_a_payout_goes_to_the_accounts_own_bank(live: Live) -> None:
    live.transfer()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout(destination="ba_other")
    assert (caught.value.code, caught.value.param) == ("resource_missing", "destination")


def test_a_payouts_metadata_can_change(live: Live) -> None:
    made = live.paid_out(OK)
    changed = live.client.v1.payouts.update(
        made.id, params={"metadata": {"a": "1"}}, options={"stripe_account": OK}
    )
    assert changed.metadata.to_dict() == {"a": "1"}  # type: ignore[union-attr]
    assert live.events()[-1]["type"] == "payout.updated"


def test_the_platform_pays_itself_out(live: Live) -> None:
    live.set(balance={"USD": "10.00"})
    made = live.client.v1.payouts.create(params={"amount": 400, "currency": "usd"})
    assert live.available() == {"usd": 600}
    assert live.client.v1.payouts.retrieve(made.id).status == "pending"
    with pytest.raises(stripe.InvalidRequestError):
        live.client.v1.payouts.create(params={"amount": 601, "currency": "usd"})


@pytest.mark.parametrize("descriptor", ["X" * 23])
def test_a_statement_descriptor_is_short(live: Live, descriptor: str) -> None:
    live.transfer()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout(statement_descriptor=descriptor)
    assert caught.value.param == "statement_descriptor"


def test_with_an_automatic_schedule_nothing_is_left_to_pay_out(live: Live) -> None:
    live.set(payout_schedule="daily")
    found = live.client.v1.accounts.retrieve(OK)
    assert found.settings.payouts.schedule.interval == "daily"  # type: ignore[union-attr]
    made = live.transfer()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout()
    assert caught.value.code == "balance_insufficient"
    with pytest.raises(stripe.InvalidRequestError):
        live.client.v1.transfers.reversals.create(made.id)
    assert live.available(OK) == {"usd": 0}
    live.set(payout_schedule="manual")
    assert live.payout().status == "pending"
