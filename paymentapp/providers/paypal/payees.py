"""PayPal's payee details: an e-mail address, a phone number, a PayPal account or a Venmo handle."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from paymentapp.errors import NotPayable
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.customers import EMAIL_MAX_LENGTH, EMAIL_PATTERN
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.providers.base import Detail
from paymentapp.providers.json_answers import as_text, dig
from paymentapp.providers.paypal.recipients import (
    Recipient,
    RecipientType,
    Wallet,
    is_destination,
    masked_receiver,
    read_destination,
    same_receiver,
)
from paymentapp.vault.sealing import Vault

# `language` of PayPal's API description.
LANGUAGE_PATTERN = "[a-z]{2}(-[A-Z][a-z]{3})?(-[A-Z]{2})?"
_LANGUAGE = "notification_language"
_WALLETS = {"paypal": Wallet.PAYPAL, "venmo": Wallet.VENMO}
_US_PHONE = re.compile(r"\+1[2-9][0-9]{9}")
_VENMO_CURRENCY = "USD"

_EMAIL = Detail(
    "email",
    "The e-mail of the customer's PayPal account, where it is not the customer's own.",
    EMAIL_PATTERN,
    "Not an e-mail address (ASCII, name@host.domain, up to 127 characters).",
    required=False,
)
_DETAILS = (
    _EMAIL,
    Detail(
        "phone",
        "Instead of an e-mail: the customer's mobile number, in the form of E.164. PayPal's "
        "sandbox pays none.",
        r"\+[1-9][0-9]{6,14}",
        "Not a phone number: + and the country code, then 15 digits at most in all.",
        required=False,
    ),
    Detail(
        "paypal_id",
        "Instead of an e-mail: the customer's payer ID, which is their encrypted account number.",
        "[2-9A-HJ-NP-Z]{13}",  # ppaas_payer_id_v3, in PayPal's API descriptions
        "Not a payer ID: 13 capital letters and digits, none of 0, 1, I and O.",
        required=False,
    ),
    Detail(
        "user_handle",
        "Instead of an e-mail: the customer's name at Venmo; `wallet` has to be venmo.",
        "@?[A-Za-z0-9_-]{1,50}",
        "Not the name of a Venmo account: up to 50 letters, digits, _ and -.",
        required=False,
    ),
    Detail(
        "wallet",
        "Where the money arrives: paypal, the default, or venmo. Venmo is for people in the US, in "
        "USD, and every payment needs a description, which is the note that Venmo requires.",
        "paypal|venmo",
        "Must be paypal or venmo.",
        required=False,
    ),
    Detail(
        _LANGUAGE,
        "The language of PayPal's e-mail to a customer without an account, such as de or pt-BR.",
        LANGUAGE_PATTERN,
        "Not a language tag such as de or pt-BR.",
        required=False,
    ),
)
# The details that name a recipient. Each is the type of PayPal's in small letters.
_NAMES = {kind.value.lower(): kind for kind in RecipientType}
_ONE_OF = "Give exactly one of email, phone, paypal_id and user_handle."


class PayPalPayees:
    """Payees by what PayPal knows them by. Phone numbers and payer IDs are sealed."""

    details: Sequence[Detail] = _DETAILS
    email_is_enough = True

    def __init__(self, vault: Vault | None = None) -> None:
        """Without a vault nothing is sealed, and no number is taken."""
        self._vault = vault or Vault("")

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        """Return the recipient as a destination, sealed where it is a number."""
        name = _recipient_name(details)
        kind, receiver = _NAMES[name], details[name]
        wallet = _WALLETS[details.get("wallet", "paypal")]
        _check_wallet(kind, receiver, wallet)
        if kind is RecipientType.EMAIL and len(receiver) > EMAIL_MAX_LENGTH:
            raise NotPayable("email", _EMAIL.problem)
        recipient = Recipient(kind, receiver, wallet, details.get(_LANGUAGE, ""))
        if not recipient.is_sealed:
            return recipient.destination
        if not self._vault.is_open:
            raise NotPayable(name, "It cannot be stored here: the service has no vault key.")
        sealed = self._vault.seal(receiver, customer_id)
        return recipient._replace(receiver=sealed).destination

    def recipient(self, customer_id: str, destination: str) -> Recipient:
        """Return the recipient of a destination, its receiver in full.

        Raises Misconfigured where it cannot be opened, NotSent where a key service does not answer.
        """
        stored = read_destination(destination)
        if not stored.is_sealed:
            return stored
        return stored._replace(receiver=self._vault.open(stored.receiver, customer_id))

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        """Return the details: an address in full, anything else masked."""
        known = self.recipient(customer_id, destination)
        is_address = known.kind is RecipientType.EMAIL
        shown = {known.kind.value.lower(): known.receiver if is_address else known.shown_receiver}
        if known.wallet is not Wallet.PAYPAL:
            shown["wallet"] = known.wallet.value.lower()
        return shown | ({_LANGUAGE: known.language} if known.language else {})

    def display(self, customer_id: str, destination: str) -> str:
        """Return the recipient masked; also of a receiver as PayPal reports it."""
        if not is_destination(destination):
            return masked_receiver(destination)
        known = self.recipient(customer_id, destination)
        at = " at Venmo" if known.wallet is Wallet.VENMO else ""
        return f"{known.shown_receiver}{at}"

    def renew(self, customer_id: str, destination: str) -> str | None:
        """Return the destination sealed by the current key; nothing is recorded of it."""
        return self.reseal(customer_id, destination)

    def reseal(self, customer_id: str, destination: str) -> str | None:
        """Return the destination sealed by the current key; None where it is, or is not sealed."""
        stored = read_destination(destination)
        if not stored.is_sealed or self._vault.is_current(stored.receiver):
            return None
        receiver = self._vault.open(stored.receiver, customer_id)
        return stored._replace(receiver=self._vault.seal(receiver, customer_id)).destination

    def problem(self, destination: str, money: Money, texts: CallerTexts) -> NotPayable | None:
        """Return why a recipient is not paid such an amount, or without a note.

        The setting's note is none: it may change between two attempts, and a batch that was refused
        without it may have been accepted with it before.
        """
        if read_destination(destination).wallet is not Wallet.VENMO:
            return None
        if money.currency != _VENMO_CURRENCY:
            return NotPayable("currency", "paypal: Venmo accounts are paid in USD alone.")
        if texts.description is None:
            return NotPayable(
                "description", "paypal: Venmo requires a note: a payment needs a description."
            )
        return None

    def is_payee(self, customer_id: str, destination: str, receiver: str) -> bool:
        """Return whether a receiver that PayPal reports is the recipient of a destination."""
        known = self.recipient(customer_id, destination)
        if is_destination(receiver):  # of an event, which is stored sealed
            receiver = self.recipient(customer_id, receiver).receiver
        return same_receiver(known.kind, known.receiver, receiver)

    def sealed(self, body: bytes) -> bytes:
        """Return an event with its receiver sealed for our customer, where it is a number.

        What is not about a payment of ours is not needed: it is masked.
        """
        event = json.loads(body)
        item = dig(event, "resource", "payout_item")
        receiver = as_text(dig(item, "receiver"))
        if not isinstance(item, dict) or not receiver or not _may_be_number(item, receiver):
            return body
        key = PaymentKey.find(as_text(item.get("sender_item_id")) or "")
        kept = masked_receiver(receiver)
        if key is not None and self._vault.is_open:
            sealed = self._vault.seal(receiver, key.customer_id)
            kept = Recipient(RecipientType.PHONE, sealed).destination
        item["receiver"] = kept
        return json.dumps(event, separators=(",", ":")).encode()


def _may_be_number(item: Mapping[str, object], receiver: str) -> bool:
    """Return whether a receiver is no address and no handle, as far as an item says it."""
    is_handle = item.get("recipient_type") == RecipientType.USER_HANDLE.value
    return "@" not in receiver and not is_handle


def _recipient_name(details: Mapping[str, str]) -> str:
    """Return the one detail that names the recipient. Raises NotPayable."""
    named = [name for name in _NAMES if name in details]
    if len(named) != 1:
        raise NotPayable(named[1] if named else "email", _ONE_OF)
    return named[0]


def _check_wallet(kind: RecipientType, receiver: str, wallet: Wallet) -> None:
    """Raise NotPayable where a wallet has no such recipients."""
    if kind is RecipientType.USER_HANDLE and wallet is not Wallet.VENMO:
        raise NotPayable("wallet", "Must be venmo for a user_handle: PayPal has no such names.")
    if kind is RecipientType.PAYPAL_ID and wallet is not Wallet.PAYPAL:
        raise NotPayable("wallet", "Must be paypal, or left out, for a paypal_id.")
    is_us = kind is not RecipientType.PHONE or _US_PHONE.fullmatch(receiver)
    if wallet is Wallet.VENMO and not is_us:
        raise NotPayable("phone", "Venmo takes US numbers alone: +1 and ten digits.")
