"""What a payment may ask of its entry: a description, discretionary data, same-day settlement."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from paymentapp.banking import RESERVED_DESCRIPTIONS, RETRY_PAYMENT, fits_same_day
from paymentapp.errors import NotPayable
from paymentapp.models.caller_texts import CallerTexts, Metadata
from paymentapp.models.money import Money
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.base import Detail

ENTRY_DESCRIPTION = "entry_description"
SAME_DAY = "same_day"
DISCRETIONARY = "discretionary_data"
# The service's own: the payment is one that came back for lack of funds, and is tried again.
TRIED_AGAIN = "_tried_again"
_RESERVED = "|".join(RESERVED_DESCRIPTIONS)
DESCRIPTION = Detail(
    ENTRY_DESCRIPTION,
    "What the recipient's statement says that it is for, such as PAYROLL, which wages to people "
    "must have",
    rf"(?!({_RESERVED})$)[A-Z0-9]([A-Z0-9 .&/-]{{0,8}}[A-Z0-9.])?",
    f"1 to 10 capital letters, digits, blanks and .&/-; not {_RESERVED.replace('|', ', ')}.",
    required=False,
)
OPTIONS = (
    DESCRIPTION,
    Detail(
        SAME_DAY,
        "yes: it settles on the day that it leaves, if that is before the bank's last cutoff for "
        "such payments; no: on the next banking day",
        "yes|no",
        "yes or no.",
        required=False,
    ),
    Detail(
        DISCRETIONARY,
        "1 or 2 characters of the entry that mean something to the bank alone",
        "[!-~]([ -~]{0,1})",
        "1 or 2 printable ASCII characters, the first not blank.",
        required=False,
    ),
)


class EntryRules:
    """What the bank takes of a payment, by its options; every account is alike."""

    def __init__(self, settings: AchSettings) -> None:
        self._has_windows = any(window.same_day for window in settings.windows)
        self._limit = settings.same_day_limit

    def problem(
        self,
        destination: str,  # noqa: ARG002
        money: Money,
        texts: CallerTexts,
    ) -> NotPayable | None:
        """Return why a payment cannot settle on the day that it leaves, where it asks for that."""
        if dict(texts.options).get(SAME_DAY) != "yes":
            return None
        if not self._has_windows:
            return NotPayable(f"options/{SAME_DAY}", "ach: the bank has no same-day cutoff.")
        if not fits_same_day(money.amount, self._limit):
            return NotPayable(f"options/{SAME_DAY}", f"ach: at most {self._limit} USD a payment.")
        return None

    def is_payee(self, customer_id: str, destination: str, receiver: str) -> bool:  # noqa: ARG002
        """Return whether a report names the destination: reports are made from our own records."""
        return receiver == destination


class EntryTerms(NamedTuple):
    """How an entry is written, by its payment, its payee and the settings, in this order."""

    description: str
    same_day: bool
    discretionary: str


def entry_terms(
    settings: AchSettings, options: Metadata, of_payee: str, amount: Decimal
) -> EntryTerms:
    """Return the terms of an entry; `of_payee` is the description of the account's details.

    A payment above the same-day limit settles on the next banking day, whatever it asks.
    """
    asked: Mapping[str, str] = dict(options)
    again = RETRY_PAYMENT if TRIED_AGAIN in asked else None
    description = again or asked.get(ENTRY_DESCRIPTION) or of_payee or settings.description
    same_day = asked.get(SAME_DAY, "yes" if settings.same_day == "all" else "no") == "yes"
    return EntryTerms(
        description,
        same_day and fits_same_day(amount, settings.same_day_limit),
        asked.get(DISCRETIONARY, ""),
    )
