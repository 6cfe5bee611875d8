"""What reconciliation can find: the kinds of difference, and what a person should do about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paymentapp.models.payments import PaymentKey


class DiscrepancyKind(StrEnum):
    """How what is on record here and what the provider says can differ."""

    # Of one payment, by its item
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
        "The provider is further on. --repair moves the payment on by the provider's own report; "
        "the next look at the batch would, too, as long as there is one."
    ),
    DiscrepancyKind.STATUS: (
        "The two contradict each other, and no legal move leads from ours to theirs. Look the item "
        "up at the provider; whoever was told our status may have to be told another."
    ),
    DiscrepancyKind.AMOUNT: (
        "Another amount was paid than was asked for. Find out who changed it where; send nothing "
        "before that is known."
    ),
    DiscrepancyKind.CURRENCY: (
        "It was paid in another currency than was asked for. As for an amount."
    ),
    DiscrepancyKind.RECEIVER: (
        "It went to another address than was asked for. Ask the provider to hold it."
    ),
    DiscrepancyKind.TRANSACTION: (
        "The item has another transaction than the one on record. Look both up: one of them may be "
        "a second payment."
    ),
    DiscrepancyKind.NOT_LISTED: (
        "The provider took the batch and does not list this payment in it. Ask the provider what "
        "became of it; do not ask for it again before they say that it was not paid."
    ),
    DiscrepancyKind.UNKNOWN_BATCH: (
        "The provider does not know the batch under the reference on record: it is too old, or the "
        "credentials are another account's. Look into its activity report."
    ),
    DiscrepancyKind.PENDING: (
        "Accepted, and in no batch for over an hour. See /readyz and the log: no dispatcher runs, "
        "or the provider's calls fail."
    ),
    DiscrepancyKind.NOT_DUE: (
        "Pending, but without a due mark, so that no dispatcher will find it. This must not "
        "happen: report it with the payment's history (`paymentapp audit show`)."
    ),
    DiscrepancyKind.STUCK: (
        "The batch has made no step for over an hour. See /readyz and the log: no dispatcher runs, "
        "or the provider's calls fail."
    ),
    DiscrepancyKind.PARKED: (
        "It is sent no more until a person has found out what became of it; OURS has its last "
        "error. Decide: `paymentapp parked list --ask`."
    ),
    DiscrepancyKind.NOT_A_MEMBER: (
        "The provider's batch holds an item that is none of its members here. Restored from an "
        "older copy? Do not dispatch before that is known."
    ),
    DiscrepancyKind.NOT_OURS: (
        "Money left the account for no payment on record: somebody else's payout, or a payment of "
        "a database that was lost. Find out which before anything is paid again."
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
        "The batch lists a payment that is not on record. Restored from an older copy?"
    ),
    DiscrepancyKind.ELSEWHERE: (
        "The batch was sent with a payment that names another batch: it may have been paid by "
        "both. Look it up at the provider under both."
    ),
    DiscrepancyKind.NO_BATCH: (
        "The payment names a batch that is not on record. Restored from an older copy? Look it up "
        "at the provider by the payment's item id."
    ),
    DiscrepancyKind.NOT_IN_BATCH: (
        "The payment names a batch that does not list it, so nothing follows it. Look it up at the "
        "provider by the payment's item id."
    ),
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that does not agree. No text in it holds an e-mail address that is not masked."""

    kind: DiscrepancyKind
    ours: str = ""
    theirs: str = ""
    payment: PaymentKey | None = None
    item_id: str | None = None  # where it names no payment of ours
    batch_id: str | None = None
    repaired: bool = False
