"""What the reasons of Global Payouts mean for a payment, and what can be done.

The reasons are those of `global_tables`, which the official library types; the advice is ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.models.explanations import Explanation, explained

_OTHER_ACCOUNT = (
    "Ask the payee for another bank account, and record it with the customer.",
    "Then retry the payment.",
)
_MEND_DETAILS = (
    "Compare the customer's details with those that the payee's bank has, and put them anew.",
    "Then retry the payment.",
)
_ASK_BANK = (
    "Ask the payee to ask their bank why, or for another bank account.",
    "Then retry the payment.",
)
_ASK_STRIPE = (
    "Ask Stripe's support why, with the payment's id below.",
    "Retry the payment once that is settled, or pay by another method.",
)
_IN_DASHBOARD = (
    "Look at the recipient in Stripe's dashboard (Global Payouts): it says what is missing.",
    "Then retry the payment.",
)
_VERIFY = (
    "The recipient's name has to be verified with their bank before each payment there, which is "
    "not done from here: pay this customer by another method.",
)
_WAIT = ("Nothing needs to be done: the outcome is shown here once Stripe reports it.",)
_SAME_LATER = (
    "Retry the payment: this may pass.",
    "If it fails again, ask the payee to ask their bank.",
)

GLOBAL_EXPLANATIONS: Mapping[str, Explanation] = {
    # --- Why a payment failed (`FAILED_REASONS`): the money has not left
    "fx_rate_drift_exceeded_after_review": explained(
        "The exchange rate changed too much while Stripe reviewed the payment.",
        "Retry the payment: it is converted at the rate of then.",
    ),
    "payout_method_amount_limit_exceeded": explained(
        "It is more than the payee's account or card takes at once.",
        "Request smaller payments, or pay to another bank account.",
    ),
    "payout_method_declined": explained("The payee's bank has declined it.", *_ASK_BANK),
    "payout_method_does_not_exist": explained(
        "There is no bank account or card with these details.", *_MEND_DETAILS
    ),
    "payout_method_expired": explained("The payee's card has expired.", *_OTHER_ACCOUNT),
    "payout_method_unsupported": explained(
        "Stripe does not pay to this kind of account or card.", *_OTHER_ACCOUNT
    ),
    "payout_method_usage_frequency_limit_exceeded": explained(
        "The payee's account or card was paid to too often lately.",
        "Retry the payment tomorrow, or pay to another bank account.",
    ),
    "review_rejected": explained("Stripe has reviewed the payment, and rejected it.", *_ASK_STRIPE),
    "unknown_failure": explained("It was not paid, and Stripe does not say why.", *_SAME_LATER),
    # --- Why a payment came back (`RETURNED_REASONS`)
    "payout_method_canceled_by_customer": explained(
        "The payee has cancelled the account or card; the money came back.", *_OTHER_ACCOUNT
    ),
    "payout_method_closed": explained(
        "The payee's account was closed; the money came back.", *_OTHER_ACCOUNT
    ),
    "payout_method_currency_unsupported": explained(
        "The payee's account does not take this currency; the money came back.",
        "Pay in the currency of the account, or ask the payee for an account in this one.",
    ),
    "payout_method_holder_address_incorrect": explained(
        "The holder's address is not the one that the bank has; the money came back.",
        *_MEND_DETAILS,
    ),
    "payout_method_holder_details_incorrect": explained(
        "The holder's details are not those that the bank has; the money came back.",
        *_MEND_DETAILS,
    ),
    "payout_method_holder_name_incorrect": explained(
        "The holder's name is not the one that the bank has; the money came back.", *_MEND_DETAILS
    ),
    "payout_method_invalid_account_number": explained(
        "The account number is wrong; the money came back.", *_MEND_DETAILS
    ),
    "payout_method_restricted": explained(
        "The payee's account has restrictions on what it may receive; the money came back.",
        *_ASK_BANK,
    ),
    "recalled": explained(
        "The payment was recalled; the money came back.",
        "Ask who works in Stripe's dashboard why. Then retry the payment if it is wanted.",
    ),
    # --- Why nothing was sent (`UNSENT`)
    "NOT_PAYABLE": explained(
        "Stripe pays no such amount in this currency.",
        "Request a new payment of another amount, or pay by another method.",
    ),
    "NO_RECIPIENT": explained(
        "Stripe does not take the payee's details; nothing was sent.", *_MEND_DETAILS
    ),
    "NO_PAYOUT_METHOD": explained(
        "The recipient has no such bank account or card at Stripe; nothing was sent.",
        "Look for the payout method in Stripe's dashboard, and put its id with the customer.",
        "Then retry the payment.",
    ),
    "PAYOUT_METHOD_ARCHIVED": explained(
        "The payee's bank account or card was archived at Stripe; nothing was sent.",
        *_OTHER_ACCOUNT,
    ),
    "PAYOUT_METHOD_RESTRICTED": explained(
        "Stripe has restricted the payee's bank account or card; nothing was sent.", *_ASK_STRIPE
    ),
    "PAYOUT_METHOD_NOT_READY": explained(
        "The payee's bank account or card is not ready for payments; nothing was sent.",
        *_IN_DASHBOARD,
    ),
    "PAYOUT_METHOD_CURRENCY": explained(
        "The payee's account does not take this currency; nothing was sent.",
        "Pay in the currency of the account, or ask the payee for an account in this one.",
    ),
    "PAYOUT_METHOD_COUNTRY": explained(
        "The payee's account is in another country than their details say; nothing was sent.",
        *_MEND_DETAILS,
    ),
    # --- Why Stripe refused a payment (`V2_REFUSALS`)
    "invalid_payout_method": explained(
        "The payee's bank account or card cannot be paid to.", *_IN_DASHBOARD
    ),
    "capability_not_enabled": explained(
        "The recipient may not receive such payments yet, or no longer.", *_IN_DASHBOARD
    ),
    "recipient_not_notifiable": explained(
        "Stripe cannot write to the recipient, and has to.",
        "Mend the recipient's e-mail in Stripe's dashboard.",
        "Then retry the payment.",
    ),
    "verification_attempt_failed": explained("The recipient's name was not verified.", *_VERIFY),
    "verification_expired": explained("The recipient's name was not verified.", *_VERIFY),
    "verification_not_initiated": explained("The recipient's name was not verified.", *_VERIFY),
    # --- Statuses
    "processing": explained(
        "Stripe is processing it. It can be cancelled until it has left.", *_WAIT
    ),
    "under_review": explained("Stripe reviews the payment before it leaves.", *_WAIT),
    "failed": explained("It failed: the money has not left our account.", *_SAME_LATER),
    "returned": explained(
        "It came back to our account.", "Retry the payment once the reason shown is settled."
    ),
}
