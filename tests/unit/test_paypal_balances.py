"""PayPal's balances: the meaning of the answers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import NotPermitted, NotSent
from paymentapp.models.balances import ProviderBalance
from paymentapp.models.money import Money
from paymentapp.providers.paypal.balances import BALANCES, PayPalBalances
from paymentapp.providers.paypal.provider import PayPal
from tests.support.paypal_server import PayPalServer, problem, settings_for

TIME = "2026-03-01T09:30:02Z"
AT = datetime(2026, 3, 1, 9, 30, 2, tzinfo=UTC)


def read(**body: Any) -> list[ProviderBalance]:
    return list(PayPalBalances(lambda: body).read())


def row(currency: str, value: object, **more: Any) -> dict[str, Any]:
    money = {"currency_code": currency, "value": value}
    return {"currency": currency, "total_balance": money, "available_balance": money} | more


def test_each_available_balance_is_read_as_of_the_last_refresh() -> None:
    rows = [row("USD", "100.50"), row("EUR", "-3"), row("JPY", "x"), {"currency": "GBP"}, 7]
    found = read(balances=rows, last_refresh_time=TIME, as_of_time="2026-03-01T12:00:00Z")
    assert found == [
        ProviderBalance(Money(Decimal("100.5"), "USD"), AT),
        ProviderBalance(Money(Decimal(-3), "EUR"), AT),
    ]


def test_the_total_is_not_taken_for_what_is_available() -> None:
    assert read(balances=[row("USD", "5", available_balance=None)], as_of_time=TIME) == []


@pytest.mark.parametrize("body", [{}, {"balances": [row("USD", "5")]}, {"as_of_time": "now"}])
def test_balances_without_a_time_are_not_believed(body: dict[str, Any]) -> None:
    with pytest.raises(NotSent):
        read(**body)


def test_an_account_that_may_not_be_asked_says_so() -> None:
    with PayPalServer().running() as server:
        server.says("GET", BALANCES, problem(403, "NOT_AUTHORIZED"))
        with pytest.raises(NotPermitted):
            PayPal(settings_for(server.url), utc_now).balances.read()
