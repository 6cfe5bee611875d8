"""PayPal's errors: names, messages, HTTP status codes, and their common body.

Shape from the ``error`` schema of PayPal's Payouts API description. Names and codes from
https://developer.paypal.com/api/payments.payouts-batch/v1/errors and, for items,
https://developer.paypal.com/payouts/view-transactions. PayPal publishes no HTTP code for
SENDER_LOCKED, SYNC_MODE_NOT_APPLICABLE, PREVIOUS_REQUEST_IN_PROGRESS and CIP_NOT_VERIFIED: those
four have the code of their class (403, 400, 409, 403).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

INFORMATION_LINK = "https://developer.paypal.com/docs/api/payments.payouts-batch/#errors"
AUTHORIZATION = "Authorization error occurred."

# name: (HTTP status, message)
REFUSALS: dict[str, tuple[int, str]] = {
    "VALIDATION_ERROR": (400, "Invalid request - see details"),
    # Errors of the transaction search
    "INVALID_REQUEST": (
        400,
        "Request is not well-formed, syntactically incorrect, or violates schema.",
    ),
    # https://docs.paypal.ai/growth/reports/troubleshooting; not in the API description
    "RESULTSET_TOO_LARGE": (
        400,
        "Result set size is greater than the maximum limit. Change the filter criteria and try "
        "again.",
    ),
    "NOT_AUTHORIZED": (403, "Authorization failed due to insufficient permissions."),
    # Errors of payouts
    "USER_BUSINESS_ERROR": (400, "User business error."),
    "NON_HOLDING_CURRENCY": (
        400,
        "As your PayPal balance is not held in this currency, you'll not be able to send Payouts.",
    ),
    "SYNC_MODE_NOT_APPLICABLE": (400, "Synchronous mode is not applicable to this payout."),
    "BATCH_NOT_COMPLETED": (400, "The batch of this item has not completed yet."),
    "ITEM_ALREADY_CANCELLED": (400, "The requested item is already cancelled."),
    "ITEM_CANCELLATION_FAILED": (400, "The item could not be cancelled, try again later."),
    "ITEM_INCORRECT_STATUS": (400, "Only items in Unclaimed status can be cancelled."),
    "AUTHENTICATION_FAILURE": (
        401,
        "Authentication failed due to missing authorization header, or invalid authentication "
        "credentials.",
    ),
    "SENDER_RESTRICTED": (403, AUTHORIZATION),
    "SENDER_EMAIL_UNCONFIRMED": (403, AUTHORIZATION),
    "AUTHORIZATION_ERROR": (403, AUTHORIZATION),
    "REQUIRED_SCOPE_MISSING": (403, "The access token does not have the required scope."),
    "SENDER_LOCKED": (403, AUTHORIZATION),
    "CIP_NOT_VERIFIED": (403, "The sender's identity has not been verified."),
    "INVALID_RESOURCE_ID": (404, "Requested resource ID was not found."),
    "RESOURCE_NOT_FOUND": (404, "The specified resource does not exist."),
    "METHOD_NOT_SUPPORTED": (405, "The server does not implement the requested HTTP method."),
    "PREVIOUS_REQUEST_IN_PROGRESS": (409, "A previous request is still in progress."),
    "REQUEST_ENTITY_TOO_LARGE": (413, "The request payload is too large."),
    "UNSUPPORTED_MEDIA_TYPE": (
        415,
        "The server does not support the request payload's media type.",
    ),
    "INSUFFICIENT_FUNDS": (
        422,
        "Sender does not have sufficient funds. Please add funds and retry.",
    ),
    "RATE_LIMIT_REACHED": (429, "Too many requests. Blocked due to rate limiting."),
    "RATE_LIMIT_VALIDATION": (
        429,
        "The request has been blocked due to multiple failed attempts. Try again later.",
    ),
    "INTERNAL_ERROR": (500, "An internal service error occurred."),
    "INTERNAL_SERVER_ERROR": (500, "An internal server error occurred."),
    "SERVICE_UNAVAILABLE": (503, "Service Unavailable."),
    "REQUEST_TIMEOUT_EXCEEDED": (
        504,
        "A system that processes the request did not respond within the timeout period.",
    ),
}

# Messages of an item's ``errors``: the words of PayPal's activity log, shortened.
ITEM_ERRORS: dict[str, str] = {
    "ACCOUNT_RESTRICTED": "Access to the sender's account has been restricted.",
    "ACCOUNT_UNCONFIRMED_EMAIL": "The sender's email is unconfirmed.",
    "APPROVER_DENIED": "The approver denied the payout.",
    "CLOSED_MARKET": "Market closed and transaction is between 2 different countries",
    "CURRENCY_COMPLIANCE": "Currency compliance regulations do not allow this transaction.",
    "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER": "The receiver's account cannot accept this currency.",
    "DUPLICATE_ITEM": "This transaction is duplicated in this batch.",
    "GAMER_FAILED_COUNTRY_OF_RESIDENCE_CHECK": "The receiver's country cannot accept this payout.",
    "GAMER_FAILED_FUNDING_SOURCE_CHECK": "The funding source for this payout is not allowed.",
    "GAMING_INVALID_PAYMENT_FLOW": "This payment flow is not allowed for gaming merchants.",
    "INVALID_EMAIL": "The email entered for this receiver is invalid.",
    "NON_HOLDING_CURRENCY": "The sender's account has no balance in this currency.",
    "PENDING_RECIPIENT_NON_HOLDING_CURRENCY_PAYMENT_PREFERENCE": (
        "The receiver reviews credits in this currency before accepting them."
    ),
    "RECEIVER_ACCOUNT_LIMITATION": "The receiver's account is limited.",
    "RECEIVER_ACCOUNT_LOCKED": "The receiver's account is inactive or locked.",
    "RECEIVER_COUNTRY_NOT_ALLOWED": "The receiver lives in a country that allows no payouts.",
    "RECEIVER_UNCONFIRMED": (
        "The receiver's email is unconfirmed; the payment is returned if unclaimed for 30 days."
    ),
    "RECEIVER_UNREGISTERED": (
        "The receiver has no account; the payment is returned if unclaimed for 30 days."
    ),
    "RECEIVER_YOUTH_ACCOUNT": "The receiver has a youth account.",
    "RECEIVING_LIMIT_EXCEEDED": "The amount exceeds what the receiver can accept at this time.",
    "REGULATORY_BLOCKED": "This transaction is blocked by regulatory compliance restrictions.",
    "REGULATORY_PENDING": "This transaction is being reviewed for regulatory compliance.",
    "RISK_DECLINE": "This transaction was declined due to risk concerns.",
    "SELF_PAY_NOT_ALLOWED": "A payout cannot go to its own sender.",
    "SENDER_STATE_RESTRICTED": "The sender's address is in a restricted state.",
    "SPENDING_LIMIT_EXCEEDED": "The sender's spending limit is exceeded.",
    "TRANSACTION_DECLINED_BY_TRAVEL_RULE": "The travel rule declined this transaction.",
    "TRANSACTION_LIMIT_EXCEEDED": "The payout exceeds the limit for this type of transaction.",
    "UNDEFINED": "An error occurred while processing this payout.",
    "ZERO_AMOUNT": "Provide a valid payment amount.",
}


class PayPalError(Exception):
    """An error answer: its name in ``REFUSALS``, details, and further keys of the body."""

    def __init__(
        self,
        name: str,
        details: list[dict[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name)
        self.name = name
        self.status, self.message = REFUSALS[name]
        self.details = details
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON body, in the shape of the ``error`` schema."""
        body: dict[str, Any] = {
            "name": self.name,
            "message": self.message,
            "debug_id": debug_id(),
            "information_link": INFORMATION_LINK,
        }
        if self.details is not None:
            body["details"] = self.details
        return body | {"links": []} | self.extra


def item_error(name: str) -> dict[str, Any]:
    """Return the ``errors`` object of a payout item."""
    return {
        "name": name,
        "message": ITEM_ERRORS[name],
        "debug_id": debug_id(),
        "information_link": INFORMATION_LINK,
        "details": [],
        "links": [],
    }


def detail(field: str, issue: str, location: str = "body") -> dict[str, Any]:
    """Return one entry of ``details``."""
    return {"field": field, "location": location, "issue": issue}


def debug_id() -> str:
    """Return a correlation id in PayPal's format: 13 hexadecimal digits."""
    return secrets.token_hex(7)[:13]
