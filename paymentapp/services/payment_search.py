"""One search for payments by whatever a person has at hand: an id, a reference, an address.

Each way of reading is by a key or an index of the store, but one: on DynamoDB a provider's own id
of an item or a transaction is looked for in as many payments as one page of the list may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from paymentapp.clock import from_text, to_text
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.caller_texts import REFERENCE_PATTERN
from paymentapp.models.customers import CUSTOMER_ID_PATTERN, EMAIL_PATTERN, CustomerQuery
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.base import PageQuery, Store

CUSTOMERS_MAX = 25  # with one address, whose payments are found
_PROVIDER_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class PaymentSearch:
    """Finds payments by one text."""

    store: Store

    def find(self, text: str, limit: int) -> list[Payment]:
        """Return up to `limit` payments that a text may mean, each once, the surest first.

        The text is the id of a payment, with its customer's before it or without; an id of a batch,
        an item or a transaction, ours or the provider's; a reference; a customer's id or whole
        e-mail address. Upper and lower case are different. Raises StoreUnavailable.
        """
        found: dict[PaymentKey, Payment] = {}
        for payment in self._all(text.strip(), limit):
            found.setdefault(payment.key, payment)
            if len(found) == limit:
                break
        return list(found.values())

    def _all(self, text: str, limit: int) -> Iterator[Payment]:
        if not text:
            return
        yield from self._by_key(text)
        yield from self._of_moment(text, limit)
        if _PROVIDER_ID.fullmatch(text):
            yield from self._listed(AccountQuery(limit, provider_id=text))
        if re.fullmatch(REFERENCE_PATTERN, text):
            yield from self._listed(AccountQuery(limit, reference=text))
        yield from self._of_customer(text, limit)
        if re.fullmatch(EMAIL_PATTERN, text):
            page = self.store.list_customers(CustomerQuery(CUSTOMERS_MAX, email=text))
            for customer in page.customers:
                yield from self._of_customer(customer.customer_id, limit)

    def _by_key(self, text: str) -> Iterator[Payment]:
        """Yield the payment of a customer's id and its own, with a blank or a slash between."""
        customer_id, _, payment_id = text.replace("/", " ").partition(" ")
        payment = (
            self.store.get_payment(PaymentKey(customer_id, payment_id)) if payment_id else None
        )
        if payment is not None:
            yield payment

    def _of_moment(self, text: str, limit: int) -> Iterator[Payment]:
        """Yield the payments that were requested in the microsecond that a payment id is."""
        try:
            is_payment_id = to_text(from_text(text)) == text
        except (ValueError, OverflowError):
            return
        if is_payment_id:
            yield from self._listed(AccountQuery(limit, earliest=text, latest=text))

    def _of_customer(self, customer_id: str, limit: int) -> Iterator[Payment]:
        if re.fullmatch(CUSTOMER_ID_PATTERN, customer_id):
            yield from self.store.list_payments(customer_id, PageQuery(limit)).payments

    def _listed(self, query: AccountQuery) -> Iterator[Payment]:
        """Yield what one page of the list has; where the filter has an index, that is all."""
        page = self.store.list_account_payments(query)
        yield from page.payments
