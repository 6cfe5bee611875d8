"""The page of today: what waits, what failed, who is needed, and charts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from paymentapp.console import charts
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Status
from paymentapp.services import today as today_service
from tests.console.conftest import ConsoleBench, Person
from tests.console.test_payments import move, path_of

Pay = Callable[..., dict[str, Any]]


def today(console: ConsoleBench, person: Person | None = None, path: str = "/") -> str:
    console.services.today.forget()
    return (person or console.person).see(path)


def test_an_account_without_payments_is_calm(console: ConsoleBench) -> None:
    page = today(console)
    assert "No payment waits." in page
    assert "Nothing failed or came back, of the last 14 days." in page
    assert "0</span> payments are on the way" in page


def test_what_waits_is_shown_with_why_sums_and_a_link_to_it(
    console: ConsoleBench, paid: Pay
) -> None:
    body = paid()
    paid(amount=30)
    console.services.holds.place(HoldScope.ALL, "", "a doubt")
    page = today(console)
    assert "2</span> payments are on the way" in page
    assert "42.50 USD" in page
    assert '<span class="tag warn">hold</span>' in page
    assert "/console/payments?status=pending&payment_method=paypal" in page
    assert path_of(body) in page
    assert "everything" in page
    assert "a doubt" in page


def test_what_failed_is_shown_with_why(console: ConsoleBench, paid: Pay) -> None:
    body = paid()
    move(console, body, Status.FAILED, "INVALID_EMAIL: the address does not exist")
    page = today(console)
    assert "1</span> failed or came back" in page
    assert "The e-mail address does not exist." in page
    assert path_of(body) in page


def test_sums_are_of_each_currency_by_itself(console: ConsoleBench, paid: Pay) -> None:
    move(console, paid(), Status.SUCCEEDED)
    paid(currency="EUR", amount=3)
    page = today(console)
    eur, usd = page.index('<th scope="row">EUR</th>'), page.index('<th scope="row">USD</th>')
    assert "3.00 EUR" in page[eur:usd]
    assert "12.50 USD" in page[usd : usd + 300]


def test_charts_have_a_name_and_their_numbers_in_a_table(console: ConsoleBench, paid: Pay) -> None:
    move(console, paid(), Status.SUCCEEDED)
    page = today(console)
    assert page.count('role="img"') == 3
    assert page.count("<title id=") == 3
    assert "<title>2026-03-01: 1</title>" in page
    assert (
        '<th scope="row">paid</th><td class="number">1</td><td class="number">100.0%</td>' in page
    )
    assert "style=" not in page
    assert "Half are paid within" in page


def test_where_nothing_is_paid_no_time_is_told(console: ConsoleBench, paid: Pay) -> None:
    move(console, paid(), Status.FAILED)
    assert "Half are paid" not in today(console)


def test_the_numbers_are_a_part_of_the_page_by_themselves(console: ConsoleBench, paid: Pay) -> None:
    paid()
    part = today(console, path="/today/numbers")
    assert "<h1>" not in part
    assert "on the way" in part
    page = today(console)
    assert 'hx-get="/console/today/numbers"' in page
    assert 'hx-trigger="every 15s"' in page


def test_more_than_is_read_is_said_to_be_more(
    console: ConsoleBench, paid: Pay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(today_service, "OPEN_MAX", 2)
    monkeypatch.setattr(today_service, "RECENT_MAX", 2)
    for _ in range(3):
        paid(amount=5)
    page = today(console)
    assert "at least 2</span> payments are on the way" in page
    assert "at least 10.00 USD" in page
    assert "of the latest 2 payments" in page


def test_people_who_look_at_once_cost_one_read(console: ConsoleBench, paid: Pay) -> None:
    paid()
    today(console)
    before = console.store.calls.count("list_account_payments")
    console.person.see("/")
    console.person.see("/today/numbers")
    assert console.store.calls.count("list_account_payments") == before


def test_who_may_not_read_payments_gets_403(console: ConsoleBench) -> None:
    clerk = console.somebody("clerk", "customers:read")
    clerk.see("/", 403)
    clerk.see("/today/numbers", 403)


def test_a_hostile_reason_is_shown_as_text(console: ConsoleBench) -> None:
    console.services.holds.place(HoldScope.ALL, "", "<script>alert(1)</script>")
    console.services.today.forget()
    raw = console.person.client.get("/console/").get_data(as_text=True)
    assert "<script>alert" not in raw


def test_columns_are_as_high_as_their_numbers() -> None:
    low, high, none = charts.columns([("1", "one", 5), ("2", "two", 10), ("3", "three", 0)]).bars
    assert high.height == pytest.approx(2 * low.height)
    assert (none.height, none.number) == (0, "")
    assert high.title == "two: 10"
    assert high.y + high.height == pytest.approx(low.y + low.height)


def test_a_small_number_is_still_seen() -> None:
    small, _ = charts.rows([("failed", 1), ("paid", 100_000)]).bars
    assert small.width >= 2
    assert small.number == "1"


def test_charts_of_nothing_are_empty() -> None:
    assert [bar.height for bar in charts.columns([("1", "one", 0)]).bars] == [0]
    assert charts.rows([]).bars == []


def test_numbers_are_short() -> None:
    shown = [charts.short_number(n) for n in (0, 999, 1250, 99_960, 2_000_000)]
    assert shown == ["0", "999", "1.2k", "99k", "2.0M"]
