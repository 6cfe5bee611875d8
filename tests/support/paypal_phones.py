"""PayPal's backend for the contract suite, where every payee is a sealed phone number."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.paypal.recipients import Recipient, RecipientType
from paymentapp.vault.sealing import new_key
from tests.support.ach_backend import AnyPlace
from tests.support.paypal_server import FakeClock
from tests.support.provider_backends import Backend, Paid, PayPalBackend, paypal_backend


class PayPalPhoneBackend(PayPalBackend):
    """The simulator, which pays phone numbers by their last four digits."""

    def __init__(self, url: str, clock: FakeClock, app: Any) -> None:
        self._keys = AnyPlace(new_key())
        self._payees = PayPalPayees(self._keys)
        self._destinations: dict[str, str] = {}
        super().__init__(url, clock, app, self._keys)

    def paid(self) -> list[Paid]:
        return [paid._replace(to=self._destinations[paid.to]) for paid in super().paid()]

    def succeeds(self) -> str:
        return self._phone("0100")

    def waits(self) -> str:
        return self._phone("0102")

    def fails(self) -> str:
        return self._phone("0101")

    def is_refused(self) -> str:
        sealed = self._keys.seal("no number at all", "any")
        return Recipient(RecipientType.PHONE, sealed).destination

    def _phone(self, ending: str) -> str:
        number = f"+49{next(self._numbers):06d}{ending}"
        self.secrets += (number,)
        self._destinations[number] = self._payees.destination("any", {"phone": number})
        return self._destinations[number]


def paypal_phone_backend() -> AbstractContextManager[Backend]:
    """Run a simulated PayPal and a provider that pays phone numbers through it."""
    return paypal_backend(PayPalPhoneBackend)
