"""Statuses, reasons and errors of Stripe's Global Payouts, as the official library types them.

The types of stripe 16.1.0 for API version 2026-10-28: `stripe.v2.money_management.OutboundPayment`,
`.PayoutMethod`, and the classes of errors of `stripe._error`. What they do not say is assumed: see
docs/decisions/0071-global-payouts.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.errors import InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.payments import Status
from paymentapp.providers.base import ErrorKind, Refused

# --- Statuses of an outbound payment ----------------------------------------------------------
OUTBOUND_STATUS: Mapping[str, Status] = {
    # "An OutboundPayment is `processing` after creation."
    "processing": Status.SUBMITTED,
    # "It becomes `posted` when funds leave the account"
    "posted": Status.SUCCEEDED,
    # "`failed` if it cannot be sent"
    "failed": Status.FAILED,
    # "`canceled` if canceled before posting"
    "canceled": Status.CANCELLED,
    # "or `returned` if the funds are returned"
    "returned": Status.RETURNED,
}
UNDER_REVIEW = "under_review"  # the one reason of `processing`

# `status_details.failed.reason`: the money has not left
FAILED_REASONS: Mapping[str, str] = {
    "fx_rate_drift_exceeded_after_review": "the exchange rate changed too much during a review",
    "payout_method_amount_limit_exceeded": "the payout method does not take this amount",
    "payout_method_declined": "the payout method has declined it",
    "payout_method_does_not_exist": "the payout method does not exist",
    "payout_method_expired": "the payout method has expired",
    "payout_method_unsupported": "Stripe does not support the payout method",
    "payout_method_usage_frequency_limit_exceeded": "the payout method was paid to too often",
    "review_rejected": "Stripe has rejected it after a review",
    "unknown_failure": "it failed, and Stripe does not say why",
}
# `status_details.returned.reason`: the money left, and came back
RETURNED_REASONS: Mapping[str, str] = {
    "payout_method_canceled_by_customer": "the recipient has cancelled the payout method",
    "payout_method_closed": "the account was closed",
    "payout_method_currency_unsupported": "the account does not take this currency",
    "payout_method_does_not_exist": "the payout method does not exist",
    "payout_method_holder_address_incorrect": "the holder's address is incorrect",
    "payout_method_holder_details_incorrect": "the holder's details are incorrect",
    "payout_method_holder_name_incorrect": "the holder's name is incorrect",
    "payout_method_invalid_account_number": "the account number is invalid",
    "payout_method_restricted": "the account is restricted",
    "recalled": "it was recalled",
    "unknown_failure": "it failed, and Stripe does not say why",
}

# --- Why a payment is not sent, before or by a call -------------------------------------------
NOT_PAYABLE = "NOT_PAYABLE"
NO_RECIPIENT = "NO_RECIPIENT"
NO_PAYOUT_METHOD = "NO_PAYOUT_METHOD"
PAYOUT_METHOD_ARCHIVED = "PAYOUT_METHOD_ARCHIVED"
PAYOUT_METHOD_RESTRICTED = "PAYOUT_METHOD_RESTRICTED"
PAYOUT_METHOD_NOT_READY = "PAYOUT_METHOD_NOT_READY"
PAYOUT_METHOD_CURRENCY = "PAYOUT_METHOD_CURRENCY"
PAYOUT_METHOD_COUNTRY = "PAYOUT_METHOD_COUNTRY"
# Words of our own refusals, all of them before anything was sent.
UNSENT: Mapping[str, str] = {
    NOT_PAYABLE: "no request can express this currency or amount",
    NO_RECIPIENT: "Stripe does not make a recipient of these details",
    NO_PAYOUT_METHOD: "the recipient has no such payout method",
    PAYOUT_METHOD_ARCHIVED: "the payout method was archived",
    PAYOUT_METHOD_RESTRICTED: "Stripe has restricted the payout method",
    PAYOUT_METHOD_NOT_READY: "the payout method is not ready for payments",
    PAYOUT_METHOD_CURRENCY: "the payout method does not take this currency",
    PAYOUT_METHOD_COUNTRY: "the payout method is in another country than the details say",
}
ELIGIBLE = "eligible"  # `usage_status.payments` of a method that can be paid to

# --- Errors of a call -------------------------------------------------------------------------
# By `type`, as the library has a class for each. A retry under the same key is carried out anew:
# "retries don't repeat successful operations. Stripe retries failed or partially failed work".
# What is not here, and could follow a payment that was made, is unknown.
V2_ERRORS: Mapping[str, ErrorKind] = {
    "insufficient_funds": InsufficientFunds,
    # "the ID provided doesn't correspond to a valid payout method"
    "invalid_payout_method": Refused,
    "capability_not_enabled": Refused,  # of the recipient
    "recipient_not_notifiable": Refused,
    "verification_attempt_failed": Refused,  # of the recipient's name, where that is mandatory
    "verification_expired": Refused,
    "verification_not_initiated": Refused,
    "feature_not_enabled": Misconfigured,  # of our account
    "financial_account_not_open": Misconfigured,
    "temporary_session_expired": Misconfigured,
    "quota_exceeded": NotSent,
    "rate_limit": NotSent,
    "idempotency_error": OutcomeUnknown,
    "blocked_by_stripe": OutcomeUnknown,
    "cannot_proceed": OutcomeUnknown,
    "controlled_by_alternate_resource": OutcomeUnknown,
    "fx_quote_needs_refresh": OutcomeUnknown,  # a quote is not part of our calls
}
# Of a cancellation: it is too late, or done; what became of the payment is read.
NOT_CANCELLED = frozenset({"already_canceled", "not_cancelable"})
# Errors of interfaces that are not called.
OTHER_ERRORS = frozenset({"invalid_payment_method", "invalid_vaulted_credential"})

V2_REFUSALS: Mapping[str, str] = {
    "invalid_payout_method": "there is no such payout method",
    "capability_not_enabled": "the recipient may not receive payments to this payout method",
    "recipient_not_notifiable": "Stripe cannot write to the recipient",
    "verification_attempt_failed": "the recipient's name was not verified, which is mandatory",
    "verification_expired": "the recipient's name was not verified, which is mandatory",
    "verification_not_initiated": "the recipient's name was not verified, which is mandatory",
}
