"""Lists: order, cursors, filters (https://docs.stripe.com/api/pagination)."""

from __future__ import annotations

import pytest
import stripe

from .support import OK, Live, fault_of


def test_transfers_are_paged_newest_first(live: Live) -> None:
    made = [live.transfer(amount=100 + number).id for number in range(25)]
    page = live.client.v1.transfers.list()
    assert ([each.id for each in page.data], page.has_more) == (made[:14:-1], True)
    assert page.url == "/v1/transfers"
    everything = live.client.v1.transfers.list(params={"limit": 7})
    assert [each.id for each in everything.auto_paging_iter()] == made[::-1]
    last = live.client.v1.transfers.list(params={"limit": 100, "starting_after": made[2]})
    assert ([each.id for each in last.data], last.has_more) == ([made[1], made[0]], False)
    exact = live.client.v1.transfers.list(params={"limit": 25})
    assert (len(exact.data), exact.has_more) == (25, False)


def test_a_page_may_lie_before_a_cursor(live: Live) -> None:
    made = [live.transfer().id for _ in range(5)]
    page = live.client.v1.transfers.list(params={"limit": 2, "ending_before": made[1]})
    assert ([each.id for each in page.data], page.has_more) == ([made[3], made[2]], True)


def test_transfers_are_found_by_group_destination_and_time(live: Live) -> None:
    start = int(live.clock().timestamp())
    first = live.transfer(transfer_group="b-1").id
    live.clock.pass_by(seconds=10.5)
    second = live.transfer("acct_simok0002", transfer_group="b-1").id
    live.clock.pass_by(seconds=10)
    third = live.transfer(transfer_group="b-2").id

    def found(**params: object) -> list[str]:
        listed = live.client.v1.transfers.list(params=params)  # type: ignore[arg-type]
        return [each.id for each in listed.data]

    assert found(transfer_group="b-1") == [second, first]
    assert found(transfer_group="b-1", destination=OK) == [first]
    assert found(transfer_group="none") == []
    assert found(destination="acct_simok0002") == [second]
    assert found(created={"gte": start + 10}) == [third, second]
    assert found(created={"gt": start + 10}) == [third]
    assert found(created={"lte": start + 10}) == [second, first]
    assert found(created={"lt": start + 10}) == [first]
    assert found(created={"gt": start, "lt": start + 20}) == [second]
    assert found(created=start + 10) == [second]


def test_payouts_are_found_by_status_time_and_bank(live: Live) -> None:
    live.transfer(amount=5000)
    bank = live.client.v1.accounts.retrieve(OK).external_accounts.data[0].id  # type: ignore[union-attr]
    old = live.payout()
    live.clock.pass_by(days=1)
    new = live.payout()

    def found(**params: object) -> list[str]:
        listed = live.client.v1.payouts.list(
            params=params,  # type: ignore[arg-type]
            options={"stripe_account": OK},
        )
        return [each.id for each in listed.data]

    assert found() == [new.id, old.id]
    assert (found(status="paid"), found(status="pending")) == ([old.id], [new.id])
    assert found(status="failed") == []
    assert found(destination=bank) == [new.id, old.id]
    assert found(destination="ba_other") == []
    assert found(arrival_date=old.arrival_date) == [old.id]
    assert found(arrival_date={"gt": old.arrival_date}) == [new.id]
    assert found(created={"gte": new.created}) == [new.id]
    live.clock.pass_by(seconds=1)
    assert live.show_payout(new).status == "in_transit"
    assert found(status="in_transit") == [new.id, old.id]  # as Stripe does: no such filter
    with pytest.raises(stripe.InvalidRequestError) as caught:
        found(status="done")
    message = "Invalid status: must be one of pending, paid, failed, canceled, or in_transit"
    assert (caught.value.param, fault_of(caught)["message"]) == ("status", message)


def test_payouts_are_an_accounts_own(live: Live) -> None:
    payout = live.paid_out("acct_simok01")
    live.paid_out("acct_simok02")
    listed = live.client.v1.payouts.list(options={"stripe_account": "acct_simok01"})
    assert [each.id for each in listed.data] == [payout.id]
    assert live.client.v1.payouts.list().data == []
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.show_payout(payout, "acct_simok02")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.payouts.list(
            params={"starting_after": payout.id}, options={"stripe_account": "acct_simok02"}
        )
    assert caught.value.param == "starting_after"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"starting_after": "tr_nothing"}, "starting_after"),
        ({"created": "yesterday"}, "created"),
        ({"created": {"gte": "x"}}, "created[gte]"),
        ({"created": {"about": 1}}, "created[about]"),
        ({"status": "paid"}, "status"),
    ],
)
def test_a_bad_filter_is_named(live: Live, params: dict[str, object], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.client.v1.transfers.list(params=params)  # type: ignore[arg-type]
    assert (caught.value.http_status, caught.value.param) == (400, param)
    assert fault_of(caught)["type"] == "invalid_request_error"
