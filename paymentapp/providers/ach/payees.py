"""Payees: a US bank account as one sealed string, and the parts that may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from paymentapp.banking import AccountType, BankAccount, BankDetailError
from paymentapp.errors import Misconfigured
from paymentapp.models.provider_state import ProviderState
from paymentapp.providers.ach.account_state import AccountState
from paymentapp.providers.ach.entry_options import DESCRIPTION, ENTRY_DESCRIPTION
from paymentapp.providers.ach.prenote_state import PrenoteState
from paymentapp.providers.base import Detail
from paymentapp.providers.us_accounts import (
    ACCOUNT_DETAILS,
    account_display,
    check_open,
    read_account,
    resealed,
    shown_account,
)
from paymentapp.vault.sealing import Vault

# One letter for type and entry class (PPD: a person's account, CCD: a company's): a destination is
# stored with every payment, so it has to be short.
_LETTERS = {
    "A": (AccountType.CHECKING, "PPD"),
    "B": (AccountType.SAVINGS, "PPD"),
    "C": (AccountType.CHECKING, "CCD"),
    "D": (AccountType.SAVINGS, "CCD"),
}
_BY_MEANING = {meaning: letter for letter, meaning in _LETTERS.items()}
_BAR = "|"  # ends an account number, and a description, which have none


class Payee(NamedTuple):
    """An account, and the entry class by which its holder is paid."""

    account: BankAccount
    entry_class: str
    description: str = ""  # of entries to it; empty: the setting's


class AchPayees:
    """Seals a customer's US bank account."""

    email_is_enough = False
    details: Sequence[Detail] = (
        *ACCOUNT_DETAILS,
        Detail(
            "entry_class",
            "PPD (the default) where a person holds the account, CCD where a company does.",
            "PPD|CCD",
            "PPD or CCD. CTX is for a trading partner's invoices in many addenda (EDI), which are "
            "not written here: a CCD payment has one addenda, made of its description.",
            required=False,
        ),
        DESCRIPTION,
    )

    def __init__(self, vault: Vault, state: ProviderState) -> None:
        self._vault = vault
        self._prenotes = PrenoteState(state)
        self._accounts = AccountState(state)

    def check_open(self) -> None:
        """Check that there is a key. Raises Misconfigured."""
        check_open(self._vault)

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        """Check and seal an account. Raises NotPayable, whose text never holds the value."""
        account = read_account(details)
        entry_class = details.get("entry_class", "PPD")
        description = details.get(ENTRY_DESCRIPTION, "")
        return self.seal(customer_id, Payee(account, entry_class, description))

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        """Return the details; of the account number only the last four characters."""
        try:
            account, entry_class, description = self.open(customer_id, destination)
        except BankDetailError as error:
            raise Misconfigured("NOT_AN_ACCOUNT", str(error)) from None
        shown = shown_account(account) | {"entry_class": entry_class}
        return shown | ({ENTRY_DESCRIPTION: description} if description else {})

    def display(self, customer_id: str, destination: str) -> str:
        """Return the account number's last four digits, and the bank's routing number."""
        shown = self.show(customer_id, destination)
        return account_display(shown["account_number"], shown["routing_number"])

    def renew(self, customer_id: str, destination: str) -> str | None:
        """Seal the account by the current key; its prenote still counts. None where it is."""
        renewed = self.reseal(customer_id, destination)
        if renewed is not None:
            self._prenotes.keep(destination, renewed)
            self._accounts.resealed(destination, renewed)
        return renewed

    def reseal(self, customer_id: str, destination: str) -> str | None:
        """Seal the account by the current key, and record nothing. None where it is."""
        return resealed(self._vault, customer_id, destination)

    def seal(self, customer_id: str, payee: Payee) -> str:
        """Return the sealed account, at most 140 characters without a blank."""
        account = payee.account
        letter = _BY_MEANING[account.account_type, payee.entry_class]
        text = f"{letter}{account.routing}{account.number}{_BAR}{account.holder}"
        if payee.description:  # a small letter says that one follows the number
            rest = f"{payee.description}{_BAR}{account.holder}"
            text = f"{letter.lower()}{account.routing}{account.number}{_BAR}{rest}"
        return self._vault.seal(text, customer_id)

    def open(self, customer_id: str, destination: str) -> Payee:
        """Open what `seal` sealed.

        Raises Misconfigured where no key opens it, BankDetailError where the account is not valid
        by the current rules.
        """
        text = self._vault.open(destination, customer_id)
        number, bar, holder = text[10:].partition(_BAR)
        description = ""
        if text[0].islower():
            description, bar, holder = holder.partition(_BAR)
        if not bar or text[0].upper() not in _LETTERS:
            raise Misconfigured("NOT_SEALED_HERE", "a destination is not a bank account")
        account_type, entry_class = _LETTERS[text[0].upper()]
        account = BankAccount(text[1:10], number, account_type, holder)
        return Payee(account, entry_class, description)
