"""What Stripe's codes mean for a payment, and what can be done: for the codes of `tables`.

https://docs.stripe.com/api/payouts/failures and https://docs.stripe.com/error-codes say what they
are; the advice is ours. A failed payout's transfer is reversed before the payment is `returned`.
"""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.models.explanations import Explanation, explained

_OTHER_ACCOUNT = (
    "Ask the payee to put another bank account or debit card in their Stripe account.",
    "Then retry the payment.",
)
_MEND_DETAILS = (
    "Ask the payee to compare the details in their Stripe account with those of their bank, and to "
    "mend them.",
    "Then retry the payment.",
)
_ASK_BANK = (
    "Ask the payee to ask their bank why, or to put another bank account in their Stripe account.",
    "Then retry the payment.",
)
_CAPABILITY = (
    "Look at the account in Stripe's dashboard (Connect): it says what is missing, which is mostly "
    "something that the payee has to hand in.",
    "Then retry the payment.",
)
_CONNECT_AGAIN = (
    "Ask the payee to connect their Stripe account again, and record its id with the customer.",
    "Then retry the payment.",
)
_AMOUNT = ("Request a new payment of another amount, or pay by another method.",)
_INSTANT = (
    "Turn instant payouts off for this payee's details, or pay by another method.",
    "Then retry the payment.",
)
_WAIT = ("Nothing needs to be done: the outcome is shown here once Stripe reports it.",)
_RECOVER = (
    "Have the transfer reversed in Stripe's dashboard, with the transfer's id below.",
    "Do not pay again before the money is back: it is in the payee's Stripe account.",
)

