"""US bank accounts as payees, for providers that pay by ACH: details, checks, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paymentapp.banking import (
    BankAccount,
    BankDetailError,
    check_account_number,
    check_account_type,
    check_holder,
    check_routing,
    transliterated_name,
)
from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.providers.base import Detail
from paymentapp.vault.sealing import Vault

ACCOUNT_DETAILS: Sequence[Detail] = (
    Detail(
        "holder",
        "The holder's name, as the bank has it.",
        "[!-~]([ -~]{0,20}[!-~])?",
        "1 to 22 printable ASCII characters.",
        suggest=transliterated_name,
    ),
    Detail("routing_number", "The bank's ABA routing number.", "[0-9]{9}", "Nine digits."),
    Detail(
        "account_number",
        "The number of the account.",
        "[A-Za-z0-9]([A-Za-z0-9-]{0,15}[A-Za-z0-9])?",
        "1 to 17 letters, digits and hyphens, without blanks.",
    ),
    Detail("account_type", "checking or savings.", "checking|savings", "checking or savings."),
)
_FIELDS = {"account_holder": "holder"}  # BankDetailError's name to the API's


def read_account(details: Mapping[str, str]) -> BankAccount:
    """Return the account of details that match their patterns.

    Raises NotPayable, whose text never holds the value.
    """
    try:
        return BankAccount(
            check_routing(details["routing_number"]),
            check_account_number(details["account_number"]),
            check_account_type(details["account_type"]),
            check_holder(details["holder"]),
        )
    except BankDetailError as error:
        sentence = f"{error.rule[0].upper()}{error.rule[1:]}."
        raise NotPayable(_FIELDS.get(error.field, error.field), sentence) from None


def shown_account(account: BankAccount) -> dict[str, str]:
    """Return the details of an account; of its number only the last four characters."""
    return {
        "holder": account.holder,
        "routing_number": account.routing,
        "account_number": account.last4,
        "account_type": account.account_type.value,
    }


def account_display(last4: str, routing: str) -> str:
    """Return an account on one line: the last four digits of its number, and its bank."""
    return f"****{last4} at {routing}"


def resealed(vault: Vault, customer_id: str, destination: str) -> str | None:
    """Return a destination sealed by the current key; None where it already is."""
    if vault.is_current(destination):
        return None
    return vault.seal(vault.open(destination, customer_id), customer_id)


def check_open(vault: Vault) -> None:
    """Check that there is a key to seal accounts with. Raises Misconfigured."""
    if not vault.is_open:
        raise Misconfigured("NO_VAULT_KEY", "PAYMENTAPP_VAULT_KEYS is not set")
