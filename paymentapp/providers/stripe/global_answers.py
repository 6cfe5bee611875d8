"""Parsing of the answers of API version 2: any field may be missing, nothing is inferred.

The shapes are those of the official library's types; amounts are whole numbers of the currency's
smallest unit, times RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.money import Money
from paymentapp.models.settled import Exchange
from paymentapp.providers.base import ErrorKind, Refused
from paymentapp.providers.json_answers import as_text, dig, elements, matching, maybe_moment
from paymentapp.providers.stripe.answers import StripeProblem, read_money
from paymentapp.providers.stripe.global_tables import V2_ERRORS
from paymentapp.providers.stripe.recipients import MadeRecipient
from paymentapp.providers.stripe.tables import ERRORS, ERRORS_BY_STATUS

PAYMENT_ID = re.compile(r"obp_[A-Za-z0-9_]{1,90}")
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]{1,80}")
_METHOD = re.compile(r"[a-z]+_[A-Za-z0-9_]{1,80}")
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_OURS = re.compile(r"[A-Za-z0-9._-]{1,100}")  # batch and item ids
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_AMOUNTS = frozenset({"amount_too_large", "amount_too_small"})
_FEES = frozenset({"stripe_fee", "stripe_fee_tax"})  # categories of transactions


@dataclass(frozen=True, slots=True)
class OutboundPayment:
    """The relevant fields of an outbound payment; our ids are in its metadata."""

    payment_id: str
    status: str
    reason: str  # of `failed`, `returned` or `processing`
    cancelable: bool
    batch_id: str
    item_id: str
    money: Money
    debited: Money | None
    credited: Money | None
    receiver: MadeRecipient
    created: datetime
    posted_at: datetime | None

    @property
    def exchange(self) -> Exchange | None:
        """The conversion, where the account is in another currency than the payee's."""
        if self.debited is None or self.credited is None:
            return None
        if self.debited.currency == self.credited.currency:
            return None
        return Exchange(self.debited, self.credited)


@dataclass(frozen=True, slots=True)
class PayoutMethod:
    """The relevant fields of a payout method."""

    method_id: str
    archived: bool
    restricted: bool
    payments: str  # whether it can be paid to
    country: str  # of a bank account
    last4: str
    currencies: frozenset[str]


def read_outbound(body: object) -> OutboundPayment | None:
    """Parse an outbound payment; None where a field is missing."""
    payment_id = matching(PAYMENT_ID, dig(body, "id"))
    status = matching(_NAME, dig(body, "status"))
    money = read_amount(dig(body, "amount"))
    recipient = matching(_ACCOUNT, dig(body, "to", "recipient"))
    created = maybe_moment(dig(body, "created"))
    if not (payment_id and status and money and recipient and created):
        return None
    return OutboundPayment(
        payment_id=payment_id,
        status=status,
        reason=matching(_NAME, dig(body, "status_details", status, "reason")),
        cancelable=dig(body, "cancelable") is True,
        batch_id=matching(_OURS, dig(body, "metadata", "batch_id")),
        item_id=matching(_OURS, dig(body, "metadata", "item_id")),
        money=money,
        debited=read_amount(dig(body, "from", "debited")),
        credited=read_amount(dig(body, "to", "credited")),
        receiver=MadeRecipient(recipient, matching(_METHOD, dig(body, "to", "payout_method"))),
        created=created,
        posted_at=maybe_moment(dig(body, "status_transitions", "posted_at")),
    )


def read_method(body: object) -> PayoutMethod | None:
    """Parse a payout method; None where it has no id or no status."""
    method_id = matching(_METHOD, dig(body, "id"))
    payments = matching(_NAME, dig(body, "usage_status", "payments"))
    if not (method_id and payments):
        return None
    kind = "card" if isinstance(dig(body, "card"), dict) else "bank_account"
    about = dig(body, kind)
    codes = (matching(_CURRENCY, each) for each in elements(dig(about, "supported_currencies")))
    return PayoutMethod(
        method_id=method_id,
        archived=dig(body, "archived") is True,
        restricted=dig(body, "restricted") is True,
        payments=payments,
        country=matching(_COUNTRY, dig(about, "country")),
        last4=as_text(dig(about, "last4")) or "",
        currencies=frozenset(code.upper() for code in codes if code),
    )


def read_account_id(body: object) -> str:
    """Return the id of a recipient; empty where there is none."""
    return matching(_ACCOUNT, dig(body, "id"))


def read_amount(amount: object) -> Money | None:
    """Parse an amount `{value, currency}`; None for anything else."""
    return read_money(dig(amount, "value"), dig(amount, "currency"))


def read_available(body: object) -> list[Money] | None:
    """Return the available balance of a financial account by currency; None where not told."""
    available = dig(body, "balance", "available")
    if not isinstance(available, Mapping):
        return None
    found = map(read_amount, available.values())
    return [money for money in found if money is not None]


def fee_of(transactions: Iterator[object], payment_id: str) -> Money | None:
    """Return what Stripe took for a payment, by the transactions of its flow.

    None where it took nothing that they show, or in several currencies.
    """
    taken = [
        read_amount(dig(each, "amount"))
        for each in transactions
        if dig(each, "category") in _FEES and dig(each, "flow", "outbound_payment") == payment_id
    ]
    known = [money for money in taken if money is not None]
    if not known or len({money.currency for money in known}) != 1:
        return None
    total = sum((money.amount for money in known), Decimal(0))
    return Money(abs(total), known[0].currency)


def v2_kind(problem: StripeProblem, *, moves_money: bool) -> ErrorKind:
    """Return how an error of API version 2 is classified; compare `StripeProblem.kind`."""
    by_code = ERRORS.get(problem.code)
    if by_code is Refused and problem.code not in _AMOUNTS:
        by_code = None  # what is missing may be our own account
    found = V2_ERRORS.get(problem.type) or by_code or ERRORS_BY_STATUS.get(problem.status)
    if not moves_money:
        return Misconfigured if found is Misconfigured else NotSent
    if not 400 <= problem.status < 500 or problem.status == 409:
        return OutcomeUnknown
    return found or OutcomeUnknown
