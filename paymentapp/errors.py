"""The error tree. What a caller sees of each is decided in `api/problems.py` alone."""

from __future__ import annotations


class PaymentAppError(Exception):
    """The base of every error that this service raises on purpose."""


class NotFound(PaymentAppError):
    """No such customer, payment or page."""


class Conflict(PaymentAppError):
    """The request contradicts what is on record."""


class NotPayable(PaymentAppError):
    """The request is well-formed, but such a payment cannot be made; `field` says which part."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class KeyReused(PaymentAppError):
    """An Idempotency-Key came back with another body."""


class StoreUnavailable(PaymentAppError):
    """The store did not do what it was asked, or did not say; `retry_after` is in seconds."""

    retry_after = 2


class NotGenuine(PaymentAppError):
    """A webhook event that its provider did not sign, or not lately, or that makes no sense.

    The message is for the log: it says which check failed, and quotes nothing of the request.
    """


class CannotVerify(PaymentAppError):
    """Whether a webhook event is genuine cannot be told now; `retry_after` is in seconds."""

    retry_after = 60


class SettingsError(PaymentAppError):
    """A setting is missing or wrong; the message names the variable and never its value."""


class ProviderError(PaymentAppError):
    """The base of the three ways in which a call to a provider can go wrong.

    `code` is the provider's own name for it. Neither it nor the message holds a secret, an
    account number or a body.
    """

    def __init__(self, code: str, message: str = "", retry_after: int | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.retry_after = retry_after


class NotSent(ProviderError):
    """The provider certainly did nothing, and may be asked again as before."""


class OutcomeUnknown(ProviderError):
    """The provider may have acted: only the same call, under the same key, may follow."""


class Misconfigured(ProviderError):
    """Nothing will work until a person acts: credentials, permissions, funds."""


class NotPermitted(Misconfigured):
    """The account may not ask this; everything else works."""
