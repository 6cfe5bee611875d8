"""Search of Stripe's lists of transfers and outbound payments, by any sender.

The API: https://docs.stripe.com/api/transfers/list, https://docs.stripe.com/api/transfers/retrieve
and https://docs.stripe.com/api/v2/money-management/outbound-payments/list
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from paymentapp.errors import NotSent
from paymentapp.providers.base import Transaction
from paymentapp.providers.stripe.answers import Reference, Transfer
from paymentapp.providers.stripe.api import StripeApi
from paymentapp.providers.stripe.calls import NO_SUCH_ID
from paymentapp.providers.stripe.global_payouts import GlobalPayouts, is_outbound


class StripeSearch:
    """Search for payments, and for the batch that one was made for. Moves nothing."""

    def __init__(self, api: StripeApi, global_payouts: GlobalPayouts | None = None) -> None:
        self._api = api
        self._global = global_payouts
        # "Top-level lists are immediately consistent" in version 1, "eventually" in version 2.
        self.lag = timedelta(minutes=1 if global_payouts is None else 15)

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        """Yield the account's transfers and outbound payments, whoever made them."""
        for transfer in self._api.transfers_between(start, end):
            yield Transaction(
                transaction_id=transfer.transfer_id,
                at=transfer.created,
                money=transfer.money,
                item_id=transfer.item_id or None,
                raw_status=transfer.status,
            )
        for payment in self._global.between(start, end) if self._global else ():
            yield Transaction(
                transaction_id=payment.payment_id,
                at=payment.created,
                money=payment.money,
                item_id=payment.item_id or None,
                raw_status=payment.status,
            )

    def batch_id_of(self, reference: str) -> str | None:
        """Return the batch of the transfer or outbound payment that Stripe has under this id."""
        if is_outbound(reference):
            payment = self._global.find(reference) if self._global else None
            return payment.batch_id if payment else None
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
