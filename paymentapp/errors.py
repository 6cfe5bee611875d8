"""The error classes. `api/problems.py` decides what a caller sees of each."""

from __future__ import annotations


class PaymentAppError(Exception):
    """The base of every error that this service raises on purpose."""


class NotFound(PaymentAppError):
    """There is no such customer, payment or page."""


class NotAuthenticated(PaymentAppError):
    """A credential that is unknown, malformed, expired or revoked; callers see the message."""


class InvalidToken(NotAuthenticated):
    """An access token is not accepted; the message says why, and quotes nothing of it."""


class NotAllowed(PaymentAppError):
    """The actor may not do that; `scope` is what would allow it, None where no scope would."""

    def __init__(self, message: str, scope: str | None = None) -> None:
        super().__init__(message)
        self.scope = scope


class Conflict(PaymentAppError):
    """The request contradicts a stored record."""


class NotPayable(PaymentAppError):
    """The request is well-formed, but cannot be paid; `field` names the part at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Unprocessable(PaymentAppError):
    """The body matches its JSON Schema but breaks a rule that JSON Schema cannot express.

    `field` names the member at fault, and is empty for the whole body.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ChangedSince(PaymentAppError):
    """The record is not the version any more that the request wants to change."""


class NothingToHold(PaymentAppError):
    """The value of a hold names nothing that there is; the hold would stop nothing."""


class KeyReused(PaymentAppError):
    """An Idempotency-Key was used before with another body."""


class KeyRefused(PaymentAppError):
    """What was requested under a key was refused for good; the message says why.

    Only rows of bulk runs are refused so: their keys are the service's own.
    """


class StoreUnavailable(PaymentAppError):
    """The store failed, or did not answer; `retry_after` is in seconds.

    `reason` is the cause in a few words that anybody may read: without a path, a host or data.
    """

    retry_after = 2

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class NotGenuine(PaymentAppError):
    """A webhook event that its provider has not signed, or long ago, or that is not well-formed.

    The message is for the log: it says which check failed, and quotes nothing of the request.
    """


class CannotVerify(PaymentAppError):
    """The signature of a webhook or a token cannot be verified now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SettingsError(PaymentAppError):
    """A setting is missing or wrong; the message has the variable's name, never its value."""


class ProviderError(PaymentAppError):
    """The base of the errors of a call to a provider.

    `code` is the provider's name for the error. Neither it nor the message contains a secret, an
    account number or a body. `retry_after` is the provider's, in seconds. `had_no_effect` says
    whether it is certain that the call has had none, and will have none later.
    """

    had_no_effect = False

    def __init__(self, code: str, message: str = "", retry_after: int | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.retry_after = retry_after


class NotSent(ProviderError):
    """The call certainly had no effect; the same call may be repeated."""

    had_no_effect = True


class OutcomeUnknown(ProviderError):
    """The call may have had its effect: only the same call, under the same key, may follow."""


class Misconfigured(ProviderError):
    """The call cannot work until an operator acts: credentials, permissions, funds.

    It certainly had no effect.
    """

    had_no_effect = True


class InsufficientFunds(Misconfigured):
    """The account does not have as much as the call would move; less may still be paid."""


class NotPermitted(Misconfigured):
    """The account lacks the permission for this call; other calls work."""
