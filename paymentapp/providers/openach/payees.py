"""Payees: a US bank account as one sealed string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paymentapp.banking import AccountType, BankAccount, BankDetailError
from paymentapp.errors import Misconfigured
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

# A destination is stored with every payment, so it has to be short.
_LETTERS = {"C": AccountType.CHECKING, "S": AccountType.SAVINGS}
_BY_TYPE = {account_type: letter for letter, account_type in _LETTERS.items()}
_BAR = "|"  # ends an account number, which has none


class OpenAchPayees:
    """Seals a customer's US bank account."""

    email_is_enough = False
    details: Sequence[Detail] = ACCOUNT_DETAILS

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def check_open(self) -> None:
        """Check that there is a key. Raises Misconfigured."""
        check_open(self._vault)

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        """Check and seal an account. Raises NotPayable, whose text never holds the value."""
        account = read_account(details)
        text = f"{_BY_TYPE[account.account_type]}{account.routing}{account.number}{_BAR}"
        return self._vault.seal(text + account.holder, customer_id)

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        """Return the details; of the account number only the last four characters."""
        return shown_account(self.open(customer_id, destination))

    def display(self, customer_id: str, destination: str) -> str:
        """Return the account number's last four digits, and the bank's routing number."""
        account = self.open(customer_id, destination)
        return account_display(account.last4, account.routing)

    def renew(self, customer_id: str, destination: str) -> str | None:
        """Seal the account by the current key. None where it is."""
        return resealed(self._vault, customer_id, destination)

    def reseal(self, customer_id: str, destination: str) -> str | None:
        """Seal the account by the current key. None where it is."""
        return resealed(self._vault, customer_id, destination)

    def open(self, customer_id: str, destination: str) -> BankAccount:
        """Open what `destination` sealed.

        Raises Misconfigured where no key opens it, or it is no account by the current rules.
        """
        text = self._vault.open(destination, customer_id)
        number, bar, holder = text[10:].partition(_BAR)
        if not bar or text[0] not in _LETTERS:
            raise Misconfigured("NOT_SEALED_HERE", "a destination is not a bank account")
        try:
            return BankAccount(text[1:10], number, _LETTERS[text[0]], holder)
        except BankDetailError as error:
            raise Misconfigured("NOT_AN_ACCOUNT", str(error)) from None
