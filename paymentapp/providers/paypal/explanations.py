"""What PayPal's codes mean for a payment, and what can be done: for `tables.ITEM_ERRORS`.

The codes and what they say: https://developer.paypal.com/payouts/view-transactions; the statuses:
https://developer.paypal.com/payouts/use-payouts/track-payout-item-status. The advice is ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.models.explanations import Explanation, explained

_OTHER_ADDRESS = (
    "Ask the payee for the address of a PayPal account that can receive this, or for another way "
    "to be paid, and record it with the customer.",
    "Then retry the payment.",
)
_PAYEES_ACCOUNT = (
    "Ask the payee to put their PayPal account in order; only they can.",
    "Then retry the payment, or pay them by another method.",
)
_OTHER_METHOD = ("Pay this customer by another method: retry the payment and choose it.",)
_OUR_ACCOUNT = (
    "Whoever keeps our PayPal account settles this with PayPal: other payments may fail likewise.",
    "Then retry the payment.",
)
_FUNDS = ("Add funds in this currency to our PayPal account.", "Then retry the payment.")
_ASK_PAYPAL = (
    "Ask PayPal's support why, with the item's id below.",
    "Retry the payment once that is settled, or pay by another method.",
)
_WAIT = ("Nothing needs to be done: PayPal's decision is shown here once it has been made.",)

EXPLANATIONS: Mapping[str, Explanation] = {
    # --- Errors of an item: the recipient
    "RECEIVER_UNREGISTERED": explained(
        "The payee has no PayPal account under this address. PayPal has written to them how to "
        "open one; money that nobody claims within 30 days comes back.",
        "Ask the payee to look for PayPal's mail, and to open an account with this address or to "
        "add the address to theirs.",
        "While nobody has claimed it, cancel the payment to have the money back sooner; once it is "
        "back, retry it.",
    ),
    "RECEIVER_UNCONFIRMED": explained(
        "The payee has not confirmed this e-mail address or telephone number at PayPal.",
        "Ask the payee to confirm it in their PayPal account.",
        "If the payment has failed or come back, retry it then.",
    ),
    "RECEIVER_ACCOUNT_INVALID": explained(
        "PayPal does not accept the payee's account.", *_OTHER_ADDRESS
    ),
    "RECEIVER_ACCOUNT_LOCKED": explained(
        "The payee's PayPal account is locked or not in use.", *_PAYEES_ACCOUNT
    ),
    "RECEIVER_ACCOUNT_LIMITATION": explained(
        "PayPal has limited what the payee's account may do.", *_PAYEES_ACCOUNT
    ),
    "RECEIVER_COUNTRY_NOT_ALLOWED": explained(
        "PayPal does not pay out to accounts in the payee's country.", *_OTHER_METHOD
    ),
    "RECEIVER_STATE_RESTRICTED": explained(
        "PayPal does not pay out to accounts in the payee's state.", *_OTHER_METHOD
    ),
    "RECEIVER_YOUTH_ACCOUNT": explained(
        "The payee has a youth account, which cannot receive payouts.", *_OTHER_ADDRESS
    ),
    "RECEIVER_REFUSED": explained(
        "The payee has refused the money, or their account does not take this currency.",
        "Ask the payee whether they expect it, and in which currency.",
        "Then retry the payment, or request one in another currency.",
    ),
    "REFUSED_RECEIVER_REFUSED": explained(
        "The payee has refused the money, or their account does not take this currency.",
        "Ask the payee whether they expect it, and in which currency.",
        "Then retry the payment, or request one in another currency.",
    ),
    "RECEIVING_LIMIT_EXCEEDED": explained(
        "The payee's account cannot receive this much at present.",
        "Ask the payee to have PayPal raise their limit (by verifying the account), or request "
        "smaller payments.",
        "Then retry the payment.",
    ),
    "UNVERIFIED_RECIPIENT_NOT_SUPPORTED": explained(
        "The payee has not verified their PayPal account, which this payment requires.",
        *_PAYEES_ACCOUNT,
    ),
    "INVALID_EMAIL": explained("The e-mail address does not exist.", *_OTHER_ADDRESS),
    "INVALID_EMAIL_ID": explained(
        "PayPal does not accept the payee's e-mail address: it may be mistyped.", *_OTHER_ADDRESS
    ),
    "SELF_PAY_NOT_ALLOWED": explained(
        "The payee's address belongs to our own PayPal account.", *_OTHER_ADDRESS
    ),
    "CLOSED_MARKET": explained(
        "The payee's account may only be paid from its own country.", *_OTHER_METHOD
    ),
    "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER": explained(
        "The payee's account does not take this currency.",
        "Request the payment in the currency of the payee's account, or by another method.",
    ),
    "PENDING_RECIPIENT_NON_HOLDING_CURRENCY_PAYMENT_PREFERENCE": explained(
        "The payee has no balance in this currency, and has to accept the money by hand.",
        "Ask the payee to accept it in their PayPal account; PayPal returns what they leave.",
    ),
    "GAMER_FAILED_COUNTRY_OF_RESIDENCE_CHECK": explained(
        "PayPal does not make gaming payments to the payee's country.", *_OTHER_METHOD
    ),
    # --- Errors of an item: the payment
    "DUPLICATE_ITEM": explained(
        "PayPal takes it for a repetition of another payment of the same batch.",
        "Look at the customer's other payments: was the same meant to be paid twice?",
        "If it was, retry this payment: it goes in another batch.",
    ),
    "TRANSACTION_LIMIT_EXCEEDED": explained(
        "It is more than PayPal allows for one payment of this kind.",
        "Have PayPal raise the limit of our account, or request smaller payments.",
    ),
    "ZERO_AMOUNT": explained(
        "PayPal does not accept the amount.",
        "Compare the amount with what was meant, and request a new payment.",
    ),
    "CURRENCY_COMPLIANCE": explained(
        "Rules about the currency forbid this payment.",
        "Request it in another currency, or by another method.",
    ),
    "REGULATORY_PENDING": explained("PayPal checks it against regulations.", *_WAIT),
    "REGULATORY_BLOCKED": explained(
        "Regulations (such as sanctions) forbid this payment. PayPal may have kept the money.",
        "Ask PayPal's support, with the item's id below, where the money is.",
        "Do not pay this payee by another method before your compliance officer agrees.",
    ),
    "RISK_DECLINE": explained(
        "PayPal has declined it because its checks find it risky, and does not say why.",
        "Ask PayPal's support, with the item's id below, whether our account or the payee's is "
        "the reason.",
        "Make sure that the payee's address is right before the payment is retried.",
    ),
    "TRANSACTION_DECLINED_BY_TRAVEL_RULE": explained(
        "Rules about what has to be known of a sender and a payee (the travel rule) forbid it.",
        *_ASK_PAYPAL,
    ),
    "INTERNAL_ERROR": explained(
        "PayPal has failed, and not paid.",
        "Retry the payment. If that fails too, ask PayPal's support.",
    ),
    "UNDEFINED": explained(
        "PayPal has not paid, and gives no reason.",
        "Retry the payment. If that fails too, ask PayPal's support, with the item's id below.",
    ),
    # --- Errors of an item: our own account
    "ACCOUNT_RESTRICTED": explained("PayPal has restricted our account.", *_OUR_ACCOUNT),
    "ACCOUNT_UNCONFIRMED_EMAIL": explained(
        "The e-mail address of our PayPal account is not confirmed.", *_OUR_ACCOUNT
    ),
    "APPROVER_DENIED": explained(
        "Somebody has rejected it in our PayPal account.",
        "Ask who approves payouts there why, and retry the payment if it is wanted.",
    ),
    "GAMER_FAILED_FUNDING_SOURCE_CHECK": explained(
        "What funds our PayPal account may not be used for gaming payments.", *_OUR_ACCOUNT
    ),
    "GAMING_INVALID_PAYMENT_FLOW": explained(
        "A gaming account such as ours may not make this kind of payment.", *_OUR_ACCOUNT
    ),
    "INSUFFICIENT_FUNDS": explained("Our PayPal balance did not cover it.", *_FUNDS),
    "NEGATIVE_BALANCE": explained("Our PayPal balance did not cover it.", *_FUNDS),
    "NON_HOLDING_CURRENCY": explained(
        "Our PayPal account has no balance in this currency.",
        "Open a balance in this currency in our PayPal account, and add funds.",
        "Then retry the payment.",
    ),
    "POS_LIMIT_EXCEEDED": explained(
        "Our PayPal account has reached a spending limit.", *_OUR_ACCOUNT
    ),
    "REFUSED_ACTION_DENIED": explained("Our PayPal account may not send money.", *_OUR_ACCOUNT),
    "SENDER_ACCOUNT_LOCKED": explained(
        "Our PayPal account is locked or not in use.", *_OUR_ACCOUNT
    ),
    "SENDER_STATE_RESTRICTED": explained(
        "The address of our PayPal account is in a state from which PayPal does not pay out.",
        *_OUR_ACCOUNT,
    ),
    "SPENDING_LIMIT_EXCEEDED": explained(
        "Our PayPal account has reached its spending limit.", *_OUR_ACCOUNT
    ),
    "USER_COUNTRY_NOT_ALLOWED": explained(
        "PayPal does not pay out from the country of our account.", *_OUR_ACCOUNT
    ),
    "USER_FUNDING_SOURCE_INELIGIBLE": explained(
        "What funds our PayPal account may not be used for payouts.", *_OUR_ACCOUNT
    ),
    # --- Refusals of a batch (`tables.ERRORS`), which name no code of an item
    "VALIDATION_ERROR": explained(
        "PayPal has refused the content of this payment, and done nothing: its words stand above.",
        "Look at the address, the amount and the note to the payee; mend what the words name.",
        "Then retry the payment.",
    ),
    "INVALID_REQUEST": explained(
        "PayPal has refused the form of this payment, and done nothing.",
        "Look for what is unusual in it, such as characters of the note to the payee; then retry.",
        "If others fail likewise, tell whoever runs the service.",
    ),
    "REQUEST_ENTITY_TOO_LARGE": explained(
        "The request to PayPal was too large, and PayPal has done nothing.",
        "Retry the payment; if it fails again, tell whoever runs the service.",
    ),
    # --- Statuses without an error
    "batch DENIED": explained(
        "PayPal has denied the whole batch, and processed none of it.", *_OUR_ACCOUNT
    ),
    "FAILED": explained("PayPal has not paid, and gives no reason.", *_ASK_PAYPAL),
    "DENIED": explained("PayPal has denied the payment, and deducted nothing.", *_ASK_PAYPAL),
    "BLOCKED": explained(
        "PayPal has blocked the payment. It publishes neither whether that is final, nor where "
        "the money is.",
        "Ask PayPal's support, with the item's id below, and do not pay again meanwhile.",
    ),
    "ONHOLD": explained("PayPal reviews the payment.", *_WAIT),
    "ON_HOLD": explained("PayPal reviews the payment.", *_WAIT),
    "PENDING": explained("PayPal has the payment, and will process it.", *_WAIT),
    "NEW": explained("PayPal has the payment, and will process it.", *_WAIT),
    "UNCLAIMED": explained(
        "The payee has no PayPal account under this address. PayPal has written to them how to "
        "open one; money that nobody claims within 30 days comes back.",
        "Ask the payee to look for PayPal's mail, and to open an account with this address or to "
        "add the address to theirs.",
        "To have the money back sooner, cancel the payment.",
    ),
    "RETURNED": explained(
        "Nobody claimed the money, or the payment was cancelled: it is back in our account.",
        *_OTHER_ADDRESS,
    ),
    "REFUNDED": explained(
        "The payee has sent the money back to our account.",
        "Ask the payee why before the payment is retried.",
    ),
    "REVERSED": explained("The payment was reversed: the money is back.", *_ASK_PAYPAL),
}
