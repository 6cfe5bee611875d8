"""Whom Stripe pays: a connected account, and whether its money goes on to the bank."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from paymentapp.providers.base import Detail

NO_PAYOUT = "none"
_DESTINATION = re.compile(r"(?P<account>acct_[A-Za-z0-9]{1,50})(:(?P<payout>standard|instant))?")


class Destination(NamedTuple):
    """A connected account, and how its money is paid out from there: `none` leaves it there."""

    account: str
    payout: str

    @property
    def text(self) -> str:
        """The one word that is stored with customers and payments."""
        return self.account if self.payout == NO_PAYOUT else f"{self.account}:{self.payout}"


def read_destination(text: str | None) -> Destination | None:
    """What `text` was made from; None where it is no such word."""
    found = _DESTINATION.fullmatch(text or "")
    return Destination(found["account"], found["payout"] or NO_PAYOUT) if found else None


class StripePayees:
    """Connected accounts. Their ids are no secret: whoever has the key could list them all."""

    email_is_enough = False
    details: Sequence[Detail] = (
        Detail(
            "account",
            "The id of the customer's account that is connected to the platform.",
            r"acct_[A-Za-z0-9]{1,50}",
            "Not the id of a connected account (acct_ and letters and digits).",
        ),
        Detail(
            "payout",
            "Whether the money is paid out to the account's bank or card: standard (in days), "
            "instant (to a debit card, for a fee) or none, which leaves it in the account.",
            "none|standard|instant",
            "Must be none, standard or instant.",
            required=False,
        ),
    )

    def __init__(self, payout: str) -> None:
        """`payout` is for customers whose details do not say. It is written down with them, so
        that another setting changes nothing for payments that are on their way."""
        self._payout = payout

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:  # noqa: ARG002
        """The account, with how it is paid out behind a colon."""
        return Destination(details["account"], details.get("payout") or self._payout).text

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:  # noqa: ARG002
        known = read_destination(destination)
        return {"account": known.account, "payout": known.payout} if known else {}

    def renew(self, customer_id: str, destination: str) -> str | None:  # noqa: ARG002
        return None
