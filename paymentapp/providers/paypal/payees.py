"""What PayPal has to know of a customer: an e-mail, mostly the one that we have already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paymentapp.errors import NotPayable
from paymentapp.models.customers import EMAIL_MAX_LENGTH, EMAIL_PATTERN
from paymentapp.providers.base import Detail


class PayPalPayees:
    """An e-mail: the customer's own, or another that PayPal knows them by."""

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
        """The e-mail itself: it is no secret. PayPal, payout_item.receiver: maxLength 127."""
        if len(details["email"]) > EMAIL_MAX_LENGTH:
            raise NotPayable("email", self.details[0].problem)
        return details["email"]

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:  # noqa: ARG002
        return {"email": destination}

    def renew(self, customer_id: str, destination: str) -> str | None:  # noqa: ARG002
        return None
