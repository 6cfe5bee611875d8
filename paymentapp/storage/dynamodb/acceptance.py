"""Accepting a payment in the DynamoDB store: its key's record, then itself."""

from __future__ import annotations

from collections.abc import Sequence

from paymentapp.errors import StoreUnavailable
from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.limits import LimitReached, LimitWindow, window_of
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.contention import MAX_TRIES, tries
from paymentapp.storage.dynamodb.limits import Count, DynamoDBLimits
from paymentapp.storage.dynamodb.list_entries import DynamoDBListEntries
from paymentapp.storage.dynamodb.records import add_request
from paymentapp.storage.dynamodb.references import DynamoDBReferences
from paymentapp.storage.dynamodb.transactions import Cancellation, Write, attempt


class DynamoDBAcceptance(DynamoDBListEntries, DynamoDBLimits, DynamoDBReferences):
    """The acceptance of payments."""

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Implement `Store.accept`: requests for the record, the list and the payment.

        A transaction would cost twice the units, for a state that a retry repairs. A payment that
        is counted is written in one with its counters, after a look whether there is room: so a
        refused request leaves no record, unless another one takes the room at the same moment.
        """
        payment, record, binding = acceptance.payment, acceptance.record, acceptance.binding
        counting: Sequence[Count] = ()
        if acceptance.is_counted:
            try:
                counting = self._counting_of(acceptance)
            except (LimitReached, DuplicateFound):
                other = self._bound_otherwise(acceptance)
                if other is None:
                    raise
                return AcceptResult(None, other)
        if binding is not None:
            bound = self.bind_key(binding, acceptance.replaces)
            if bound is None or bound.revision != binding.revision:
                return AcceptResult(None, bound)
        self._announce_payment(payment, acceptance.events)
        if counting:
            return AcceptResult(self._add_counted(acceptance, counting), record)
        older = self._add(self._disbursements, PaymentKey._fields, payment_record(payment))
        return AcceptResult(read_payment(older) if older else payment, record)

    def _bound_otherwise(self, acceptance: Acceptance) -> IdempotencyRecord | None:
        """Return the record of the key, if another request has bound it since it was read.

        What that one has counted may be why there is no room for this one, which is the same.
        """
        record, replaces = acceptance.record, acceptance.replaces
        if record is None:
            return None
        found = self._get(self._operations, {"pk": key_partition(record.key_hash), "sk": "claim"})
        bound = read_idempotency_record(record.key_hash, found) if found else None
        known = {each.revision for each in (record, replaces) if each}
        return bound if bound and bound.revision not in known else None

    def _add_counted(self, acceptance: Acceptance, counting: Sequence[Count]) -> Payment:
        """Add a payment with its counters, or return the one that has its key.

        Raises LimitReached, DuplicateFound, ReferenceTaken (which is one of the latter).
        """
        payment = acceptance.payment
        key, record = PaymentKey._fields, payment_record(payment)
        put: Write = {"Put": add_request(self._disbursements, key, record)}
        for _ in tries():
            cancelled = attempt(self._client(), [put, *(count.write for count in counting)])
            if cancelled is None:
                return payment
            if 0 in cancelled.failed:
                older = self._stored(
                    cancelled.failed[0], self._disbursements, payment.key._asdict()
                )
                return read_payment(older)
            self._note_contention(counting, cancelled)
            counting = self._counting_of(acceptance)
            if not counting:
                return self._existing(payment.key)
        raise StoreUnavailable(f"a counter of a limit was changed {MAX_TRIES} times meanwhile")

    def _note_contention(self, counting: Sequence[Count], cancelled: Cancellation) -> None:
        """Note at which counters another request was first.

        A condition that failed is none for a counter with a number: there its limit is reached.
        """
        for number, count in enumerate(counting, start=1):
            if not count.counter:
                continue
            rolls = window_of(count.counter) is LimitWindow.ROLLING
            if number in cancelled.busy or (rolls and number in cancelled.failed):
                self._contention.note(count.counter)

    def _counting_of(self, acceptance: Acceptance) -> Sequence[Count]:
        """Return the writes that count a payment; empty where it is stored already.

        Raises LimitReached, DuplicateFound, where the payment is not stored.
        """
        try:
            taking = self._taking(acceptance.reference, acceptance.payment.key)
            return [*self._counting(acceptance), *map(Count, taking)]
        except (LimitReached, DuplicateFound):
            if self._get(self._disbursements, acceptance.payment.key._asdict()) is None:
                raise
            return ()

    def _existing(self, key: PaymentKey) -> Payment:
        found = self._get(self._disbursements, key._asdict())
        if found is None:
            raise StoreUnavailable("a payment that was there no longer exists")
        return read_payment(found)

    def bind_key(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Implement `Store.bind_key`."""
        pk, new = key_partition(record.key_hash), idempotency_record(record)
        if replaces is None:
            found = self._add_operation(pk, "claim", new)
            return read_idempotency_record(record.key_hash, found) if found else record
        if self._change_operation(pk, "claim", idempotency_record(replaces), new):
            return record
        found = self._get(self._operations, {"pk": pk, "sk": "claim"})
        return read_idempotency_record(record.key_hash, found) if found else None