EXPLANATIONS: Mapping[str, Explanation] = {
    # --- Why a payout failed (`tables.FAILURES`)
    "account_closed": explained("The payee's bank account was closed.", *_OTHER_ACCOUNT),
    "account_frozen": explained("The payee's bank account is frozen.", *_ASK_BANK),
    "bank_account_restricted": explained(
        "The payee's bank account has restrictions on what it may receive.", *_ASK_BANK
    ),
    "bank_ownership_changed": explained(
        "The payee's branch belongs to another bank now, so that the details have changed.",
        *_MEND_DETAILS,
    ),
    "could_not_process": explained(
        "The payee's bank could not process it, and does not say why.",
        "Retry the payment: this may pass.",
        "If it fails again, ask the payee to ask their bank.",
    ),
    "debit_not_authorized": explained(
        "The payee's bank account does not allow debits, which Stripe needs to correct payouts.",
        *_OTHER_ACCOUNT,
    ),
    "declined": explained("The payee's bank has declined it.", *_ASK_BANK),
    "incorrect_account_holder_address": explained(
        "The holder's address is not the one that the bank has.", *_MEND_DETAILS
    ),
    "incorrect_account_holder_name": explained(
        "The holder's name is not the one that the bank has.", *_MEND_DETAILS
    ),
    "incorrect_account_holder_tax_id": explained(
        "The holder's tax number is not the one that the bank has.", *_MEND_DETAILS
    ),
    "insufficient_funds": explained(
        "The Stripe account did not cover the payout.",
        "Look at the balance of the payee's account in Stripe's dashboard; something else may "
        "have taken the money.",
        "Add funds to our Stripe account where it is ours that lacks them. Then retry the payment.",
    ),
    "invalid_account_number": explained(
        "The account number is wrong, though the bank exists.", *_MEND_DETAILS
    ),
    "invalid_currency": explained(
        "The payee's bank account does not take this currency.",
        "Pay in the currency of the bank account, or ask the payee for an account in this one.",
    ),
    "no_account": explained("There is no bank account with these details.", *_MEND_DETAILS),
    "unsupported_card": explained(
        "The payee's bank no longer takes payouts to this card.", *_OTHER_ACCOUNT
    ),
    # --- Why a payout was not begun (`tables.NOT_PAID_OUT`), or a transfer refused (`REFUSALS`)
    "account_invalid": explained(
        "The payee's Stripe account is not connected to ours, or no longer.", *_CONNECT_AGAIN
    ),
    "amount_too_large": explained("It is more than Stripe pays at once.", *_AMOUNT),
    "amount_too_small": explained("It is less than Stripe pays.", *_AMOUNT),
    "balance_insufficient": explained(
        "The money was gone from the payee's Stripe account when it was to be paid out, mostly "
        "because that account also pays out by itself.",
        "Set the payout schedule of the payee's Stripe account to manual.",
        "Then retry the payment.",
    ),
    "bank_account_unusable": explained(
        "The payee's bank account cannot be used for payouts.", *_OTHER_ACCOUNT
    ),
    "bank_account_unverified": explained(
        "The payee has not verified their bank account at Stripe.",
        "Ask the payee to verify it.",
        "Then retry the payment.",
    ),
    "instant_payouts_config_disabled": explained(
        "The payee's Stripe account is not set up for instant payouts.", *_INSTANT
    ),
    "instant_payouts_currency_disabled": explained(
        "Stripe has no instant payouts in this currency.", *_INSTANT
    ),
    "instant_payouts_limit_exceeded": explained(
        "The limit of instant payouts for today is reached.",
        "Retry the payment tomorrow, or turn instant payouts off for this payee's details.",
    ),
    "instant_payouts_unsupported": explained(
        "The payee's bank account or card takes no instant payouts.", *_INSTANT
    ),
    "invalid_request_error": explained(
        "Stripe does not pay to this account or its bank in this currency.",
        "Look at the account's country and currency in Stripe's dashboard.",
        "Pay in another currency or by another method.",
    ),
    "payouts_limit_exceeded": explained(
        "The payee's Stripe account has reached its limit of payouts.",
        "Ask the payee to have Stripe raise it, or wait for the next period.",
        "Then retry the payment.",
    ),
    "payouts_not_allowed": explained(
        "Stripe has disabled payouts of the payee's account.", *_CAPABILITY
    ),
    "resource_missing": explained(
        "There is no such Stripe account of ours, or no such bank account in it.", *_CONNECT_AGAIN
    ),
    "insufficient_capabilities_for_transfer": explained(
        "The payee's Stripe account may not receive transfers.", *_CAPABILITY
    ),
    "capability_not_active": explained(
        "The payee's Stripe account may not receive transfers yet, or no longer.", *_CAPABILITY
    ),
    "country_unsupported": explained(
        "Stripe does not support the country of the payee's account.",
        "Pay this customer by another method: retry the payment and choose it.",
    ),
    "invalid_charge_amount": explained("Stripe does not accept the amount.", *_AMOUNT),
    "parameter_invalid_integer": explained("Stripe does not accept the amount.", *_AMOUNT),
    # --- Statuses and reasons without a code
    "payout canceled": explained(
        "The payout was cancelled, and the money taken back.",
        "Ask who works in Stripe's dashboard why. Then retry the payment if it is wanted.",
    ),
    "payout failed": explained(
        "The payout failed, and Stripe gives no reason. The money was taken back.", *_ASK_BANK
    ),
    "no payout was made": explained(
        "The money reached the payee's Stripe account, but no payout to their bank was made: it "
        "was taken back.",
        *_CAPABILITY,
    ),
    "the transfer was reversed": explained(
        "The transfer was reversed: the money is back in our account.",
        "Ask who works in Stripe's dashboard why. Then retry the payment if it is wanted.",
    ),
    "reversed": explained(
        "The transfer was reversed: the money is back in our account.",
        "Retry the payment once the reason that is shown above is settled.",
    ),
    "payout_pending": explained("Stripe pays it out to the payee's bank soon.", *_WAIT),
    "payout_in_transit": explained(
        "It is on the way to the payee's bank, which takes some business days.", *_WAIT
    ),
    "payout_refused": explained(
        "Stripe has not begun the payout. The money is taken back once that is certain.", *_WAIT
    ),
    "payout_refused_not_reversed": explained(
        "Stripe made no payout, and the money could not be taken back.", *_RECOVER
    ),
    "payout_failed_not_reversed": explained(
        "The payout failed, and the money could not be taken back.", *_RECOVER
    ),
    "payout_canceled_not_reversed": explained(
        "The payout was cancelled, and the money could not be taken back.", *_RECOVER
    ),
}
