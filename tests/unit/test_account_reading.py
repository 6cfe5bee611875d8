"""How much a page of the account's payments reads, and when it may be empty."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.clock import to_text
from paymentapp.models.account_payments import AccountPage, AccountQuery, ListPosition
from paymentapp.models.payments import Payment
from paymentapp.storage import account_reading
from paymentapp.storage.account_reading import Candidate, Step, read_page
from tests.support.records import a_payment

NEWEST = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_reading, "STEP", 10)
    monkeypatch.setattr(account_reading, "READ_MAX", 100)


class Account:
    """Payments that are apart by some minutes, newest first, of which some are wanted."""

    def __init__(self, count: int, minutes: float, wanted: Sequence[int] = ()) -> None:
        times = [to_text(NEWEST - timedelta(minutes=minutes * number)) for number in range(count)]
        self.positions = [ListPosition(time, "x") for time in times]
        self.wanted = wanted
        self.steps: list[int] = []

    def read(self, before: ListPosition | None, count: int) -> Step:
        first = self.positions.index(before) + 1 if before else 0
        last = min(first + count, len(self.positions))
        found = [Candidate(self.positions[n], self._payment(n)) for n in range(first, last)]
        self.steps.append(len(found))
        return Step(found, is_last=last == len(self.positions))

    def page(self, limit: int = 3, *, exact: bool = False, after: int | None = None) -> AccountPage:
        before = self.positions[after] if after is not None else None
        return read_page(AccountQuery(limit, before=before), self.read, exact=exact)

    def _payment(self, number: int) -> Payment | None:
        known = self.positions[number].payment_id
        return a_payment(payment_id=known) if number in self.wanted else None


def test_where_all_is_wanted_no_more_than_the_page_is_read() -> None:
    account = Account(50, 1, range(50))
    page = account.page(exact=True)
    assert (len(page.payments), page.last_read) == (3, account.positions[2])
    assert account.steps == [3]


def test_a_page_that_ends_with_the_last_record_has_no_next_one() -> None:
    account = Account(6, 1, range(6))
    assert account.page(exact=True, after=2).last_read is None
    assert account.page(exact=True, after=1).last_read == account.positions[4]


def test_a_page_ends_where_it_is_full_and_the_next_one_goes_on_there() -> None:
    account = Account(50, 1, range(0, 50, 2))
    assert account.page().last_read == account.positions[4]
    following = account.page(after=4).payments
    assert [each.payment_id for each in following] == [
        account.positions[n].payment_id for n in (6, 8, 10)
    ]


def test_the_first_step_that_finds_something_is_the_last() -> None:
    account = Account(50, 0.1, [24])
    page = account.page()
    assert (len(page.payments), page.last_read) == (1, account.positions[29])
    assert account.steps == [10, 10, 10]


def test_a_day_without_any_is_read_to_its_end_and_no_further() -> None:
    account = Account(90, 1)  # 31 records of a day, and then those of the day before
    assert account.page() == ([], account.positions[39])
    assert account.page(after=39) == ([], None)


def test_a_great_day_is_read_in_parts() -> None:
    account = Account(1000, 0.01)
    assert account.page() == ([], account.positions[99])


def test_records_that_came_to_nothing_are_bounded_too() -> None:
    account = Account(1000, 0.01)
    assert account.page(10, exact=True) == ([], account.positions[99])
