"""Parsing of Stripe's answers: any field may be missing, and nothing is inferred beyond the text.

The shapes: https://docs.stripe.com/api/transfers/object, https://docs.stripe.com/api/payouts/object
and https://docs.stripe.com/api/errors.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from paymentapp.clock import EPOCH
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.money import Money
from paymentapp.models.settled import Exchange
from paymentapp.providers.base import ErrorKind, Refused
from paymentapp.providers.json_answers import dig, matching
from paymentapp.providers.stripe.payees import NO_PAYOUT, Destination
from paymentapp.providers.stripe.tables import DECIMALS, ERRORS, ERRORS_BY_STATUS

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_ID = re.compile(r"[A-Za-z0-9_]{1,100}")
_TRANSFER_ID = re.compile(r"tr_[A-Za-z0-9_]{1,100}")
_PAYOUT_ID = re.compile(r"po_[A-Za-z0-9_]{1,100}")
_OURS = re.compile(r"[A-Za-z0-9._-]{1,100}")  # batch and item ids
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_MAX_SECONDS = 10**11  # of a timestamp, so that it still is one
_MAX_UNITS = 10**13  # larger than any amount
_INVALID = "invalid_request_error"
_FUNDS = frozenset({"balance_insufficient", "insufficient_funds"})


@dataclass(frozen=True, slots=True)
class StripeProblem:
    """An answer that is not 2xx, without its texts, which may quote an account."""

    status: int
    code: str  # Stripe's, or its type of the error, or HTTP_<status>
    type: str = ""
    param: str = ""
    replayed: bool = False  # stored under our idempotency key by an earlier call
    request_id: str = ""
    retry_after: int | None = None

    def kind(self, *, moves_money: bool) -> ErrorKind:
        """Return how the error is classified.

        For a call that moves money, a 5xx may have been acted on, whatever its name, and an unknown
        name proves nothing. Any other call can simply be retried.
        """
        if not moves_money:
            found = ERRORS.get(self.code) or ERRORS_BY_STATUS.get(self.status)
            return Misconfigured if found is Misconfigured else NotSent
        if self.type == "idempotency_error" or not 400 <= self.status < 500 or self.status == 409:
            return OutcomeUnknown
        if self.code in {"resource_missing", _INVALID}:
            return Refused if self.param == "destination" else self._by_status
        return ERRORS.get(self.code) or self._by_status

    @property
    def is_kept_failure(self) -> bool:
        """Whether Stripe failed during an earlier call under this key.

        A retry gets the same answer; only the books say what happened.
        """
        return self.status >= 500 and self.replayed

    @property
    def is_insufficient_funds(self) -> bool:
        """Whether the account that is paid from has too small a balance."""
        return self.code in _FUNDS

    @property
    def is_no_payout(self) -> bool:
        """Whether the payout was certainly not begun, because of the account or its bank."""
        theirs = {None, Refused} >= {ERRORS.get(self.code)} or self.is_insufficient_funds
        if self.code == "account_invalid":
            return self.status in {400, 403, 404}
        return self.status in {400, 402, 404} and self.type == _INVALID and theirs

    def error(self, kind: ErrorKind) -> ProviderError:
        """Return the exception of that kind; only `submit` returns a refusal as a value."""
        raised = Misconfigured if issubclass(kind, Refused) else kind
        again = ", replayed from an earlier call" if self.replayed else ""
        where = f"HTTP {self.status}, Stripe request {self.request_id or 'unknown'}{again}"
        level = logging.ERROR if self.type == "idempotency_error" else logging.WARNING
        log.log(level, "Stripe answered %s (%s), treated as %s", self.code, where, raised.__name__)
        return raised(self.code, where, self.retry_after)

    @property
    def _by_status(self) -> ErrorKind:
        return ERRORS_BY_STATUS.get(self.status, OutcomeUnknown)


def read_problem(
    status: int, headers: Mapping[str, str], body: object, retry_after: int | None
) -> StripeProblem:
    """Parse an error. Of its texts, only names and ids are kept."""
    kind = matching(_NAME, dig(body, "error", "type"))
    return StripeProblem(
        status=status,
        code=matching(_NAME, dig(body, "error", "code")) or kind or f"HTTP_{status}",
        type=kind,
        param=matching(_NAME, dig(body, "error", "param")),
        replayed=is_replayed(headers),
        request_id=matching(_ID, headers.get("Request-Id")),
        retry_after=retry_after,
    )


def is_replayed(headers: Mapping[str, str]) -> bool:
    """Return whether an answer was stored under its key.

    https://docs.stripe.com/error-low-level
    """
    return headers.get("Idempotent-Replayed", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Transfer:
    """The relevant fields of a transfer; `batch_id` is its group, which nobody can change."""

    transfer_id: str
    batch_id: str
    item_id: str
    destination: Destination
    money: Money
    amount: int  # smallest units
    amount_reversed: int
    is_reversed: bool
    created: datetime
    fee: Money | None = None  # where the balance transaction came with it
    exchange: Exchange | None = None

    @property
    def status(self) -> str:
        """A word for the transfer's state; Stripe has none."""
        if self.is_reversed:
            return "reversed"
        return "partly_reversed" if self.amount_reversed else "transferred"


