"""Stripe's payees: connected accounts, and the recipients of Global Payouts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.providers.base import Detail
from paymentapp.providers.stripe.payee_details import (
    CONNECTED,
    DETAILS,
    MADE,
    bank_details,
    kind_of,
    require,
)
from paymentapp.providers.stripe.recipients import (
    BankDetails,
    MadeRecipient,
    NewRecipient,
    new_token,
    read_made,
    read_recipient,
)
from paymentapp.vault.sealing import Vault

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
    """Payees by their ids at Stripe, which are not secret, or by a bank account, which is sealed.

    The API key alone lists all ids of accounts, recipients and payout methods.
    """

    email_is_enough = False
    details: Sequence[Detail] = DETAILS

    def __init__(
        self,
        payout: str,
        vault: Vault | None = None,
        made: Callable[[str], MadeRecipient | None] | None = None,
    ) -> None:
        """Take the payout method for customers whose details name none.

        It is stored with their details, so that changing the setting does not affect payments that
        are under way. Without a vault no bank account is taken. `made` returns the recipient that
        was made for a token; None: no payments go to recipients.
        """
        self._payout = payout
        self._vault = vault or Vault("")
        self._made = made

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        """Return the account with its payout method, or the recipient, sealed where it is new."""
        kind = kind_of(details)
        if kind is CONNECTED:
            require(details, "account")
            return Destination(details["account"], details.get("payout") or self._payout).text
        if kind is MADE:
            require(details, "recipient", "payout_method")
            return MadeRecipient(details["recipient"], details["payout_method"]).text
        bank = bank_details(details)
        if not self._vault.is_open:
            raise NotPayable(
                "account_number", "It cannot be stored here: the service has no vault key."
            )
        sealed = self._vault.seal(bank.text, customer_id)
        return NewRecipient(new_token(), bank.currency, sealed).text

    def opened(self, customer_id: str, recipient: NewRecipient) -> BankDetails:
        """Return the details of a recipient in full.

        Raises Misconfigured where they cannot be opened, NotSent where a key service is silent.
        """
        return BankDetails.of(self._vault.open(recipient.sealed, customer_id))

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        """Return the details; of an account number its last four digits."""
        recipient = read_recipient(destination)
        if isinstance(recipient, NewRecipient):
            return self.opened(customer_id, recipient).shown
        if recipient is not None:
            return {"recipient": recipient.recipient, "payout_method": recipient.method}
        known = read_destination(destination)
        return {"account": known.account, "payout": known.payout} if known else {}

    def display(self, customer_id: str, destination: str) -> str:
        """Return the payee's id at Stripe, or the end of their account number with its country."""
        recipient = read_recipient(destination)
        if isinstance(recipient, NewRecipient):
            bank = self.opened(customer_id, recipient)
            return f"****{bank.last4} in {bank.country}"
        if recipient is not None:
            return f"{recipient.recipient}, {recipient.method}"
        known = read_destination(destination)
        if known is None:
            raise Misconfigured("NO_CONNECTED_ACCOUNT", "the destination names no account")
        rest = "" if known.payout == NO_PAYOUT else f", {known.payout} payout"
        return f"{known.account}{rest}"

    def renew(self, customer_id: str, destination: str) -> str | None:
        """Return the destination sealed by the current key; nothing is recorded of it."""
        return self.reseal(customer_id, destination)

    def reseal(self, customer_id: str, destination: str) -> str | None:
        """Return the destination sealed by the current key; None where it is, or is not sealed."""
        recipient = read_recipient(destination)
        if not isinstance(recipient, NewRecipient) or self._vault.is_current(recipient.sealed):
            return None
        text = self._vault.open(recipient.sealed, customer_id)
        return recipient._replace(sealed=self._vault.seal(text, customer_id)).text

    def problem(self, destination: str, money: Money, texts: CallerTexts) -> NotPayable | None:  # noqa: ARG002
        """Return why a recipient cannot be paid this amount; connected accounts always can."""
        recipient = read_recipient(destination)
        if recipient is None:
            return None
        if self._made is None:
            return NotPayable(
                "payment_method",
                "stripe: recipients are paid where PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT is set.",
            )
        if isinstance(recipient, NewRecipient) and recipient.currency != money.currency:
            return NotPayable(
                "currency", f"stripe: the payee's bank account takes {recipient.currency} alone."
            )
        return None

    def is_payee(self, customer_id: str, destination: str, receiver: str) -> bool:  # noqa: ARG002
        """Return whether a receiver that Stripe reports is the payee of a destination."""
        recipient = read_recipient(destination)
        if isinstance(recipient, NewRecipient):
            made = self._made(recipient.token) if self._made else None
            return made is not None and made == read_made(receiver)
        return receiver.casefold() == destination.casefold()
