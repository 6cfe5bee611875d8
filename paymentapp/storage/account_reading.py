"""Reading a page of the account's payments in bounded steps; what engines with SQL share of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paymentapp.models.account_payments import AccountPage, AccountQuery, ListPosition
from paymentapp.models.payments import Payment

STEP = 1000  # records that are read at once where some are filtered out
READ_MAX = 20_000  # records that one request reads while it finds nothing
_DATE = len("2026-03-01")


class Candidate(NamedTuple):
    """A record that was read: its position, and its payment if that passes the filters."""

    position: ListPosition
    payment: Payment | None


class Step(NamedTuple):
    """The records that a step has read, newest first, and whether there are no more."""

    candidates: Sequence[Candidate]
    is_last: bool


Reader = Callable[[ListPosition | None, int], Step]  # from: after a position, how many at most


class SqlCondition(NamedTuple):
    """A condition or a table in SQL, with its values."""

    text: str
    values: tuple[Any, ...] = ()


def read_page(query: AccountQuery, read: Reader, *, exact: bool) -> AccountPage:
    """Return a page, by as many steps as it takes.

    With `exact` what is read is what is wanted, and a step reads no more than the page. Else a step
    reads STEP records, and the first one that finds something is the last. A page is empty only at
    the end of the list, once the records of the day (UTC) with which it began are read, or where
    these are more than READ_MAX.
    """
    found: list[Payment] = []
    before, count, day = query.before, 0, ""
    while True:
        candidates, is_last = read(before, query.limit - len(found) if exact else STEP)
        for number, (position, payment) in enumerate(candidates, start=1):
            before, day = position, day or position.payment_id[:_DATE]
            if payment is not None:
                found.append(payment)
            if len(found) == query.limit:
                is_end = is_last and number == len(candidates)
                return AccountPage(found, None if is_end else before)
        if is_last:
            return AccountPage(found, None)
        count += len(candidates)
        day_is_over = before is not None and before.payment_id[:_DATE] < day
        if (not exact and (found or day_is_over)) or count >= READ_MAX:
            return AccountPage(found, before)


def index_of(query: AccountQuery) -> str:
    """Return the filter by whose index to read, empty where there is none."""
    if query.wants_open and not query.filters & {"provider_id", "reference", "bulk_id"}:
        return "status"
    names = ("provider_id", "reference", "bulk_id", "created_by")
    return next((name for name in names if name in query.filters), "")
