"""PayPal's balances, as its reporting has them.

The API: https://developer.paypal.com/docs/api/transaction-search/v1/#balances (description
version 1.9). "It takes a maximum of three hours for balances to appear in the list balances call."
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from paymentapp.errors import NotSent
from paymentapp.models.balances import ProviderBalance
from paymentapp.providers.json_answers import dig, elements, maybe_moment
from paymentapp.providers.paypal.answers import read_money

BALANCES = "/v1/reporting/balances"


class PayPalBalances:
    """The account's available balances, in each currency that it has."""

    def __init__(self, ask: Callable[[], object]) -> None:
        """Take `ask`, which makes the call."""
        self._ask = ask

    def read(self) -> Sequence[ProviderBalance]:
        """Return each `available_balance`, as of the last refresh that PayPal names.

        A currency without one is left out: `total_balance` includes what is withheld. Raises
        NotSent where the answer says no time.
        """
        body = self._ask()
        refreshed = maybe_moment(dig(body, "last_refresh_time"))
        as_of = refreshed or maybe_moment(dig(body, "as_of_time"))
        if as_of is None:
            raise NotSent("UNREADABLE_ANSWER", "balances without their time")
        rows = elements(dig(body, "balances"))
        found = [read_money(dig(row, "available_balance"), "currency_code") for row in rows]
        return [ProviderBalance(money, as_of) for money in found if money is not None]
