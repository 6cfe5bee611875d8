"""Stripe's payee details: a connected account, and whether its money is paid out to its bank."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from paymentapp.errors import Misconfigured
from paymentapp.providers.base import Detail

NO_PAYOUT = "none"
_DESTINATION = re.compile(r"(?P<account>acct_[A-Za-z0-9]{1,50})(:(?P<payout>standard|instant))?")


class Destination(NamedTuple):
    """A connected account and its payout method; `none` leaves the money in the account."""

    account: str
    payout: str

    @property
    def text(self) -> str:
        """The string that is stored with customers and payments."""
        return self.account if self.payout == NO_PAYOUT else f"{self.account}:{self.payout}"


def read_destination(text: str | None) -> Destination | None:
    """Parse a stored destination; None for any other text."""
    found = _DESTINATION.fullmatch(text or "")
    return Destination(found["account"], found["payout"] or NO_PAYOUT) if found else None


class StripePayees:
    """Connected accounts. Their ids are not secret: the API key alone lists them all."""

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
        """Take the payout method for customers whose details name none.

        It is stored with their details, so that changing the setting does not affect payments that
        are under way.
        """
        self._payout = payout

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return the account, with its payout method after a colon."""
        return Destination(details["account"], details.get("payout") or self._payout).text

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:  # noqa: ARG002
        """Return the account and its payout method."""
        known = read_destination(destination)
        return {"account": known.account, "payout": known.payout} if known else {}

    def display(self, customer_id: str, destination: str) -> str:  # noqa: ARG002
        """Return the account, whose id is not secret, and how it is paid out."""
        known = read_destination(destination)
        if known is None:
            raise Misconfigured("NO_CONNECTED_ACCOUNT", "the destination names no account")
        rest = "" if known.payout == NO_PAYOUT else f", {known.payout} payout"
        return f"{known.account}{rest}"

    def renew(self, customer_id: str, destination: str) -> str | None:  # noqa: ARG002
        """Return None: nothing is sealed."""
        return None

    def reseal(self, customer_id: str, destination: str) -> str | None:  # noqa: ARG002
        """Return None: nothing is sealed."""
        return None
