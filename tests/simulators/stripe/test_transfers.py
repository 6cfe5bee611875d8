"""Transfers and reversals, as Stripe's library sees them."""

from __future__ import annotations

import pytest
import stripe

from simulators.stripe.currencies import LARGEST

from .support import OK, Live, fault_of


def test_a_transfer_is_as_it_was_asked_for(live: Live) -> None:
    made = live.transfer(metadata={"payment": "p-1"}, transfer_group="b-1", description="wages")
    found = live.client.v1.transfers.retrieve(made.id)
    assert found.to_dict() == made.to_dict()
    assert made.id.startswith("tr_")
    assert (made.object, made.amount, made.currency, made.livemode) == (
        *("transfer", 1000, "usd"),
        False,
    )
    assert (made.destination, made.transfer_group, made.description) == (OK, "b-1", "wages")
    assert made.metadata.to_dict() == {"payment": "p-1"}
    assert (made.reversed, made.amount_reversed, made.reversals.data) == (False, 0, [])
    assert made.created == int(live.clock().timestamp())


def test_an_unknown_transfer_is_404(live: Live) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.transfers.retrieve("tr_nothing")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    assert fault_of(caught)["message"] == "No such transfer: 'tr_nothing'"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": "10.00"}, "parameter_invalid_integer", "amount"),
        ({"amount": 10**12}, "amount_too_large", "amount"),
        ({"amount": ""}, "parameter_invalid_empty", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"currency": "xts"}, None, "currency"),
        ({"destination": None}, "parameter_missing", "destination"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"source_type": "gold"}, None, "source_type"),
        ({"expand": ["destination"]}, None, None),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata"),
        ({"metadata": {f"k{number}": "v" for number in range(51)}}, None, "metadata"),
        ({"source_transaction": "ch_1"}, "resource_missing", "source_transaction"),
    ],
)
def test_a_bad_parameter_is_named(
    live: Live, change: dict[str, object], code: str | None, param: str | None
) -> None:
    params = {"amount": 1000, "currency": "usd", "destination": OK} | change
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.transfers.create(
            params={k: v for k, v in params.items() if v is not None}  # type: ignore[arg-type]
        )
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert live.ledger() == []


def test_metadata_may_be_as_long_as_allowed(live: Live) -> None:
    given = {f"{number:040}": "v" * 500 for number in range(50)}
    assert live.transfer(metadata=given).metadata.to_dict() == given


def test_an_update_changes_metadata_and_is_told(live: Live) -> None:
    made = live.transfer(metadata={"a": "1", "b": "2"})
    changed = live.client.v1.transfers.update(
        made.id, params={"metadata": {"a": "", "c": "3"}, "description": "x"}
    )
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    told = live.events()[-1]
    assert told["type"] == "transfer.updated"
    assert told["data"]["previous_attributes"] == {
        "metadata": {"a": "1", "b": "2"},
        "description": None,
    }
    cleared = live.client.v1.transfers.update(made.id, params={"metadata": ""})
    assert cleared.metadata.to_dict() == {}
    assert cleared.description == "x"


def test_the_balance_limits_transfers(live: Live) -> None:
    live.set(balance={"USD": "15.00", "KWD": "1.500"})
    assert live.available() == {"usd": 1500, "kwd": 1500}
    live.transfer()
    assert live.available() == {"usd": 500, "kwd": 1500}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.transfer(amount=501)
    assert (caught.value.http_status, caught.value.code) == (400, "balance_insufficient")
    live.transfer(amount=500)
    live.transfer(currency="eur")
    assert live.available(OK) == {"usd": 1500, "eur": 1000}
    assert len(live.ledger()) == 3


def test_without_a_limit_the_platform_has_plenty(live: Live) -> None:
    live.set(balance={"USD": "15.00"})
    assert live.balance()["usd"] == 1500
    assert {amount for currency, amount in live.balance().items() if currency != "usd"} == {LARGEST}
    live.transfer(currency="eur")
    assert live.balance()["eur"] == LARGEST


def test_a_transfer_draws_from_funds_of_one_source_type(live: Live) -> None:
    live.set(balance={"USD": "10.00"}, bank_balance={"USD": "15.00"})
    usd = next(b for b in live.client.v1.balance.retrieve().available if b.currency == "usd")
    assert (usd.amount, usd.source_types.to_dict()) == (2500, {"card": 1000, "bank_account": 1500})  # type: ignore[union-attr]
    for source, amount in ((None, 1001), ("bank_account", 1501), ("fpx", 1)):
        given = {"source_type": source} if source else {}
        with pytest.raises(stripe.InvalidRequestError) as caught:
            live.transfer(amount=amount, **given)
        assert caught.value.code == "balance_insufficient"
    made = live.transfer(amount=1500, source_type="bank_account")
    assert made.source_type == "bank_account"
    assert live.available()["usd"] == 1000
    live.client.v1.transfers.reversals.create(made.id)
    assert live.available()["usd"] == 2500


def test_a_reversal_takes_back_no_more_than_there_is(live: Live) -> None:
    live.set(balance={"USD": "10.00"})
    made = live.transfer()
    reversals = live.client.v1.transfers.reversals
    part = reversals.create(made.id, params={"amount": 300, "metadata": {"why": "wrong"}})
    assert (part.object, part.amount, part.transfer) == ("transfer_reversal", 300, made.id)
    assert part.metadata.to_dict() == {"why": "wrong"}  # type: ignore[union-attr]
    assert (live.available()["usd"], live.available(OK)["usd"]) == (300, 700)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        reversals.create(made.id, params={"amount": 701})
    assert caught.value.param == "amount"
    found = live.client.v1.transfers.retrieve(made.id)
    assert (found.amount_reversed, found.reversed) == (300, False)
    rest = reversals.create(made.id)
    assert rest.amount == 700
    found = live.client.v1.transfers.retrieve(made.id)
    assert (found.amount_reversed, found.reversed) == (1000, True)
    assert [each.id for each in found.reversals.data] == [rest.id, part.id]
    assert reversals.retrieve(made.id, part.id).to_dict() == part.to_dict()
    assert [each.id for each in reversals.list(made.id).data] == [rest.id, part.id]
    with pytest.raises(stripe.InvalidRequestError):
        reversals.create(made.id)
    assert live.available() == {"usd": 1000}
    assert [entry["amount"] for entry in live.ledger()] == ["10.00", "3.00", "7.00"]
    assert [entry["status"] for entry in live.ledger()] == ["reversed", "made", "made"]


def test_what_was_paid_out_cannot_be_reversed(live: Live) -> None:
    made = live.transfer()
    live.payout(amount=400)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.transfers.reversals.create(made.id)
    assert caught.value.code == "balance_insufficient"
    live.client.v1.transfers.reversals.create(made.id, params={"amount": 600})
    assert live.available(OK) == {"usd": 0}


def test_a_reversal_of_nothing_is_404(live: Live) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.transfers.reversals.create("tr_nothing")
    assert caught.value.http_status == 404


def test_a_connected_account_makes_no_transfers(live: Live) -> None:
    with pytest.raises(stripe.PermissionError):
        live.client.v1.transfers.list(options={"stripe_account": OK})
