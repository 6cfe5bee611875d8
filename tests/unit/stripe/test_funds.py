"""The balance as it was last read: how long a reading counts, and what it covers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paymentapp.errors import NotSent
from paymentapp.models.balances import ProviderBalance
from paymentapp.models.money import Money
from paymentapp.providers.stripe.funds import Funds, StripeBalances
from tests.support.paypal_server import FakeClock


class Account:
    """A balance that counts how often it is read."""

    def __init__(self, **units: int) -> None:
        self.balance = dict(units)
        self.reads = 0

    def __call__(self) -> dict[str, int]:
        self.reads += 1
        return self.balance


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_a_reading_counts_for_five_seconds() -> None:
    account, clock = Account(USD=10_000), FakeClock()
    funds = Funds(account, clock)
    reads = []
    for seconds in (0, 4.999, 0.001, 4.999):
        clock.pass_by(seconds=seconds)
        assert funds.cover(usd("1"))
        reads.append(account.reads)
    assert reads == [1, 1, 2, 2]


def test_what_was_covered_is_no_longer_there_for_others() -> None:
    account = Account(USD=1000, EUR=5)
    funds = Funds(account, FakeClock())
    assert funds.cover(usd("6"))
    account.balance = {"USD": 400, "EUR": 5}
    assert not funds.cover(usd("6"))
    assert account.reads == 2  # too little by the first reading: read again before saying no
    assert funds.cover(usd("4"))
    account.balance = {"USD": 0, "EUR": 5}
    assert not funds.cover(usd("0.01"))
    assert funds.cover(Money(Decimal("0.05"), "EUR"))
    assert not funds.cover(Money(Decimal(1), "JPY"))


def test_a_balance_that_cannot_be_read_covers_nothing() -> None:
    def fail() -> dict[str, int]:
        raise NotSent("NO_ANSWER")

    with pytest.raises(NotSent):
        Funds(fail, FakeClock()).cover(usd("1"))


def test_the_balances_are_read_as_of_the_time_before_the_call(clock: FakeClock) -> None:
    began = clock()

    def ask() -> dict[str, int]:
        clock.pass_by(seconds=3)
        return {"USD": 1250, "JPY": -7}

    assert StripeBalances(ask, clock).read() == [
        ProviderBalance(Money(Decimal("12.5"), "USD"), began),
        ProviderBalance(Money(Decimal(-7), "JPY"), began),
    ]
