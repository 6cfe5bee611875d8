"""Stripe's published statuses, errors and currencies, each with Stripe's own words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from paymentapp.errors import InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.payments import Status
from paymentapp.providers.base import CurrencyRule, ErrorKind, Refused

# The API version of the answers and events that are parsed: https://docs.stripe.com/api/versioning
API_VERSION = "2026-10-28.endive"

# --- Statuses of a payout ---------------------------------------------------------------------
# https://docs.stripe.com/api/payouts/object#payout_object-status. A transfer has no status at
# Stripe: it is made at once or not at all, and may be reversed.
PAYOUT_STATUS: Mapping[str, Status] = {
    # "A payout is pending until it's submitted to the bank"
    "pending": Status.SUBMITTED,
    # "when it becomes in_transit"
    "in_transit": Status.SUBMITTED,
    # "The status changes to paid if the transaction succeeds"
    "paid": Status.SUCCEEDED,
    # "or to failed or canceled (within 5 business days)". "Some payouts that fail might initially
    # show as paid, then change to failed." The money is then in the connected account: the
    # payment is `returned` once the transfer is reversed, and not before.
    "failed": Status.RETURNED,
    "canceled": Status.RETURNED,
}

# Why a payout failed: https://docs.stripe.com/api/payouts/failures
FAILURES: Mapping[str, str] = {
    "account_closed": "the bank account has been closed",
    "account_frozen": "the bank account has been frozen",
    "bank_account_restricted": "the bank account has restrictions on payouts",
    "bank_ownership_changed": "the branch of the bank account has changed ownership",
    "could_not_process": "the bank could not process this payout",
    "debit_not_authorized": "debit transactions are not approved on the bank account",
    "declined": "the bank has declined this transfer",
    "incorrect_account_holder_address": "the bank account holder address on file is incorrect",
    "incorrect_account_holder_name": "the bank account holder name on file is incorrect",
    "incorrect_account_holder_tax_id": "the bank account holder tax ID on file is incorrect",
    "insufficient_funds": "the Stripe account has insufficient funds to cover the payout",
    "invalid_account_number": "the routing number seems correct, but the account number is invalid",
    "invalid_currency": "the bank was unable to process this payout because of its currency",
    "no_account": "no bank account could be located with the details on file",
    "unsupported_card": "the bank no longer supports payouts to this card",
}

# Why a payout was not begun: https://docs.stripe.com/error-codes
NOT_PAID_OUT: Mapping[str, str] = {
    "account_invalid": "the connected account is no longer connected",
    "amount_too_large": "the amount is greater than the maximum amount allowed",
    "amount_too_small": "the amount is less than the minimum amount allowed",
    "balance_insufficient": "the connected account's balance is lower than the amount, as where "
    "its payout schedule is not manual",
    "bank_account_unusable": "the bank account cannot be used for payouts",
    "bank_account_unverified": "the bank account is not verified",
    "instant_payouts_config_disabled": "the connected account is not configured for them",
    "instant_payouts_currency_disabled": "instant payouts are not offered in this currency",
    "instant_payouts_limit_exceeded": "the daily processing limit for instant payouts is reached",
    "instant_payouts_unsupported": "the bank account or card does not support instant payouts",
    "invalid_request_error": "Stripe does not pay out to this account's bank in this currency",
    "payouts_limit_exceeded": "the connected account's payout limit is reached",
    "payouts_not_allowed": "payouts have been disabled on the connected account",
    "resource_missing": "there is no such bank account",
}

# --- Errors of a request ----------------------------------------------------------------------
# The codes and words: https://docs.stripe.com/error-codes; the types, where an error has no code:
# https://docs.stripe.com/api/errors. The criterion for `Refused`: Stripe would answer the same
# content the same way again, whatever has happened in between. Only `Refused` lets payments go by
# another method, so no error is in this class that could follow a transfer that Stripe made.
ERRORS: Mapping[str, ErrorKind] = {
    # The transfer's content
    "amount_too_large": Refused,  # "The specified amount is greater than the maximum amount"
    "amount_too_small": Refused,  # "The specified amount is less than the minimum amount allowed."
    "invalid_charge_amount": Refused,  # "must be a positive integer in the smallest currency unit"
    "parameter_invalid_integer": Refused,  # "must be greater than or equal to"
    # The recipient's current state: counts once Stripe is certain to repeat it (`FENCED`)
    "resource_missing": Refused,  # "No such destination"; of others, see `StripeProblem.kind`
    "account_invalid": Refused,  # "The account ID provided ... is invalid."
    "insufficient_capabilities_for_transfer": Refused,  # "at least one of ... capabilities enabled"
    "capability_not_active": Refused,
    "country_unsupported": Refused,  # "attempted to create ... in a country that's not supported"
    # The platform's account: funds
    # "The transfer or payout could not be completed because the associated account does not have
    # a sufficient balance available."
    "balance_insufficient": InsufficientFunds,
    "insufficient_funds": InsufficientFunds,
    # The platform's account: standing and permission
    "transfers_not_allowed": Misconfigured,  # "The requested transfer cannot be created."
    "platform_account_required": Misconfigured,  # "Only Stripe Connect platforms can ..."
    "not_allowed_on_standard_account": Misconfigured,
    "api_key_expired": Misconfigured,  # "The API key provided has expired."
    "platform_api_key_expired": Misconfigured,  # "The API key provided by your ... platform ..."
    "secret_key_required": Misconfigured,  # "The API key provided is a publishable key"
    "livemode_mismatch": Misconfigured,  # "Test and live mode API keys ... only available within"
    "testmode_charges_only": Misconfigured,  # "Your account has not been activated"
    "tls_version_unsupported": Misconfigured,
    # The form of our call
    "parameter_unknown": Misconfigured,  # "unexpected parameters"
    "parameter_missing": Misconfigured,  # "One or more required values are missing."
    "parameter_invalid_empty": Misconfigured,
    "parameter_invalid_string_blank": Misconfigured,
    "parameter_invalid_string_empty": Misconfigured,
    "parameters_exclusive": Misconfigured,
    # Too many calls: "rate limiters run before the API's idempotency layer"
    "rate_limit": NotSent,
    "lock_timeout": NotSent,  # "another API request or Stripe process is currently accessing it"
    # May have been done
    "idempotency_key_in_use": OutcomeUnknown,  # 409: an earlier call of ours is in progress
    "idempotency_error": OutcomeUnknown,  # another body under our key: see `StripeProblem.error`
    "api_error": OutcomeUnknown,  # "temporary problem with Stripe's servers"
    "processing_error": OutcomeUnknown,
    "request_blocked": OutcomeUnknown,
    "anomalous_money_movement_request": OutcomeUnknown,
    "approval_required": OutcomeUnknown,
}
# For codes that are not in the table. A call without permission, or to an address that the API
# does not have, did nothing.
ERRORS_BY_STATUS: Mapping[int, ErrorKind] = {
    401: Misconfigured,
    403: Misconfigured,
    404: Misconfigured,
    429: NotSent,
}

# Refusals that may be lifted later, as an account gains a capability: a call of ours that is still
# in flight could then succeed. They count once Stripe has the refusal stored under our key, and
# replays it to every call under that key for a day.
FENCED = frozenset(
    {
        "resource_missing",
        "account_invalid",
        "insufficient_capabilities_for_transfer",
        "capability_not_active",
        "country_unsupported",
        "invalid_request_error",  # about the destination, without a code
    }
)

# The reason that a payment shows for such a refusal.
REFUSALS: Mapping[str, str] = {
    "resource_missing": "the platform has no such connected account",
    "account_invalid": "the platform has no such connected account",
    "insufficient_capabilities_for_transfer": "the connected account may not receive transfers",
    "capability_not_active": "the connected account may not receive transfers",
    "country_unsupported": "the connected account's country is not supported",
    "invalid_request_error": "Stripe does not transfer to this connected account",
    "amount_too_large": "the amount is greater than the maximum amount allowed",
    "amount_too_small": "the amount is less than the minimum amount allowed",
    "invalid_charge_amount": "the amount is invalid",
    "parameter_invalid_integer": "the amount is invalid",
}


# --- Currencies and limits --------------------------------------------------------------------
# https://docs.stripe.com/currencies. Amounts in requests are whole numbers of the smallest unit;
# these are the currencies with no or three decimals, all others have two.
def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ZERO = _codes("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
_THREE = _codes("BHD JOD KWD OMR TND")
_TWO = _codes(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF
    CHF CNY COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF
    IDR ILS INR ISK JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK
    MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD
    SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS WST XCD YER ZAR
    ZMW"""
)
# ISK and UGX: "zero-decimal", but sent with two decimals "for backward compatibility". HUF and
# TWD: "Stripe treats HUF as a zero-decimal currency for payouts", so that a payee could not have
# a fraction paid out.
_WHOLE = frozenset({"HUF", "ISK", "TWD", "UGX"})
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(_ZERO, 0),
    **dict.fromkeys(_TWO, 2),
    **dict.fromkeys(_THREE, 3),
}

