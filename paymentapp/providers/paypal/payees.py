"""PayPal's payee details: an e-mail address, usually the customer's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paymentapp.errors import NotPayable
from paymentapp.masking import masked
from paymentapp.models.customers import EMAIL_MAX_LENGTH, EMAIL_PATTERN
from paymentapp.providers.base import Detail


class PayPalPayees:
    """Payees by e-mail: the customer's own, or another one of their PayPal account."""

    details: Sequence[Detail] = (
        Detail(
            "email",
            "The e-mail of the customer's PayPal account, where it is not the customer's own.",
            EMAIL_PATTERN,
            "Not an e-mail address (ASCII, name@host.domain, up to 127 characters).",
        ),
    )
    email_is_enough = True

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return the e-mail as it is: it is not secret. Maximum 127 (`payout_item.receiver`)."""
        if len(details["email"]) > EMAIL_MAX_LENGTH:
            raise NotPayable("email", self.details[0].problem)
        return details["email"]

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:  # noqa: ARG002
        """Return the e-mail."""
        return {"email": destination}

    def display(self, customer_id: str, destination: str) -> str:  # noqa: ARG002
        """Return the e-mail, masked."""
        return masked(destination)

    def renew(self, customer_id: str, destination: str) -> str | None:  # noqa: ARG002
        """Return None: nothing is sealed."""
        return None

    def reseal(self, customer_id: str, destination: str) -> str | None:  # noqa: ARG002
        """Return None: nothing is sealed."""
        return None
