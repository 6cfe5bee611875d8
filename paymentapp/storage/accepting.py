"""The part of the store interface that accepts payments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from paymentapp.errors import PaymentAppError
from paymentapp.models.customers import Customer
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import Payment
from paymentapp.storage.changes import Acceptance, AcceptResult


class PaymentContext(NamedTuple):
    """What is on record when a payment is requested: the customer, and uses of its key by hash."""

    customer: Customer | None
    idempotency_records: dict[str, IdempotencyRecord]


Decide = Callable[[PaymentContext], Acceptance | None]


class Attempt(NamedTuple):
    """What `accept_at_once` has read, and what it has accepted: None where it did not try."""

    context: PaymentContext
    acceptance: Acceptance | None = None
    result: AcceptResult | None = None


class AcceptRequest(NamedTuple):
    """One of several payments to accept at once; the arguments of `accept_at_once`."""

    customer_id: str
    key_hashes: Sequence[str]
    decide: Decide


def contexts_of(
    requests: Sequence[AcceptRequest],
    customers: Mapping[str, Customer],
    records: Mapping[str, IdempotencyRecord],
) -> Iterator[PaymentContext]:
    """Yield what is on record for each request, of what was read for all: by id, and by hash."""
    for each in requests:
        known = {name: records[name] for name in each.key_hashes if name in records}
        yield PaymentContext(customers.get(each.customer_id), known)


def decided_alone(request: AcceptRequest, context: PaymentContext) -> Acceptance | None:
    """Return the acceptance of a payment that is written with its new key alone, else None."""
    try:
        acceptance = request.decide(context)
    except PaymentAppError:
        return None
    return acceptance if acceptance is not None and acceptance.is_alone else None


class AcceptingStore(Protocol):
    """Accepts payments; see `Store` for what holds for each call."""

    def accept_at_once(
        self, customer_id: str, key_hashes: Sequence[str], decide: Decide
    ) -> Attempt:
        """Read as `read_for_payment` does, and accept what `decide` makes of it.

        Both are one transaction: what was read still holds when the payment is stored. `decide`
        returns None for a payment that takes more than that, and what it raises is raised. It must
        neither call the store nor wait: no other write goes on meanwhile. Raises what `accept`
        raises; nothing is stored then.

        An engine without such transactions only reads. The caller then decides and accepts itself.
        """

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        """Accept several payments by few calls, each as `accept_at_once` does and by itself.

        Returns, in their order, the payments that this call has stored. None stands for a payment
        that takes more than that, for one that is refused, by what `decide` raises or by what is
        counted, and for one whose id or key another request has: accept it by itself. At most its
        key is bound then. Raises StoreUnavailable: any of the payments may be stored.
        """

    def read_for_payment(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        """Return a customer and the records of up to two idempotency keys, by one consistent read.

        Records that do not exist are left out.
        """

    def bind_key(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Bind a key that gets no payment; return what is then stored for it, None for nothing.

        `replaces` is the key's record as it was read: None, where there was none.
        """

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Store a new payment, and the record of its key, if each is conditionally possible.

        No payment is written whose key is not bound to it. An engine without transactions writes
        the record first: a crash may leave it without its payment, which the caller's retry then
        adds. Where another payment has the id, the record stays: accept again under another id,
        with a record that replaces it.

        A payment that is added is counted, and takes its reference, by the same write. Where a
        charge does not fit, the check for duplicates does not pass, or another payment has the
        reference, LimitReached, DuplicateFound or ReferenceTaken is raised, and no payment is
        written; one that is stored already is returned, and counts once.
        """
