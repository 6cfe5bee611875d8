"""Rows of bulk runs: checked, or made payments, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paymentapp.clock import Clock
from paymentapp.errors import Conflict, KeyRefused, NotFound, NotPayable, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.bulk import BulkRow, BulkRun, RowOutcome, RowProblem, row_key
from paymentapp.models.customers import Customer
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.idempotency import IdempotencyRecord, key_hashes
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.references import ReferenceUsed
from paymentapp.services.bulk.many_payments import KeyedOrder, request_many
from paymentapp.services.new_payments import new_payment, new_record
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import IN_PROGRESS, Payments
from paymentapp.services.routing import FIRST_METHOD, Route
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.contention import MAX_TRIES, tries

# What would do, where a refusal of a single request does not say it.
_REMEDIES = {
    "customer_id": "Register the customer, or correct the id; spreadsheets drop leading zeros.",
    "email": "Write the e-mail that the customer is registered with, or change the customer's.",
}
Refusal = NotFound | NotPayable | LimitExceeded | PossibleDuplicate | ReferenceUsed | Conflict
REFUSALS = (NotFound, NotPayable, LimitExceeded, PossibleDuplicate, ReferenceUsed, Conflict)


@dataclass(frozen=True, slots=True)
class BulkRows:
    """Checks rows, and makes them payments."""

    store: Store
    payments: Payments
    clock: Clock

    def check_many(self, run: BulkRun, rows: Sequence[BulkRow]) -> list[RowOutcome]:
        """Return which rows could be paid now. Writes nothing. Raises StoreUnavailable."""
        customers = self.store.get_customers([row.customer_id for row in rows if is_fine(row)])
        return [self._checked(run, row, customers.get(row.customer_id)) for row in rows]

    def _checked(self, run: BulkRun, row: BulkRow, customer: Customer | None) -> RowOutcome:
        if not is_fine(row):
            return _refused(row, row.problems)
        if customer is None and run.registers:
            customer = Customer(row.customer_id, row.email, self.clock(), {})
        try:
            self.payments.check(order_of(run, row), customer, maker_of(run))
        except REFUSALS as error:
            return _refused(row, (problem_of(error),))
        return RowOutcome(row.line, row.customer_id)

    def accept_many(self, run: BulkRun, rows: Sequence[BulkRow]) -> list[RowOutcome | None]:
        """Make rows payments by few calls of the store, those that can be, each as `accept` does.

        None stands for a row that takes more than that: `accept` it. Raises StoreUnavailable.
        """
        fine = [row for row in rows if is_fine(row)]
        wanted = [KeyedOrder(order_of(run, row), row_key(run.bulk_id, row.line)) for row in fine]
        stored = request_many(self.payments, wanted, maker_of(run)) if wanted else []
        paid = {
            row.line: RowOutcome(row.line, row.customer_id, payment.payment_id)
            for row, payment in zip(fine, stored, strict=True)
            if payment is not None
        }
        return [paid.get(row.line) if is_fine(row) else _refused(row, row.problems) for row in rows]

    def accept(self, run: BulkRun, row: BulkRow) -> RowOutcome:
        """Make a row a payment, or refuse it for good: the same one, however often it is called.

        The row's key decides: of a payment and a refusal under it one is stored, and whoever comes
        later gets that one. Raises StoreUnavailable.
        """
        if not is_fine(row):
            return _refused(row, row.problems)
        order, maker = order_of(run, row), maker_of(run)
        key = row_key(run.bulk_id, row.line)
        try:
            payment = self._requested(run, order, key, maker)
        except KeyRefused as refused:
            return _refused(row, (_read_problem(str(refused)),))
        except REFUSALS as error:
            return self._refuse(row, order, key, problem_of(error), maker)
        return RowOutcome(row.line, row.customer_id, payment.payment_id)

    def _requested(self, run: BulkRun, order: PaymentOrder, key: str, by: Actor) -> Payment:
        """Request a row's payment; register its customer where the run does so.

        Raises what `Payments.request` raises, and Conflict where another row has registered the
        customer with another e-mail.
        """
        try:
            return self.payments.request(order, key, by).payment
        except NotFound:
            if not run.registers:
                raise
        self.payments.customers.register(order.customer_id, order.email, {}, by)
        return self.payments.request(order, key, by).payment

    def refuse(self, run: BulkRun, row: BulkRow, problem: RowProblem) -> RowOutcome:
        """Refuse a row for good; return its payment, if it has one. Raises StoreUnavailable."""
        if not is_fine(row):
            return _refused(row, row.problems)
        key = row_key(run.bulk_id, row.line)
        return self._refuse(row, order_of(run, row), key, problem, maker_of(run))

    def _refuse(
        self, row: BulkRow, order: PaymentOrder, key: str, problem: RowProblem, by: Actor
    ) -> RowOutcome:
        """Bind the row's key to the refusal, unless it has a payment or another refusal.

        One that is bound to a payment that is missing gets it now, cancelled.
        """
        key_hash = key_hashes(key, by.name)[0]
        for _ in tries():
            context = self.store.read_for_payment(order.customer_id, [key_hash])
            bound = context.idempotency_records.get(key_hash)
            if bound is not None:
                outcome = self._bound_outcome(row, bound)
                outcome = outcome or self._fenced(row, order, bound, problem, by)
                if outcome is not None:
                    return outcome
            record = new_record(order, key_hash, self.clock())
            record = replace(record, refusal=f"{problem.column}\n{problem.message}")
            stored = self.store.bind_key(record, bound)
            if stored is not None and stored.revision == record.revision:
                return _refused(row, (problem,))
        raise StoreUnavailable(f"a row's key was bound {MAX_TRIES} times meanwhile")

    def _bound_outcome(self, row: BulkRow, bound: IdempotencyRecord) -> RowOutcome | None:
        """Return what a row's key stands for; None where a crash has left it without a payment.

        Raises StoreUnavailable while a request that has bound it may still make its payment.
        """
        if bound.refusal is not None:
            return _refused(row, (_read_problem(bound.refusal),))
        payment = self.store.get_payment(PaymentKey(bound.customer_id, bound.payment_id))
        if payment is not None and payment.request_id == bound.request_id:
            return RowOutcome(row.line, row.customer_id, payment.payment_id)
        if self.clock() < bound.claimed_at + IN_PROGRESS:
            raise StoreUnavailable("a payment of this row is being stored")
        return None

    def _fenced(
        self,
        row: BulkRow,
        order: PaymentOrder,
        bound: IdempotencyRecord,
        problem: RowProblem,
        by: Actor,
    ) -> RowOutcome | None:
        """Store the payment that a row's key is bound to as one that is cancelled.

        A process may be suspended, for however long, between the two writes of DynamoDB: it then
        finds this one under the payment's id, and cannot pay a row that was refused meanwhile.
        Returns None where the key is bound otherwise by now, or its id is another payment's.
        """
        now, route = self.clock(), Route(order.payment_method or FIRST_METHOD, None, None)
        payment = new_payment(
            order, route, bound, by.name, now, now, self.payments.due_shards
        ).moved(Status.CANCELLED, now, Cause.REQUEST, problem.message[:100], due_at=None)
        stored = self.store.accept(Acceptance(payment, bound, bound)).payment
        if stored is None or stored.request_id != bound.request_id:
            return None
        return RowOutcome(row.line, row.customer_id, stored.payment_id)


def is_fine(row: BulkRow) -> bool:
    """Return whether a row asks for a payment: whether that one may be made is another question."""
    return row.money is not None and not row.problems


def order_of(run: BulkRun, row: BulkRow) -> PaymentOrder:
    """Return what a row without problems asks for."""
    if row.money is None:
        raise ValueError("a row without an amount asks for nothing")
    return PaymentOrder(
        row.customer_id,
        row.email,
        row.money,
        row.payment_method,
        row.scheduled_at,
        allow_duplicate=row.allow_duplicate,
        texts=row.texts,
        bulk_id=run.bulk_id,
    )


def maker_of(run: BulkRun) -> Actor:
    """Return the client that asked for a run; what it may do was checked then."""
    return Actor(run.created_by, run.identities, frozenset())


def problem_of(error: Refusal) -> RowProblem:
    """Return the problem of a row that is refused: which column, why, and what would do."""
    column = _column_of(error)
    message, remedy = str(error), _REMEDIES.get(column, "")
    return RowProblem(column, f"{message} {remedy}".rstrip())


def _column_of(error: Refusal) -> str:
    if isinstance(error, NotFound | Conflict):
        return "customer_id"
    if isinstance(error, NotPayable):
        return error.field
    if isinstance(error, LimitExceeded):
        return "amount"
    if isinstance(error, ReferenceUsed):
        return "reference"
    return ""


def _read_problem(refusal: str) -> RowProblem:
    column, _, message = refusal.partition("\n")
    return RowProblem(column, message)


def _refused(row: BulkRow, problems: tuple[RowProblem, ...]) -> RowOutcome:
    return RowOutcome(row.line, row.customer_id, None, problems)
