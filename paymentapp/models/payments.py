"""Payments: their statuses, the legal transitions, and their history."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.clock import from_text, to_text
from paymentapp.models.approvals import Approval, RequiredApproval, valid
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts
from paymentapp.models.item_ids import item_id_of, key_of
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision
from paymentapp.models.settled import NOT_SETTLED, Settled

_CODE = re.compile(r"[A-Z0-9_]{2,}(-[0-9a-f]+)?")  # of a provider's reason, or a batch id
_MICROSECOND = timedelta(microseconds=1)


class Status(StrEnum):
    """The status of a payment."""

    AWAITING_APPROVAL = "awaiting_approval"  # accepted and durable; leaves once it is approved
    PENDING = "pending"  # accepted and durable, in no batch
    SUBMITTING = "submitting"  # in a batch whose outcome at the provider is not yet known
    SUBMITTED = "submitted"  # the provider has it
    UNCLAIMED = "unclaimed"  # the provider holds it for a recipient without an account
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the provider said that it did not and will not pay
    RETURNED = "returned"  # the money came back
    CANCELLED = "cancelled"
    REJECTED = "rejected"  # it was not approved, and never left


_RANK = {
    Status.AWAITING_APPROVAL: -1,
    Status.PENDING: 0,
    Status.SUBMITTING: 1,
    Status.SUBMITTED: 2,
    Status.UNCLAIMED: 3,
    Status.SUCCEEDED: 4,
    Status.FAILED: 4,
    Status.RETURNED: 4,
    Status.CANCELLED: 4,
    Status.REJECTED: 4,
}
_BACKWARD = {
    (Status.SUCCEEDED, Status.RETURNED),
    (Status.SUBMITTING, Status.PENDING),
    (Status.PENDING, Status.AWAITING_APPROVAL),
}
FINAL = frozenset(s for s, rank in _RANK.items() if rank == 4)
UNSENT = frozenset({Status.AWAITING_APPROVAL, Status.PENDING})  # in no batch
# Certainly unpaid, and not as asked.
RETRYABLE = frozenset({Status.FAILED, Status.RETURNED, Status.REJECTED})
# No money has left, or it has come back.
UNPAID = frozenset({Status.FAILED, Status.RETURNED, Status.CANCELLED, Status.REJECTED})


def can_transition(old: Status, new: Status) -> bool:
    """Return whether a payment may go from `old` to `new`.

    Forward by rank; from `succeeded` to `returned`, because banks take money back; from
    `submitting` to `pending`, where a batch has certainly not reached its provider; and from
    `pending` to `awaiting_approval`, where an approval is void. What awaits approval enters no
    batch, and nothing else is rejected. A provider's report is believed all the same: what was
    paid is shown as paid, however that came about.
    """
    if old is Status.AWAITING_APPROVAL and new is Status.SUBMITTING:
        return False
    if new is Status.REJECTED:
        return old is Status.AWAITING_APPROVAL
    return (old, new) in _BACKWARD or _RANK[old] < _RANK[new]


class Cause(StrEnum):
    """What caused a transition of a payment."""

    REQUEST = "request"
    DISPATCH = "dispatch"
    POLL = "poll"
    WEBHOOK = "webhook"
    PERSON = "person"


class Transition(NamedTuple):
    """One line of a payment's history."""

    at: datetime
    status: Status
    cause: Cause
    reference: str = ""  # the batch, the provider's item, or the reason
    by: str = ""  # the client or the operator who caused it; empty: the service itself


class PaymentKey(NamedTuple):
    """The primary key of a disbursement."""

    customer_id: str
    payment_id: str

    @classmethod
    def of(cls, item_id: str) -> PaymentKey:
        """Return the key of the payment of an item id. Raises ValueError where it has none."""
        return cls(*key_of(item_id))

    @classmethod
    def find(cls, item_id: str) -> PaymentKey | None:
        """Return the key of the payment of an item id, None where it has none."""
        try:
            return cls.of(item_id)
        except ValueError:
            return None

    @property
    def item_id(self) -> str:
        """Return the payment's id at its provider."""
        return item_id_of(*self)


class PaymentChanges(TypedDict, total=False):
    """What may change in a payment, besides its status and history: see `Payment.moved`."""

    payment_method: str
    due_at: datetime | None
    batch_id: str | None
    provider_item_id: str | None
    transaction_id: str | None
    provider_status: str | None
    reason: str | None
    isolated: bool
    cancel_requested: bool
    destination: str | None
    route: str | None
    tried_methods: tuple[str, ...]
    retried_by: str | None
    approvals: tuple[Approval, ...]
    settled: Settled


