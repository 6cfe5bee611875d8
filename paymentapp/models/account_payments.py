"""The payments of the whole account: filters, positions and pages of their list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from paymentapp.models.payments import FINAL, Payment, PaymentKey, Status


class ListPosition(NamedTuple):
    """A position in the list: the payment id, and what orders payments of one microsecond.

    `tie` is the engine's own: a customer id, or a digest.
    """

    payment_id: str
    tie: str


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """Which payments of the account to list, newest first.

    `earliest` and `latest` are inclusive bounds of the payment id, `before` is the position to
    continue after. `provider_id` is the id of a batch or an item, ours or the provider's, or of a
    transaction. Amounts are compared as numbers, whatever the currency.
    """

    limit: int
    reference: str | None = None
    status: Status | None = None
    payment_method: str | None = None
    currency: str | None = None
    created_by: str | None = None
    provider_id: str | None = None
    bulk_id: str | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    earliest: str | None = None
    latest: str | None = None
    before: ListPosition | None = None

    @property
    def filters(self) -> frozenset[str]:
        """Return the names of the filters that are set, without the bounds of time."""
        names = ("reference", "status", "payment_method", "currency", "created_by", "provider_id")
        others = ("bulk_id", "min_amount", "max_amount")
        return frozenset(name for name in names + others if getattr(self, name) is not None)

    @property
    def wants_open(self) -> bool:
        """Return whether a status is wanted that is no final one."""
        return self.status is not None and self.status not in FINAL

    def matches(self, payment: Payment, batch_ids: Collection[str] = ()) -> bool:
        """Return whether a payment passes all filters, but the position.

        `batch_ids` are the batches that the provider knows by `provider_id`.
        """
        payment_id, amount = payment.payment_id, payment.money.amount
        return (
            self._is_wanted("reference", payment.texts.reference)
            and self._is_wanted("status", payment.status)
            and self._is_wanted("payment_method", payment.payment_method)
            and self._is_wanted("currency", payment.money.currency)
            and self._is_wanted("created_by", payment.created_by)
            and self._is_wanted("bulk_id", payment.bulk_id)
            and self._is_of_provider_id(payment, batch_ids)
            and (self.min_amount is None or self.min_amount <= amount)
            and (self.max_amount is None or amount <= self.max_amount)
            and (self.earliest or "") <= payment_id <= (self.latest or "~")
        )

    @property
    def item_key(self) -> PaymentKey | None:
        """Return the key of the payment whose item id of ours is wanted; None for other ids."""
        return PaymentKey.find(self.provider_id) if self.provider_id else None

    def _is_wanted(self, name: str, value: str | None) -> bool:
        wanted: str | None = getattr(self, name)
        return wanted is None or wanted == value

    def _is_of_provider_id(self, payment: Payment, batch_ids: Collection[str]) -> bool:
        if self.provider_id is None:
            return True
        ids = (payment.batch_id, payment.provider_item_id, payment.transaction_id)
        return (
            self.provider_id in ids or payment.batch_id in batch_ids or payment.key == self.item_key
        )


class AccountPage(NamedTuple):
    """A page of the list; `last_read` is the `before` of the next page, None at the end."""

    payments: list[Payment]
    last_read: ListPosition | None
