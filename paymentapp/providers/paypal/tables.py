"""PayPal's published statuses, errors and currencies, each with PayPal's own words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from paymentapp.errors import InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.payments import Status
from paymentapp.providers.base import CurrencyRule, ErrorKind, Refused

# --- Statuses of a payout ---------------------------------------------------------------------
# The values: `transaction_enum` of the API description. The words:
# https://developer.paypal.com/payouts/use-payouts/track-payout-item-status
# and, for DENIED, ON_HOLD and REFUNDED,
# https://docs.paypal.ai/growth/payouts/manage-payouts/track-payout-item-status
# A payment is `failed` only where PayPal says that the money did not leave: a caller who reads
# `failed` will pay again.
TRANSACTION_STATUS: Mapping[str, Status] = {
    # "Funds have been credited to the recipient's account."
    "SUCCESS": Status.SUCCEEDED,
    # "This payout request has failed, so funds were not deducted from the sender's account."
    "FAILED": Status.FAILED,
    # "This payout has been denied, so funds were not deducted from your account."
    "DENIED": Status.FAILED,
    # "Your payout request was received and will be processed."
    "PENDING": Status.SUBMITTED,
    "NEW": Status.SUBMITTED,  # of older versions of the API
    # "The recipient for this payout does not have a PayPal account. A link to sign up for a
    # PayPal account was sent to the recipient. However, if the recipient does not claim this
    # payout within 30 days, the funds are returned to your account."
    "UNCLAIMED": Status.UNCLAIMED,
    # "The recipient has not claimed this payout, so the funds have been returned to your
    # account", or "you have cancelled the payout".
    "RETURNED": Status.RETURNED,
    # "This payout request is being reviewed and is on hold."
    "ONHOLD": Status.SUBMITTED,
    "ON_HOLD": Status.SUBMITTED,
    # "This payout request has been blocked." Not failed: PayPal publishes neither that this
    # status is final nor where the money is, and money blocked by regulation
    # (REGULATORY_BLOCKED) may be taken and kept. PayPal has it; an operator finds out the rest.
    "BLOCKED": Status.SUBMITTED,
    # "The recipient refunds the payout. The money returns to your account."
    "REFUNDED": Status.RETURNED,
    # "This payout request was reversed." Web uploads only.
    "REVERSED": Status.RETURNED,
}

# The status that a batch's status gives to items that were not processed; None where the items'
# own statuses apply. `batch_enum` of the API description and its words:
# https://developer.paypal.com/api/payments.payouts-batch/v1/definitions/batch_enum
BATCH_STATUS: Mapping[str, Status | None] = {
    # "Your payout requests were denied, so they were not processed."
    "DENIED": Status.FAILED,
    # "Your payout requests were received and will be processed soon."
    "PENDING": None,
    # "Your payout requests were received and are now being processed."
    "PROCESSING": None,
    # "Your payout batch was processed and completed. Check the status of each item for any
    # holds or unclaimed transactions."
    "SUCCESS": None,
    # "The payouts file that was uploaded through the PayPal portal was cancelled by the sender."
    "CANCELED": Status.CANCELLED,
}

# --- Errors of a request ----------------------------------------------------------------------
# The names and words: https://developer.paypal.com/payouts/view-transactions (error codes),
# https://developer.paypal.com/api/payouts/test-values (what the sandbox can be made to say) and
# the API description. The criterion for `Refused`: PayPal would answer the same content the same
# way again, whatever has happened to the account in between. Only `Refused` lets payments go in
# another batch, so no error is in this class that could follow a batch that PayPal accepted.
ERRORS: Mapping[str, ErrorKind] = {
    # The batch's content
    "VALIDATION_ERROR": Refused,  # 400 "Invalid request - see details"
    "INVALID_REQUEST": Refused,  # 400 "not well-formed ... or violates schema"
    "REQUEST_ENTITY_TOO_LARGE": Refused,  # 413 "The request payload is too large."
    # The account: funds
    "INSUFFICIENT_FUNDS": InsufficientFunds,  # 422 "Please add funds and retry."
    "NEGATIVE_BALANCE": InsufficientFunds,  # "You have insufficient funds in your PayPal balance."
    "NON_HOLDING_CURRENCY": Misconfigured,  # 400 "your PayPal balance is not held in this currency"
    "USER_FUNDING_SOURCE_INELIGIBLE": Misconfigured,  # "The funding source ... is not allowed."
    "SPENDING_LIMIT_EXCEEDED": Misconfigured,  # "You've exceeded your spending limit."
    "POS_LIMIT_EXCEEDED": Misconfigured,  # "exceeded the POS cumulative spending limit"
    # The account: standing
    "SENDER_RESTRICTED": Misconfigured,  # 403 "Authorization error occurred."
    "SENDER_EMAIL_UNCONFIRMED": Misconfigured,  # 403 "Authorization error occurred."
    "SENDER_LOCKED": Misconfigured,
    "SENDER_ACCOUNT_LOCKED": Misconfigured,  # "your account is locked or inactive"
    "SENDER_ACCOUNT_UNVERIFIED": Misconfigured,  # 403 "you must have a verified PayPal account"
    "SENDER_STATE_RESTRICTED": Misconfigured,  # "your address is in a restricted state"
    "ACCOUNT_RESTRICTED": Misconfigured,  # "Access to your account has been restricted."
    "ACCOUNT_UNCONFIRMED_EMAIL": Misconfigured,  # "confirm your email and your bank account"
    "CIP_NOT_VERIFIED": Misconfigured,  # the sender's identity
    "USER_COUNTRY_NOT_ALLOWED": Misconfigured,  # "Your address is in a country where ..."
    # The account: permission
    "AUTHENTICATION_FAILURE": Misconfigured,  # 401 "invalid authentication credentials"
    "AUTHORIZATION_ERROR": Misconfigured,  # 403 "Your account is not authorized to use payouts."
    "NOT_AUTHORIZED": Misconfigured,  # 403 "Authorization failed due to insufficient permissions."
    "REQUIRED_SCOPE_MISSING": Misconfigured,  # 403 "The access token does not have the ... scope."
    "REFUSED_ACTION_DENIED": Misconfigured,  # "send money option is not allowed for this merchant"
    "REFUSED_ACCESS_DENIED": Misconfigured,  # "Your account is not allowed to send money."
    # The address or form of our call
    "RESOURCE_NOT_FOUND": Misconfigured,  # 404 "The specified resource does not exist."
    "INVALID_RESOURCE_ID": Misconfigured,  # 404 "Requested resource ID was not found."
    "METHOD_NOT_SUPPORTED": Misconfigured,  # 405
    "UNSUPPORTED_MEDIA_TYPE": Misconfigured,  # 415 "the request payload's media type"
    "SYNC_MODE_NOT_APPLICABLE": Misconfigured,  # 403 "Synchronous mode ... no longer available"
    # 422 "may require interaction with APIs or processes outside of the current request"
    "UNPROCESSABLE_ENTITY": Misconfigured,
    # Too many requests
    "RATE_LIMIT_REACHED": NotSent,  # 429 "Too many requests. Blocked due to rate limiting."
    "RATE_LIMIT_VALIDATION": NotSent,  # 429
    "RATE_LIMIT_VALIDATION_FAILURES": NotSent,  # 429 "blocked due to multiple failed attempts"
    # May have been done
    # 400 "For batch processing, try again with a different sender_batch_ID": mostly a duplicate,
    # which links to the original (see `_adopt`). Without a link the outcome is unknown.
    "USER_BUSINESS_ERROR": OutcomeUnknown,
    "PREVIOUS_REQUEST_IN_PROGRESS": OutcomeUnknown,
    "RESOURCE_CONFLICT": OutcomeUnknown,  # 409 "detected a conflict while processing this request"
    "INTERNAL_ERROR": OutcomeUnknown,  # 500 "An internal service error has occurred."
    "INTERNAL_SERVER_ERROR": OutcomeUnknown,  # 500 "An internal server error occurred."
    "SERVICE_UNAVAILABLE": OutcomeUnknown,  # 503
    "REQUEST_TIMEOUT_EXCEEDED": OutcomeUnknown,  # 504 "not respond ... within the timeout"
}
# For names that are not in the table. A call without permission did nothing.
ERRORS_BY_STATUS: Mapping[int, ErrorKind] = {401: Misconfigured, 403: Misconfigured, 429: NotSent}

# Cancellations that PayPal did not perform: the item's own status then says what became of it.
CANCEL_REFUSED = frozenset(
    {
        "ITEM_ALREADY_CANCELLED",  # 400 "The requested item is already cancelled."
        "ITEM_CANCELLATION_FAILED",  # 400 "Try again in a few minutes."
        "ITEM_INCORRECT_STATUS",  # 400 "You can only cancel items that have an Unclaimed state."
        "BATCH_NOT_COMPLETED",  # 400 "This payout batch is still being processed."
    }
)

# Errors for a batch that PayPal does not know, or no longer.
NO_SUCH_BATCH = frozenset(
    {
        "INVALID_RESOURCE_ID",  # 404 "Requested resource ID was not found."
        "RESOURCE_NOT_FOUND",  # 404 "The specified resource does not exist."
        "HTTP_404",  # without a name
    }
)

# Reasons for an item's status: PayPal's words, short enough for the payment's record.
# https://developer.paypal.com/payouts/view-transactions, and RECEIVER_ACCOUNT_LIMITATION from
# https://developer.paypal.com/api/payments.payouts-batch/v1/errors/receiver_account_limitation
ITEM_ERRORS: Mapping[str, str] = {
    # The recipient
    "RECEIVER_UNREGISTERED": "the recipient does not have an account",
    "RECEIVER_UNCONFIRMED": "the recipient's email or phone number is unconfirmed",
    "RECEIVER_ACCOUNT_INVALID": "the receiver's account is invalid",  # the sandbox says it
    "RECEIVER_ACCOUNT_LOCKED": "the recipient's account is inactive or locked",
    "RECEIVER_ACCOUNT_LIMITATION": "the recipient's account is currently under limitation",
    "RECEIVER_COUNTRY_NOT_ALLOWED": "payouts are not allowed in the recipient's country",
    "RECEIVER_STATE_RESTRICTED": "payouts are not allowed in the recipient's state",
    "RECEIVER_YOUTH_ACCOUNT": "the recipient has a youth account",
    "RECEIVER_REFUSED": "the recipient has refused this payout in this currency",
    "REFUSED_RECEIVER_REFUSED": "the recipient has refused this payout in this currency",
    "RECEIVING_LIMIT_EXCEEDED": "it exceeds the amount the recipient can receive at this time",
    "UNVERIFIED_RECIPIENT_NOT_SUPPORTED": "the recipient hasn't verified their account",
    "INVALID_EMAIL": "the email address doesn't exist",
    "INVALID_EMAIL_ID": "the email ID entered for this recipient is invalid",
    "SELF_PAY_NOT_ALLOWED": "you can't send a payout to yourself",
    "CLOSED_MARKET": "the account is not allowed to receive payouts from other countries",
    "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER": "the recipient's account cannot accept this currency",
    "PENDING_RECIPIENT_NON_HOLDING_CURRENCY_PAYMENT_PREFERENCE": (
        "the recipient reviews credits in this currency"
    ),
    "GAMER_FAILED_COUNTRY_OF_RESIDENCE_CHECK": "not allowed in the recipient's country",
    # The payment
    "DUPLICATE_ITEM": "this transaction is duplicated in this batch",
    "TRANSACTION_LIMIT_EXCEEDED": "it exceeds the limit for this type of transaction",
    "ZERO_AMOUNT": "the amount is not valid",
    "CURRENCY_COMPLIANCE": "not allowed, due to currency compliance regulations",
    "REGULATORY_PENDING": "pending while it is reviewed for regulatory compliance",
    "REGULATORY_BLOCKED": "blocked due to regulatory compliance restrictions",
    "RISK_DECLINE": "declined due to risk concerns",
    "TRANSACTION_DECLINED_BY_TRAVEL_RULE": "declined by travel rule regulations",
    "INTERNAL_ERROR": "an internal error occurred",
    "UNDEFINED": "an error occurred while processing this payout",
    # The sender
    "ACCOUNT_RESTRICTED": "access to the sender's account has been restricted",
    "ACCOUNT_UNCONFIRMED_EMAIL": "the sender's email is unconfirmed",
    "APPROVER_DENIED": "rejected by the approver",
    "GAMER_FAILED_FUNDING_SOURCE_CHECK": "the funding source is not allowed",
    "GAMING_INVALID_PAYMENT_FLOW": "not allowed for gaming merchant accounts",
    "INSUFFICIENT_FUNDS": "insufficient funds in the sender's balance",
    "NEGATIVE_BALANCE": "insufficient funds in the sender's balance",
    "NON_HOLDING_CURRENCY": "the sender has no balance in this currency",
    "POS_LIMIT_EXCEEDED": "the sender exceeded the POS cumulative spending limit",
    "REFUSED_ACTION_DENIED": "the sender is not allowed to send money",
    "SENDER_ACCOUNT_LOCKED": "the sender's account is locked or inactive",
    "SENDER_STATE_RESTRICTED": "the sender's address is in a restricted state",
    "SPENDING_LIMIT_EXCEEDED": "the sender exceeded their spending limit",
    "USER_COUNTRY_NOT_ALLOWED": "payouts are not allowed in the sender's country",
    "USER_FUNDING_SOURCE_INELIGIBLE": "the funding source is not allowed",
}

# --- Currencies and limits --------------------------------------------------------------------
# The currencies, and the three without decimals ("decimal amounts will throw an error"):
# https://developer.paypal.com/reference/currency-codes and the payouts list,
# https://developer.paypal.com/limited-release/payouts/reference/country-and-currency-codes
#
# The most that one payment may be depends on the account and the recipient: USD 20,000 "or its
# equivalent in local currency by default", more by agreement
# (https://developer.paypal.com/docs/payouts/standard/reference/faq/), and more to registered
# recipients than to others (https://developer.paypal.com/payouts/fees), reportedly USD 60,000. So
# the figures are not PayPal's limits but a guard against mistakes: USD 60,000, and in the other
# currencies somewhat more than its value. Below them PayPal decides, and reports it of the item.
# The setting PAYMENTAPP_PAYPAL_MAXIMUM raises and lowers all of them in proportion.
MAXIMUM = Decimal(60_000)  # US dollars
CURRENCIES: Mapping[str, CurrencyRule] = {
    "AUD": CurrencyRule(2, Decimal(120_000)),
    "BRL": CurrencyRule(2, Decimal(450_000)),  # within Brazil
    "CAD": CurrencyRule(2, Decimal(100_000)),
    "CHF": CurrencyRule(2, Decimal(75_000)),
    "CNY": CurrencyRule(2, Decimal(600_000)),  # within China
    "CZK": CurrencyRule(2, Decimal(1_800_000)),
    "DKK": CurrencyRule(2, Decimal(500_000)),
    "EUR": CurrencyRule(2, Decimal(75_000)),
    "GBP": CurrencyRule(2, Decimal(60_000)),
    "HKD": CurrencyRule(2, Decimal(600_000)),
    "HUF": CurrencyRule(0, Decimal(30_000_000)),
    "ILS": CurrencyRule(2, Decimal(300_000)),
    "JPY": CurrencyRule(0, Decimal(12_000_000)),
    "MXN": CurrencyRule(2, Decimal(1_500_000)),
    "MYR": CurrencyRule(2, Decimal(350_000)),  # within Malaysia
    "NOK": CurrencyRule(2, Decimal(800_000)),
    "NZD": CurrencyRule(2, Decimal(130_000)),
    "PHP": CurrencyRule(2, Decimal(4_500_000)),
    "PLN": CurrencyRule(2, Decimal(300_000)),
    "RUB": CurrencyRule(2, Decimal(7_500_000)),
    "SEK": CurrencyRule(2, Decimal(800_000)),
    "SGD": CurrencyRule(2, Decimal(100_000)),
    "THB": CurrencyRule(2, Decimal(2_600_000)),
    "TWD": CurrencyRule(0, Decimal(2_600_000)),
    "USD": CurrencyRule(2, MAXIMUM),
}


def currencies_up_to(dollars: Decimal) -> Mapping[str, CurrencyRule]:
    """Return the currencies with maximums in proportion to that of US dollars, rounded down."""
    return {code: _scaled(rule, dollars / MAXIMUM) for code, rule in CURRENCIES.items()}


def _scaled(rule: CurrencyRule, factor: Decimal) -> CurrencyRule:
    unit = Decimal(1).scaleb(-rule.decimals)
    maximum = (rule.maximum * factor).quantize(unit, ROUND_DOWN)
    return rule if maximum == rule.maximum else rule._replace(maximum=maximum)
