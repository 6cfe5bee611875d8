"""Outcomes of payouts, by the recipient and by PayPal's own test values.

The test values are PayPal's, from https://developer.paypal.com/api/payouts/test-values; the
prefixes and last digits of recipients are the simulator's. Statuses are those of
``transaction_enum`` in PayPal's API description. ERRPYO004, 007, 008 and 009 in a note change
nothing: PayPal defines them only as the item id of a cancel call.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ItemOutcome:
    """The status that an item settles as, its error, and the status that may follow later.

    ``later`` comes after the reversal delay, except for UNCLAIMED, which PayPal returns by itself
    after 30 days.
    """

    status: str
    error: str | None = None
    later: str | None = None


SUCCESS = ItemOutcome("SUCCESS")

# Prefix of an address, of a Venmo handle, or of a payer ID; case does not matter.
BY_PREFIX: dict[str, ItemOutcome] = {
    "fail": ItemOutcome("FAILED", "RECEIVER_ACCOUNT_LOCKED"),
    "unclaimed": ItemOutcome("UNCLAIMED", "RECEIVER_UNREGISTERED", later="RETURNED"),
    # RETURNED at once; "unclaimed" becomes RETURNED when cancelled, or after 30 days.
    "returned": ItemOutcome("RETURNED", "RECEIVER_UNREGISTERED"),
    "held": ItemOutcome("ONHOLD", "REGULATORY_PENDING"),
    "blocked": ItemOutcome("BLOCKED", "REGULATORY_BLOCKED"),
    "refunded": ItemOutcome("SUCCESS", later="REFUNDED"),
    "reversed": ItemOutcome("SUCCESS", later="REVERSED"),
}

# The last four digits of a phone number.
BY_LAST_DIGITS = {f"{n:04d}": outcome for n, outcome in enumerate(BY_PREFIX.values(), 101)}

# items[0].note of a create call: the whole request is refused with this error.
REFUSING_NOTES: dict[str, str] = {
    "ERRPYO001": "SENDER_RESTRICTED",
    "ERRPYO002": "SENDER_EMAIL_UNCONFIRMED",
    "ERRPYO003": "AUTHORIZATION_ERROR",
    "ERRPYO005": "INSUFFICIENT_FUNDS",
    "ERRPYO006": "INTERNAL_ERROR",
    "ERRPYO010": "VALIDATION_ERROR",
    "ERRPYO011": "REQUIRED_SCOPE_MISSING",
    "ERRPYO012": "SENDER_LOCKED",
    "ERRPYO014": "USER_BUSINESS_ERROR",
    "ERRPYO035": "RATE_LIMIT_VALIDATION",
    "ERRPYO036": "REQUEST_TIMEOUT_EXCEEDED",
    "ERRPYO037": "SYNC_MODE_NOT_APPLICABLE",
    "ERRPYO038": "NON_HOLDING_CURRENCY",
    "ERRPYO039": "PREVIOUS_REQUEST_IN_PROGRESS",
    "ERRPYO040": "CIP_NOT_VERIFIED",
}
VENMO_NOTE_MISSING = "ERRPYO013"  # a sender_batch_id, VALIDATION_ERROR for a Venmo payout
ACCEPTED_NOTES = ("POSPYO001", "POSPYO003")

_BATCH_ITEM_ERRORS = [
    "CLOSED_MARKET",
    "CURRENCY_COMPLIANCE",
    "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER",
    "DUPLICATE_ITEM",
    "RECEIVER_ACCOUNT_LOCKED",
    "RECEIVER_COUNTRY_NOT_ALLOWED",
    "RECEIVER_UNCONFIRMED",
    "RECEIVER_UNREGISTERED",
    "RECEIVER_YOUTH_ACCOUNT",
    "RECEIVING_LIMIT_EXCEEDED",
    "REGULATORY_BLOCKED",
    "REGULATORY_PENDING",
    "RISK_DECLINE",
    "SELF_PAY_NOT_ALLOWED",
    "TRANSACTION_LIMIT_EXCEEDED",
    "UNDEFINED",
    "ZERO_AMOUNT",
    "INVALID_RESOURCE_ID",
    "INTERNAL_ERROR",
    "INVALID_EMAIL",
]
_SENDER_ERRORS = [
    "ACCOUNT_RESTRICTED",
    "ACCOUNT_UNCONFIRMED_EMAIL",
    "APPROVER_DENIED",
    "GAMER_FAILED_COUNTRY_OF_RESIDENCE_CHECK",
    "GAMER_FAILED_FUNDING_SOURCE_CHECK",
    "GAMING_INVALID_PAYMENT_FLOW",
    "NON_HOLDING_CURRENCY",
    "PENDING_RECIPIENT_NON_HOLDING_CURRENCY_PAYMENT_PREFERENCE",
    "SENDER_STATE_RESTRICTED",
    "SPENDING_LIMIT_EXCEEDED",
    "TRANSACTION_DECLINED_BY_TRAVEL_RULE",
]
# The items' list is the batches' list without DUPLICATE_ITEM.
_ITEM_ERRORS = [name for name in _BATCH_ITEM_ERRORS if name != "DUPLICATE_ITEM"]


def _numbered(prefix: str, first: int, names: list[str]) -> dict[str, str]:
    return {f"{prefix}{number:03d}": name for number, name in enumerate(names, first)}


# GET /v1/payments/payouts/{value}: a batch whose one item has this error.
BATCH_VALUES: dict[str, str] = (
    _numbered("ERRPYO", 15, _BATCH_ITEM_ERRORS)
    | {"ERRPYO060": "RECEIVER_ACCOUNT_LIMITATION"}
    | _numbered("ERRPYOB", 5, _SENDER_ERRORS)
)
# GET /v1/payments/payouts/{value}: a batch with this status.
BATCH_STATUS_VALUES: dict[str, str] = {
    "POSPYO002": "SUCCESS",
    "ERRPYOB001": "SUCCESS",
    "ERRPYOB002": "PENDING",
    "ERRPYOB003": "PROCESSING",
    "ERRPYOB004": "DENIED",
}
# GET /v1/payments/payouts-item/{value}: an item with this error.
ITEM_VALUES: dict[str, str] = (
    _numbered("ERRPYO", 41, _ITEM_ERRORS)
    | {"ERRPYO061": "RECEIVER_ACCOUNT_LIMITATION"}
    | _numbered("ERRPYOB", 16, _SENDER_ERRORS)
)
ITEM_SUCCESS = "POSPOI001"
# POST /v1/payments/payouts-item/{value}/cancel
CANCEL_VALUES: dict[str, str] = {
    "ERRPOI001": "INVALID_RESOURCE_ID",
    "ERRPYO004": "BATCH_NOT_COMPLETED",
    "ERRPYO007": "ITEM_ALREADY_CANCELLED",
    "ERRPYO008": "ITEM_CANCELLATION_FAILED",
    "ERRPYO009": "ITEM_INCORRECT_STATUS",
}
CANCEL_SUCCESS = "POSPOI002"

# Errors that occur with a status other than FAILED.
_STATUS_OF_ERROR: dict[str, str] = {
    "RECEIVER_UNCONFIRMED": "UNCLAIMED",
    "RECEIVER_UNREGISTERED": "UNCLAIMED",
    "PENDING_RECIPIENT_NON_HOLDING_CURRENCY_PAYMENT_PREFERENCE": "PENDING",
    "REGULATORY_BLOCKED": "BLOCKED",
    "REGULATORY_PENDING": "ONHOLD",
}


def outcome_for(recipient_type: str, receiver: str) -> ItemOutcome:
    """Return the outcome of a payment to ``receiver``.

    A phone number says it by its last four digits: 0101 fails, 0102 is unclaimed, and so on in the
    order of ``BY_PREFIX``. The numbers that end in 555-0100 to 555-0199 are nobody's.
    """
    if recipient_type == "PHONE":
        digits = "".join(filter(str.isdigit, receiver))
        return BY_LAST_DIGITS.get(digits[-4:], SUCCESS)
    local = receiver.lower().removeprefix("@")
    for prefix, outcome in BY_PREFIX.items():
        if local.startswith(prefix):
            return outcome
    return SUCCESS


def status_of_error(name: str) -> str:
    """Return the transaction status of an item with this error."""
    return _STATUS_OF_ERROR.get(name, "FAILED")