@dataclass(frozen=True, slots=True)
class Payment:
    """One disbursement; every change makes a new version with a new `revision`."""

    customer_id: str
    payment_id: str  # `clock.to_text` of the time of the request, unique for the customer
    money: Money
    payment_method: str
    email: str
    status: Status
    history: tuple[Transition, ...]
    request_id: str  # tells this request from another one with the same payment id
    revision: str
    due_at: datetime | None = None  # when the dispatcher has to act; None: it need not
    due_shard: int = 0
    batch_id: str | None = None
    provider_item_id: str | None = None
    transaction_id: str | None = None
    provider_status: str | None = None  # the provider's last status, in our table or not
    reason: str | None = None  # of a failure or a return, in the provider's words
    isolated: bool = False  # sent in a batch of its own: it may be why a batch was refused
    cancel_requested: bool = False
    destination: str | None = field(default=None, repr=False)  # None: the e-mail
    route: str | None = None  # why the service chose the method; None: the caller did
    tried_methods: tuple[str, ...] = ()  # methods whose providers said that they did nothing
    scheduled_at: datetime | None = None  # leaves at this time or later; None: as soon as it can
    retry_of: str | None = None  # id of the payment of the same customer that it retries
    retried_by: str | None = None  # id of its retry; written before the retry itself
    approval: RequiredApproval | None = None  # None: no rule covers it
    approvals: tuple[Approval, ...] = ()  # oldest first, with those that are void
    charges: tuple[str, ...] = ()  # counters of limits that it was counted in, each with the slot
    texts: CallerTexts = NO_TEXTS  # the caller's own; they never change
    settled: Settled = NOT_SETTLED
    erased_at: datetime | None = None  # when all that is personal was removed
    bulk_id: str | None = None  # the bulk run that it is of; None: a request of its own
    # Of the request, where traces were on; until the payment moves on from a final status.
    traceparent: str | None = None

    @property
    def key(self) -> PaymentKey:
        """Return the primary key."""
        return PaymentKey(self.customer_id, self.payment_id)

    @property
    def is_erased(self) -> bool:
        """Return whether nothing of the payee is left."""
        return self.erased_at is not None

    @property
    def batch_ids(self) -> list[str]:
        """Return the ids of the batches that it was in, in their order, the present one last."""
        ids = [line.reference for line in self.history if line.status is Status.SUBMITTING]
        return list(dict.fromkeys(filter(None, [*ids, self.batch_id])))

    @property
    def payee(self) -> str:
        """Return the payee, as the provider identifies them."""
        return self.destination or self.email

    @property
    def created_at(self) -> datetime:
        """Return the time of the request."""
        return from_text(self.payment_id)

    @property
    def created_by(self) -> str | None:
        """Return the client that requested the payment; None where none is on record."""
        return self.history[0].by or None

    @property
    def updated_at(self) -> datetime:
        """Return the time of the last transition."""
        return self.history[-1].at

    @property
    def approval_rule(self) -> str | None:
        """Return the rule that makes the payment need approval; None where none covers it."""
        return self.approval.rule if self.approval else None

    @property
    def approvals_needed(self) -> int:
        """Return how many approvals the payment needs in all."""
        return self.approval.approvers if self.approval else 0

    @property
    def is_approved(self) -> bool:
        """Return whether the payment has the approvals that it needs, if it needs any."""
        return len(valid(self.approvals)) >= self.approvals_needed

    @property
    def is_to_be_taken_back(self) -> bool:
        """Return whether the provider still has to be asked to cancel the payment."""
        return self.cancel_requested and self.status in {Status.SUBMITTED, Status.UNCLAIMED}

    def moved(
        self,
        status: Status,
        at: datetime,
        cause: Cause,
        reference: str = "",
        by: str = "",
        **changes: Unpack[PaymentChanges],
    ) -> Payment:
        """Return the next version, with one more line of history.

        What returns does so days later, which a trace is not made for: it no longer belongs to
        that of its request, so that its record stays small. Raises ValueError where the transition
        is not legal (see `can_transition`).
        """
        if not can_transition(self.status, status):
            raise ValueError(f"a payment cannot go from {self.status} to {status}")
        history = (*self.history, Transition(at, status, cause, reference, by))
        traceparent = None if self.status in FINAL else self.traceparent
        return replace(
            self,
            status=status,
            history=history,
            traceparent=traceparent,
            revision=new_revision(),
            **changes,
        )

    def changed(self, **changes: Unpack[PaymentChanges]) -> Payment:
        """Return the next version with the same status."""
        return replace(self, revision=new_revision(), **changes)

    def erased(self, at: datetime) -> Payment:
        """Return the payment without what is personal, and without people's words.

        Amount, times, statuses, ids, codes of providers and who acted stay: they are the audit.
        """
        return replace(
            self,
            email="",
            destination=None,
            texts=NO_TEXTS,
            reason=code_of(self.reason or "") or None,
            history=tuple(map(self._without_words, self.history)),
            approvals=tuple(each._replace(note="", payee_version="") for each in self.approvals),
            erased_at=at,
            revision=new_revision(),
        )

    def _without_words(self, line: Transition) -> Transition:
        """Return a line with its ids and the service's own words; of a reason only the code."""
        text = line.reference
        known = {self.batch_id, self.provider_item_id, self.transaction_id}
        own = line.status in UNSENT and line.cause is not Cause.DISPATCH
        if text in known or line.status is Status.SUBMITTING or own:
            return line
        return line._replace(reference="" if line.cause is Cause.PERSON else code_of(text))


def code_of(reason: str) -> str:
    """Return the code with which a provider's reason begins, or the id that it is; else nothing.

    >>> code_of("R02 Account closed"), code_of("account_closed: The account has been closed")
    ('R02', 'account_closed')
    """
    first, _, words = reason.partition(" ")
    code = first.removesuffix(":")
    is_code = not words or first.endswith(":") or _CODE.fullmatch(code)
    return code if is_code and "@" not in code else ""


def next_payment_id(payment_id: str) -> str:
    """Return the id one microsecond later, for two requests in the same microsecond."""
    return to_text(from_text(payment_id) + _MICROSECOND)
