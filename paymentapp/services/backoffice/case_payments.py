"""The payments that an open case may be about, for the operator who has to name one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.backoffice.open_cases import OpenCase
from paymentapp.services.payment_search import PaymentSearch
from paymentapp.storage.base import Store

CANDIDATES_MAX = 10
_TEXTS_MAX = 6  # of a case that are looked for
_NO_IDS = frozenset({"event", "status", "reason", "name", "bytes", "amount"})
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,4})?) ?([A-Z]{3})?")


@dataclass(frozen=True, slots=True)
class CasePayments:
    """Finds payments by what a case says: an id in it, and else its amount."""

    store: Store
    search: PaymentSearch

    def candidates(self, case: OpenCase) -> list[Payment]:
        """Return payments of the case's provider, the surest first.

        The one that the case names; else those that an id in it finds; else those that are of the
        same amount, newest first. A guess, for a person to check.
        """
        if case.payment is not None:
            payment = self.store.get_payment(case.payment)
            return [payment] if payment else []
        found: dict[PaymentKey, Payment] = {}
        texts = [text for name, text in case.details.items() if name not in _NO_IDS]
        for text in texts[:_TEXTS_MAX]:
            for payment in self.search.find(text, CANDIDATES_MAX):
                if payment.payment_method == case.provider:
                    found.setdefault(payment.key, payment)
        return (list(found.values()) or self._of_amount(case))[:CANDIDATES_MAX]

    def _of_amount(self, case: OpenCase) -> list[Payment]:
        amount, currency = _money(case.details.get("amount", ""))
        if amount is None:
            return []
        query = AccountQuery(
            CANDIDATES_MAX,
            payment_method=case.provider,
            currency=currency,
            min_amount=amount,
            max_amount=amount,
        )
        return list(self.store.list_account_payments(query).payments)


def _money(text: str) -> tuple[Decimal | None, str | None]:
    """Return the amount of a text and its currency, where it has these: `12.50 USD`, `12.50`."""
    found = _AMOUNT.fullmatch(text.replace(",", ""))
    try:
        return (Decimal(found[1]), found[2]) if found else (None, None)
    except InvalidOperation:
        return None, None
