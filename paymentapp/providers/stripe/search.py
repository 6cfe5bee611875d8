"""Search of Stripe's list of transfers, for those of the account by any sender.

The API: https://docs.stripe.com/api/transfers/list and
https://docs.stripe.com/api/transfers/retrieve
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from paymentapp.errors import NotSent
from paymentapp.providers.base import Transaction
from paymentapp.providers.stripe.answers import Reference, Transfer
from paymentapp.providers.stripe.api import StripeApi
from paymentapp.providers.stripe.calls import NO_SUCH_ID


class StripeSearch:
    """Search for transfers, and for the batch that one was made for. Moves nothing."""

    lag = timedelta(minutes=1)

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        """Yield the account's transfers, whoever made them."""
        for transfer in self._api.transfers_between(start, end):
            yield Transaction(
                transaction_id=transfer.transfer_id,
                at=transfer.created,
                money=transfer.money,
                item_id=transfer.item_id or None,
                raw_status=transfer.status,
            )

    def batch_id_of(self, reference: str) -> str | None:
        """Return the group of the transfer that Stripe has under this id."""
        try:
            transfer = self._api.transfer(Reference.of(reference).transfer_id)
        except NotSent as error:
            if error.code == NO_SUCH_ID:
                return None
            raise
        if isinstance(transfer, Transfer):
            return transfer.batch_id
        if transfer.code == "resource_missing":
            return None
        raise transfer.error(transfer.kind(moves_money=False))