@dataclass(frozen=True, slots=True)
class Payout:
    """The relevant fields of a connected account's payout; our ids are in its metadata."""

    payout_id: str
    status: str
    failure_code: str
    batch_id: str
    item_id: str
    transfer_id: str
    payout: str
    money: Money
    arrives_at: datetime | None = None


def read_transfer(body: object) -> Transfer | None:
    """Parse a transfer; None where a field is missing."""
    transfer_id = matching(_TRANSFER_ID, dig(body, "id"))
    amount, reversed_units = _whole(dig(body, "amount")), _whole(dig(body, "amount_reversed"))
    money = read_money(amount, dig(body, "currency"))
    account, created = matching(_ID, dig(body, "destination")), _whole(dig(body, "created"))
    if not (transfer_id and account and money) or None in {amount, reversed_units, created}:
        return None
    return Transfer(
        transfer_id=transfer_id,
        batch_id=matching(_OURS, dig(body, "transfer_group")),
        item_id=matching(_OURS, dig(body, "metadata", "item_id")),
        destination=Destination(
            account, matching(_NAME, dig(body, "metadata", "payout")) or NO_PAYOUT
        ),
        money=money,
        amount=amount or 0,
        amount_reversed=reversed_units or 0,
        is_reversed=dig(body, "reversed") is True,
        created=_moment(created or 0),
        fee=_read_fee(dig(body, "balance_transaction")),
        exchange=_read_exchange(dig(body, "balance_transaction"), money),
    )


def _read_fee(transaction: object) -> Money | None:
    """Return the fee of an expanded balance transaction, in that transaction's currency.

    https://docs.stripe.com/api/balance_transactions/object: "Fees (in cents) paid for this
    transaction", a positive integer.
    """
    fee = read_money(dig(transaction, "fee"), dig(transaction, "currency"))
    return fee if fee and fee.amount >= 0 else None


def _read_exchange(transaction: object, paid: Money) -> Exchange | None:
    """Return the conversion of a balance transaction; None where it has no `exchange_rate`.

    "exchange_rate multiplied by the charge's amount [...] gives the balance transaction's amount".
    A transfer's amount is negative there.
    """
    rate = dig(transaction, "exchange_rate")
    drawn = read_money(dig(transaction, "amount"), dig(transaction, "currency"))
    if isinstance(rate, bool) or not isinstance(rate, int | Decimal | float) or drawn is None:
        return None
    exact = matching(_RATE, str(rate))
    return Exchange(
        Money(abs(drawn.amount), drawn.currency), paid, Decimal(exact) if exact else None
    )


def read_payout(body: object) -> Payout | None:
    """Parse a payout; None where a field is missing."""
    payout_id = matching(_PAYOUT_ID, dig(body, "id"))
    status = matching(_NAME, dig(body, "status"))
    money = read_money(dig(body, "amount"), dig(body, "currency"))
    arrival = _whole(dig(body, "arrival_date"))
    if not (payout_id and status and money):
        return None
    return Payout(
        payout_id=payout_id,
        status=status,
        failure_code=matching(_NAME, dig(body, "failure_code")),
        batch_id=matching(_OURS, dig(body, "metadata", "batch_id")),
        item_id=matching(_OURS, dig(body, "metadata", "item_id")),
        transfer_id=matching(_TRANSFER_ID, dig(body, "metadata", "transfer")),
        payout=matching(_NAME, dig(body, "metadata", "payout")) or NO_PAYOUT,
        money=money,
        arrives_at=None if arrival is None else _moment(arrival),
    )


def read_money(amount: object, currency: object) -> Money | None:
    """Convert smallest units and a lower-case currency code; None for anything else."""
    units = _whole(amount)
    if units is None or not isinstance(currency, str):
        return None
    code = currency.upper()
    return Money(Decimal(units).scaleb(-DECIMALS.get(code, 2)), code)


def smallest_units(money: Money) -> int:
    """Return the integer that stands for an amount in requests.

    Raises ValueError where none does.
    """
    units = money.amount.scaleb(DECIMALS[money.currency])
    if units != units.to_integral_value():
        raise ValueError(f"{money.currency} has no such small unit")
    return int(units)


class Reference(NamedTuple):
    """Our reference of a batch: the transfer's id.

    After a slash follows the id of its payout, or the code of the payout's refusal.
    """

    transfer_id: str
    rest: str = ""

    @classmethod
    def of(cls, text: str) -> Reference:
        """Parse the stored text."""
        return cls(*text.partition("/")[::2])

    @property
    def text(self) -> str:
        """The text that is stored."""
        return f"{self.transfer_id}/{self.rest}" if self.rest else self.transfer_id

    @property
    def payout_id(self) -> str | None:
        """The payout's id, where one was made."""
        return self.rest if self.rest.startswith("po_") else None

    @property
    def refusal(self) -> str | None:
        """The code with which Stripe refused the payout, where it did."""
        return None if self.rest.startswith("po_") else self.rest or None


def _moment(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=min(max(seconds, 0), _MAX_SECONDS))


def _whole(value: object) -> int | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_UNITS
    return value if isinstance(value, int) and fine else None