# The maximum of a transfer is not published; that of a charge has eight digits, and up to twelve
# in currencies of low value. So the figures are not Stripe's limits but a guard against mistakes:
# eight digits where a unit is worth more than about ten US cents, else twelve.
_HIGH_VALUE = _THREE | _codes(
    """AED ANG AUD AWG AZN BAM BBD BMD BND BRL BSD BWP BYN BZD CAD CHF CNY DKK EUR FJD FKP GBP GEL
    GIP GTQ HKD ILS KYD MOP MYR NZD PAB PEN PGK PLN QAR RON SAR SBD SCR SGD SHP TOP TTD USD WST
    XCD"""
)


def _rule(currency: str) -> CurrencyRule:
    """Return the rule of a currency.

    Three-decimal currencies are declared with two: "the least-significant (last) digit" of an
    amount has to be 0.
    """
    digits = 8 if currency in _HIGH_VALUE else 12
    decimals = 0 if currency in _WHOLE else min(DECIMALS[currency], 2)
    most = Decimal(10**digits - 1).scaleb(-DECIMALS[currency])
    return CurrencyRule(decimals, most - most % Decimal(1).scaleb(-decimals))


CURRENCIES: Mapping[str, CurrencyRule] = {code: _rule(code) for code in sorted(DECIMALS)}
