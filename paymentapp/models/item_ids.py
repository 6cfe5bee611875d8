"""Item ids: a payment's key as one word, from which the payment is found without a search."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.clock import EPOCH, from_text, to_text

_MICROSECOND = timedelta(microseconds=1)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def item_id_of(customer_id: str, payment_id: str) -> str:
    """Return the item id of a payment at its provider, in at most 63 characters.

    Every provider takes that many. The time in base 36 takes at most 11, the customer id 50.
    """
    micros = (from_text(payment_id) - EPOCH) // _MICROSECOND
    return f"{_to_base36(micros)}.{customer_id}"


def key_of(item: str) -> tuple[str, str]:
    """Return the customer id and payment id of an item id.

    Raises ValueError where `item_id_of` made no such id.
    """
    time, dot, customer_id = item.partition(".")
    if not dot or not customer_id or not time.isascii() or not time.isalnum():
        raise ValueError("not an item id of this service")
    try:
        moment = EPOCH + int(time, 36) * _MICROSECOND
    except OverflowError as error:
        raise ValueError("not an item id of this service") from error
    return customer_id, to_text(moment)


def _to_base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits or "0"
