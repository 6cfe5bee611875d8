"""PayPal's transaction search: the payouts that left the account, by any sender.

The API: https://developer.paypal.com/docs/api/transaction-search/v1/ (description version 1.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from paymentapp.clock import from_text
from paymentapp.errors import NotSent
from paymentapp.models.money import Money
from paymentapp.providers.base import Transaction
from paymentapp.providers.json_answers import as_text, dig, elements
from paymentapp.providers.paypal.answers import read_money, sender_batch_id
from paymentapp.providers.paypal.tables import NO_SUCH_BATCH

TRANSACTIONS = "/v1/reporting/transactions"
# "MassPay payment", in the table of transaction event codes; for payouts, "Mass Payment":
# https://docs.paypal.ai/growth/payouts/manage-payouts/reports-transaction-logs
_EVENT_CODE = "T0001"
_LONGEST = timedelta(days=31)  # parameter end_date: "The maximum supported range is 31 days."
_SHORTEST = timedelta(seconds=2)  # a range that is not halved any further
_PAGE_SIZE = 500  # parameter page_size, maximum
# "The request returned more items than the maximum limit" (10,000), whatever the page:
# https://docs.paypal.ai/growth/reports/troubleshooting
_TOO_MANY = "RESULTSET_TOO_LARGE"

_Ask = Callable[[Mapping[str, str]], object]


class PayPalSearch:
    """Search for payouts that left the account, and for the batch of a reference. Moves nothing."""

    # "It takes a maximum of three hours for executed transactions to appear."
    lag = timedelta(hours=3)

    def __init__(self, ask: _Ask, page: Callable[[str, int, int], object]) -> None:
        """Take `ask`, which runs one search, and `page`, which reads a page of a batch."""
        self._ask = ask
        self._page = page

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        """Yield payouts between two times.

        The period is divided into ranges that PayPal allows, and a range with too many results is
        halved. Ranges touch, so a payout at their border may come twice. Raises NotSent where an
        answer makes no sense, because a partial result would be taken for a complete one.
        """
        start, end = start.replace(microsecond=0), end.replace(microsecond=0) + timedelta(seconds=1)
        ranges = []
        while start < end:
            ranges.append((start, min(start + _LONGEST, end)))
            start = ranges[-1][1]
        ranges.reverse()
        while ranges:
            start, end = ranges.pop()
            try:
                yield from _pages(self._ask, start, end)
            except NotSent as error:
                if error.code != _TOO_MANY or end - start <= _SHORTEST:
                    raise
                middle = start + timedelta(seconds=(end - start) // timedelta(seconds=2))
                ranges += [(middle, end), (start, middle)]

    def batch_id_of(self, reference: str) -> str | None:
        """Return the `sender_batch_id` of the batch that PayPal has under this id."""
        try:
            return sender_batch_id(self._page(reference, 1, 1)) or ""
        except NotSent as error:
            if error.code in NO_SUCH_BATCH:
                return None
            raise


def _pages(ask: _Ask, start: datetime, end: datetime) -> Iterator[Transaction]:
    query = {
        "start_date": _time(start),
        "end_date": _time(end),
        "transaction_type": _EVENT_CODE,
        "balance_affecting_records_only": "N",
        "fields": "transaction_info",
        "page_size": str(_PAGE_SIZE),
    }
    for number in count(1):
        body = ask(query | {"page": str(number)})
        if not isinstance(body, dict):
            raise NotSent("UNREADABLE_ANSWER", "no search result")
        details = elements(dig(body, "transaction_details"))
        yield from filter(None, map(_read, details))
        pages = dig(body, "total_pages")
        more = number < pages if isinstance(pages, int) else len(details) == _PAGE_SIZE
        if not more or not details:
            return


def _read(detail: object) -> Transaction | None:
    """Parse one transaction (`transaction_detail`); None where it is incoming money."""
    info = dig(detail, "transaction_info")
    money = read_money(dig(info, "transaction_amount"), "currency_code")
    transaction_id = dig(info, "transaction_id")
    if money is None or not isinstance(transaction_id, str):
        raise NotSent("UNREADABLE_ANSWER", "a transaction without an id or an amount")
    if money.amount >= Decimal(0):
        return None
    status = dig(info, "transaction_status")
    return Transaction(
        transaction_id=transaction_id,
        at=_moment(dig(info, "transaction_initiation_date")),
        money=Money(-money.amount, money.currency),
        # "Usually, this field includes the unique ID for payments made with MassPay."
        item_id=as_text(dig(info, "custom_field")),
        raw_status=status[:64] if isinstance(status, str) else "",
    )


def _moment(value: object) -> datetime:
    try:
        return from_text(value if isinstance(value, str) else "")
    except ValueError:
        raise NotSent("UNREADABLE_ANSWER", "a transaction without its time") from None


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
