"""PayPal's transaction search: the requests, and the meaning of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import from_text, utc_now
from paymentapp.errors import Misconfigured, NotPermitted, NotSent
from paymentapp.models.money import Money
from paymentapp.providers.base import Transaction
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.paypal.search import TRANSACTIONS
from tests.support.paypal_server import (
    PAYOUTS,
    PayPalServer,
    Reply,
    Says,
    Seen,
    a_batch,
    header,
    problem,
    settings_for,
)

START = datetime(2026, 3, 1, 9, 30, 0, 5, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[PayPalServer]:
    with PayPalServer().running() as running:
        yield running


@pytest.fixture
def paypal(server: PayPalServer) -> Iterator[PayPal]:
    provider = PayPal(settings_for(server.url), utc_now)
    yield provider
    provider.close()


def info(number: int = 1, value: str = "-12.50", **more: Any) -> dict[str, Any]:
    made = {
        "transaction_id": f"TX{number}",
        "transaction_event_code": "T0001",
        "transaction_initiation_date": "2026-03-01T10:00:00+0000",
        "transaction_amount": {"currency_code": "USD", "value": value},
        "transaction_status": "S",
        "custom_field": f"i-{number}",
    }
    return {"transaction_info": {k: v for k, v in (made | more).items() if v is not None}}


def page(*details: dict[str, Any], pages: int | None = 1) -> Says:
    total = {} if pages is None else {"total_pages": pages}
    return Says(200, {"transaction_details": list(details)} | total)


def searched(paypal: PayPal, end: datetime = START + DAY) -> list[Transaction]:
    return list(paypal.transaction_search.transactions(START, end))


def test_it_has_books() -> None:
    assert PayPal(settings_for("https://x"), utc_now).transaction_search.lag == timedelta(hours=3)


def test_a_search_asks_for_payouts_alone(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", TRANSACTIONS, page(info()))
    assert searched(paypal) == [
        Transaction("TX1", START.replace(hour=10, minute=0, microsecond=0),
                    Money(Decimal("12.5"), "USD"), "i-1", "S")
    ]  # fmt: skip
    [asked] = server.asked("GET", TRANSACTIONS)
    assert asked.query == {
        "start_date": "2026-03-01T09:30:00Z",
        "end_date": "2026-03-02T09:30:01Z",
        "transaction_type": "T0001",
        "balance_affecting_records_only": "N",
        "fields": "transaction_info",
        "page_size": "500",
        "page": "1",
    }


def test_all_pages_are_read(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", TRANSACTIONS, page(info(1), pages=2), page(info(2), pages=2))
    assert [each.transaction_id for each in searched(paypal)] == ["TX1", "TX2"]


def test_pages_end_where_one_is_not_full(server: PayPalServer, paypal: PayPal) -> None:
    full = page(*(info(n) for n in range(500)), pages=None)
    server.says("GET", TRANSACTIONS, full, page(info(500), pages=None), page(pages=None))
    assert len(searched(paypal)) == 501
    assert len(server.asked("GET", TRANSACTIONS)) == 2


@pytest.mark.parametrize("body", [{}, {"transaction_details": []}, {"total_pages": 0}])
def test_nothing_found_is_nothing(server: PayPalServer, paypal: PayPal, body: Any) -> None:
    server.says("GET", TRANSACTIONS, Says(200, body))
    assert searched(paypal) == []


def test_a_long_span_is_asked_for_in_ranges_of_31_days(
    server: PayPalServer, paypal: PayPal
) -> None:
    server.says("GET", TRANSACTIONS, page())
    searched(paypal, START + 70 * DAY)
    spans = [
        (from_text(asked.query["start_date"]), from_text(asked.query["end_date"]))
        for asked in server.asked("GET", TRANSACTIONS)
    ]
    assert spans[0][0] <= START
    assert spans[-1][1] >= START + 70 * DAY
    assert all(end - start <= 31 * DAY for start, end in spans)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


def test_a_range_that_holds_too_many_is_halved(server: PayPalServer, paypal: PayPal) -> None:
    def answer(seen: Seen) -> Reply:
        start, end = (from_text(seen.query[name]) for name in ("start_date", "end_date"))
        if end - start > timedelta(hours=7):
            return problem(400, "RESULTSET_TOO_LARGE")
        return page(info(transaction_id=f"{start:%d%H%M}"))

    server.says("GET", TRANSACTIONS, answer)
    ids = [each.transaction_id for each in searched(paypal)]
    assert ids == sorted(ids)
    assert len(ids) == 4


def test_a_second_that_holds_too_many_is_an_error(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", TRANSACTIONS, problem(400, "RESULTSET_TOO_LARGE"))
    with pytest.raises(NotSent, match="RESULTSET_TOO_LARGE"):
        searched(paypal, START + timedelta(seconds=5))


def test_money_that_came_is_none_that_left(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", TRANSACTIONS, page(info(1, "5.00"), info(2, "-5.00"), info(3, "0.00")))
    assert [each.transaction_id for each in searched(paypal)] == ["TX2"]


def test_a_transaction_may_say_little(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", TRANSACTIONS, page(info(custom_field=None, transaction_status=None)))
    (found,) = searched(paypal)
    assert (found.item_id, found.raw_status) == (None, "")


@pytest.mark.parametrize(
    "answer",
    [
        Says(200, b"<html>"),
        Says(200, ["x"]),
        page({}),
        page(info(transaction_id=None)),
        page(info(transaction_amount=None)),
        page(info(value="1e5")),
        page(info(value=".")),
        page(info(transaction_initiation_date="yesterday")),
    ],
)
def test_half_a_search_is_not_taken_for_a_whole_one(
    server: PayPalServer, paypal: PayPal, answer: Says
) -> None:
    server.says("GET", TRANSACTIONS, answer)
    with pytest.raises(NotSent):
        searched(paypal)


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (403, "NOT_AUTHORIZED", NotPermitted),
        (401, "AUTHENTICATION_FAILURE", Misconfigured),
        (429, "RATE_LIMIT_REACHED", NotSent),
        (500, "INTERNAL_SERVER_ERROR", NotSent),
    ],
)
def test_what_goes_wrong_is_told_apart(
    server: PayPalServer, paypal: PayPal, status: int, name: str, kind: type[Exception]
) -> None:
    server.says("GET", TRANSACTIONS, problem(status, name))
    with pytest.raises(kind) as raised:
        searched(paypal)
    assert type(raised.value) is kind


def test_a_batch_is_known_by_its_reference(server: PayPalServer, paypal: PayPal) -> None:
    batch = a_batch()
    server.says("GET", f"{PAYOUTS}/B1", Says(200, {"batch_header": header("B1", batch.batch_id)}))
    server.says("GET", f"{PAYOUTS}/B2", Says(200, {"batch_header": {"payout_batch_id": "B2"}}))
    server.says("GET", f"{PAYOUTS}/B4", problem(500, "INTERNAL_SERVER_ERROR"))
    assert paypal.transaction_search.batch_id_of("B1") == batch.batch_id
    assert paypal.transaction_search.batch_id_of("B2") == ""
    assert paypal.transaction_search.batch_id_of("B3") is None  # 404
    with pytest.raises(NotSent):
        paypal.transaction_search.batch_id_of("B4")
