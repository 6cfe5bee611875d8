"""Kinds of difference that reconciliation can find, and what an operator should do about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paymentapp.models.payments import PaymentKey
from paymentapp.services.payees import PayeeDisplay


class DiscrepancyKind(StrEnum):
    """How our records and the provider's can differ."""

    # Of one payment and its item
    BEHIND = "behind"
    STATUS = "status"
    AMOUNT = "amount"
    CURRENCY = "currency"
    RECEIVER = "receiver"
    TRANSACTION = "transaction"
    # Ours without theirs
    NOT_LISTED = "not-listed"
    UNKNOWN_BATCH = "unknown-batch"
    PENDING = "pending"
    NOT_DUE = "not-due"
    STUCK = "stuck"
    PARKED = "parked"
    # Theirs without ours
    NOT_A_MEMBER = "not-a-member"
    NOT_OURS = "not-ours"
    PAID_AGAIN = "paid-again"
    UNEXPECTED = "unexpected"
    # Within our own records
    NO_PAYMENT = "no-payment"
    ELSEWHERE = "elsewhere"
    NO_BATCH = "no-batch"
    NOT_IN_BATCH = "not-in-batch"


ADVICE: Mapping[DiscrepancyKind, str] = {
    DiscrepancyKind.BEHIND: (
        "The provider is ahead. --repair moves the payment forward by the provider's own report; "
        "so does the next poll of the batch, as long as it is polled."
    ),
    DiscrepancyKind.STATUS: (
        "The two contradict each other, and no legal transition leads from ours to theirs. Look "
        "the item up at the provider; whoever relied on our status may have to be informed."
    ),
    DiscrepancyKind.AMOUNT: (
        "Another amount was paid than was requested. Find out who changed it and where; send "
        "nothing before that is known."
    ),
    DiscrepancyKind.CURRENCY: (
        "It was paid in another currency than was requested. Proceed as for an amount."
    ),
    DiscrepancyKind.RECEIVER: (
        "It went to another payee than was requested. Ask the provider to hold it."
    ),
    DiscrepancyKind.TRANSACTION: (
        "The item has another transaction than the one on record. Look both up: one of them may be "
        "a second payment."
    ),
    DiscrepancyKind.NOT_LISTED: (
        "The provider accepted the batch and does not list this payment in it. Ask the provider "
        "what became of it; do not request it again before they say that it was not paid."
    ),
    DiscrepancyKind.UNKNOWN_BATCH: (
        "The provider does not know the batch under the reference on record: it is too old, or the "
        "credentials belong to another account. Check the provider's activity report."
    ),
    DiscrepancyKind.PENDING: (
        "Accepted, and in no batch for over an hour. See /v1/api/readiness and the log: no "
        "dispatcher runs, or the provider's calls fail."
    ),
    DiscrepancyKind.NOT_DUE: (
        "Pending, but without a due mark, so that no dispatcher will find it. This must not "
        "happen: report it with the payment's history (`paymentapp audit show`)."
    ),
    DiscrepancyKind.STUCK: (
        "The batch has made no progress for over an hour. See /v1/api/readiness and the log: no "
        "dispatcher runs, or the provider's calls fail."
    ),
    DiscrepancyKind.PARKED: (
        "It is not sent again until an operator has decided what became of it; OURS shows its last "
        "error. See `paymentapp parked list --ask`."
    ),
    DiscrepancyKind.NOT_A_MEMBER: (
        "The provider's batch has an item that is not a member here. Was the database restored "
        "from an older copy? Do not dispatch before that is known."
    ),
    DiscrepancyKind.NOT_OURS: (
        "Money left the account for no payment on record: another program's payout, or a payment "
        "of a database that was lost. Find out which before anything is paid again."
    ),
    DiscrepancyKind.PAID_AGAIN: (
        "There are two transactions for one payment. Look both up: the recipient may have been "
        "paid twice."
    ),
    DiscrepancyKind.UNEXPECTED: (
        "Money left the account for a payment that was not paid by our record. Make sure that "
        "nobody pays it a second time."
    ),
    DiscrepancyKind.NO_PAYMENT: (
        "The batch lists a payment that is not on record. Was the database restored from an older "
        "copy?"
    ),
    DiscrepancyKind.ELSEWHERE: (
        "The batch was sent with a payment that points at another batch: both may have paid it. "
        "Look it up at the provider under both."
    ),
    DiscrepancyKind.NO_BATCH: (
        "The payment points at a batch that is not on record. Was the database restored from an "
        "older copy? Look it up at the provider by the payment's item id."
    ),
    DiscrepancyKind.NOT_IN_BATCH: (
        "The payment points at a batch that does not list it, so it is not polled. Look it up at "
        "the provider by the payment's item id."
    ),
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference. No text in it contains an unmasked e-mail address."""

    kind: DiscrepancyKind
    ours: str = ""
    theirs: str = ""
    payment: PaymentKey | None = None
    item_id: str | None = None  # the provider's item, where it is no payment of ours
    batch_id: str | None = None
    payee: PayeeDisplay | None = None  # of the payment, where there is one
    repaired: bool = False
