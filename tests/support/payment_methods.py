"""Several payment methods for routing tests: ledger providers by other names, one with payees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paymentapp.errors import NotPayable
from paymentapp.providers.base import Detail, Payees
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ledger_provider import LedgerProvider


@dataclass
class WirePayees:
    """Payees with an account number that is sealed."""

    vault: Vault = field(default_factory=lambda: Vault(new_key()))
    details: Sequence[Detail] = (
        Detail("account", "The account.", r"[0-9]{4,17}", "Must be 4 to 17 digits."),
        Detail("name", "The holder.", r"[A-Za-z ]{1,22}", "Must be a name.", required=False),
    )
    email_is_enough: bool = False

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        if set(details["account"]) == {"0"}:
            raise NotPayable("account", "Must not be all zeros.")
        text = f"{details['account']}|{details.get('name', '')}"
        return self.vault.seal(text, customer_id)

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        account, _, name = self.vault.open(destination, customer_id).partition("|")
        return {"account": f"*{account[-4:]}", "name": name}

    def display(self, customer_id: str, destination: str) -> str:
        return self.show(customer_id, destination)["account"]

    def renew(self, customer_id: str, destination: str) -> str | None:
        return self.reseal(customer_id, destination)

    def reseal(self, customer_id: str, destination: str) -> str | None:
        if self.vault.is_current(destination):
            return None
        return self.vault.seal(self.vault.open(destination, customer_id), customer_id)


def ledger(name: str, payees: Payees | None = None) -> LedgerProvider:
    """Return a ledger provider under another name."""
    provider = LedgerProvider()
    provider.name = name
    provider.payees = payees
    return provider
