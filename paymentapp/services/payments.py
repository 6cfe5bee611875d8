"""Payments: accept requests durably, show and cancel them. Nothing here calls a provider."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotFound, NotPayable, StoreUnavailable
from paymentapp.models.account_payments import AccountPage, AccountQuery
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.customers import Customer
from paymentapp.models.duplicates import DuplicateFound, PossibleDuplicate
from paymentapp.models.idempotency import IdempotencyRecord, key_hashes
from paymentapp.models.limits import LimitExceeded, LimitReached
from paymentapp.models.payments import FINAL, Payment, PaymentKey, Status, next_payment_id
from paymentapp.models.references import ReferenceUsed
from paymentapp.services.admission import Admission
from paymentapp.services.approval_rules import ApprovalRules
from paymentapp.services.approvals import awaiting, awaiting_for_limit
from paymentapp.services.bulk.periods import in_period_of_run
from paymentapp.services.cancellations import cancelled
from paymentapp.services.customers import NO_CUSTOMER, Customers
from paymentapp.services.makers import check_is_own, may_be_maker
from paymentapp.services.new_payments import new_payment, new_record
from paymentapp.services.payment_orders import PaymentOrder, check_same_body
from paymentapp.services.retry_links import link_retry
from paymentapp.services.routing import Route, Routes
from paymentapp.services.schedules import check_schedule, is_later
from paymentapp.services.stored_payments import stored_payment
from paymentapp.storage.accepting import PaymentContext
from paymentapp.storage.base import Page, PageQuery, Store
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange
from paymentapp.storage.contention import MAX_TRIES, tries

COLLISION_LIMIT = 1000  # payments of one customer in adjacent microseconds until a 503
CLAIM_TRIES = 5  # of binding an idempotency key, while other requests renew it
IN_PROGRESS = timedelta(seconds=60)  # a request takes less from its claim to its payment
WAIT_STEP = 0.05  # seconds between two reads while a caller waits


class Requested(NamedTuple):
    """The payment of a request, and whether an earlier request with this key had created it."""

    payment: Payment
    replayed: bool


class _KeyUse(NamedTuple):
    """The record of a key, expired or not, and the payment of one that is not."""

    record: IdempotencyRecord | None
    payment: Payment | None


@dataclass(frozen=True, slots=True)
class Payments:
    """Accept, show, list and cancel payments.

    `wake` is called with each payment that the dispatcher should process at once; it must not
    block.
    """

    store: Store
    customers: Customers
    routes: Routes
    approval_rules: ApprovalRules
    admission: Admission
    clock: Clock
    due_shards: int
    wake: Callable[[Payment], None]

    def request(
        self, order: PaymentOrder, idempotency_key: str | None = None, by: Actor = SYSTEM
    ) -> Requested:
        """Accept a payment: once this returns, it is stored durably and will be made.

        A retry under its key is answered with the payment before anything else is checked, since
        what was payable then may not be now. Raises NotPayable, NotFound (the customer),
        LimitExceeded, PossibleDuplicate, ReferenceUsed, KeyReused, StoreUnavailable. After
        StoreUnavailable the same request may be retried with its key.
        """
        hashes = key_hashes(idempotency_key, by.name) if idempotency_key is not None else ()
        (customer, records), accepted = self._at_once(order, hashes, by)
        if accepted is not None:
            self.wake(accepted)
            return Requested(accepted, replayed=False)
        found, earlier = self._key_use(hashes, records, by)
        if found is not None and not self._is_expired(found):
            check_same_body(order, found)
            if earlier is not None:
                return Requested(earlier, replayed=True)
        key_hash = found.key_hash if found is not None else next(iter(hashes), None)
        route = self._route(order, customer, found, by)
        requested = self._accept(order, route, key_hash, found, by)
        if not requested.replayed:
            self.wake(requested.payment)
        return requested

    def check(self, order: PaymentOrder, customer: Customer | None, by: Actor = SYSTEM) -> Route:
        """Return how an order would be paid now; limits in use are not looked at.

        Raises NotPayable, NotFound, as `request` would.
        """
        return self._route(order, customer, None, by)

    def get(self, key: PaymentKey) -> Payment:
        """Return a payment. Raises NotFound."""
        return stored_payment(self.store, key)

    def list(self, customer_id: str, query: PageQuery) -> Page:
        """Return a page of a customer's payments, newest first. Raises NotFound (the customer)."""
        self.customers.known(customer_id)
        return self.store.list_payments(customer_id, query)

    def list_account(self, query: AccountQuery) -> AccountPage:
        """Return a page of the payments of all customers, newest first."""
        return self.store.list_account_payments(in_period_of_run(query, self.store))

    def cancel(self, key: PaymentKey, by: Actor = SYSTEM) -> Payment:
        """Cancel a payment that has not been sent, or request the recall of one that has.

        A payment that has certainly not been sent is cancelled at once. For an unclaimed one, and
        one that its provider may still stop, the request is stored, and the dispatcher passes it
        to the provider. Raises NotFound, NotAllowed
        (another client's payment, without the right to hold payments), Conflict if it is too late,
        and StoreUnavailable where other writers win MAX_TRIES times in a row.
        """
        for _ in tries():
            payment = self.get(key)
            check_is_own(by, payment, "cancelled")
            if payment.status is Status.CANCELLED or payment.cancel_requested:
                return payment
            wanted = cancelled(self.store, self.routes.providers, payment, by, self.clock)
            if self.store.change_payments([PaymentChange(payment, wanted)])[0]:
                if wanted.cancel_requested:
                    self.wake(wanted)
                return wanted
        raise StoreUnavailable(f"the payment was changed {MAX_TRIES} times meanwhile")

    def wait(
        self, key: PaymentKey, seconds: float, pause: Callable[[float], object] | None = None
    ) -> Payment:
        """Return the payment once it has an outcome, or after `seconds`. Raises NotFound.

        `pause` waits for some seconds, and returns whether the process is to end: then so does
        this. `unclaimed` counts as an outcome, unless the payment is being recalled. A payment that
        awaits approval, or is scheduled for later than that, is returned at once.
        """
        end = time.monotonic() + seconds
        while True:
            payment = self.get(key)
            unclaimed = payment.status is Status.UNCLAIMED and not payment.cancel_requested
            left = end - time.monotonic()
            latest = self.clock() + timedelta(seconds=left)
            waits = payment.status is Status.AWAITING_APPROVAL or is_later(payment, latest)
            if payment.status in FINAL or unclaimed or left <= 0 or waits:
                return payment
            if (pause or time.sleep)(min(WAIT_STEP, left)):
                return payment

    def _at_once(
        self, order: PaymentOrder, hashes: Sequence[str], by: Actor
    ) -> tuple[PaymentContext, Payment | None]:
        """Accept a payment by one call of the store, if it can be; return what is on record.

        Raises NotPayable, NotFound, StoreUnavailable. No payment is returned where more than that
        call is needed, also to tell why a payment is refused that is above a limit.
        """
        if order.retry_of is not None or self.approval_rules.reads_payments:
            return self.store.read_for_payment(order.customer_id, hashes), None
        request = copy_context()  # for logs and traces: the store may decide in another thread

        def decide(context: PaymentContext) -> Acceptance | None:
            return request.run(self.decide, order, hashes, by, context)

        try:
            context, wanted, result = self.store.accept_at_once(order.customer_id, hashes, decide)
        except (LimitReached, DuplicateFound):
            return self.store.read_for_payment(order.customer_id, hashes), None
        stored = result.payment if result else None
        if wanted is None or stored is None:
            return context, None
        if wanted.is_for(stored):
            return context, stored
        # Another payment has the id, and the key's record may be there.
        return self.store.read_for_payment(order.customer_id, hashes), None

    def decide(
        self, order: PaymentOrder, hashes: Sequence[str], by: Actor, context: PaymentContext
    ) -> Acceptance | None:
        """Return the acceptance of a payment under a new key; None for any other.

        The store calls it, which must not be called from here. Raises NotFound, NotPayable.
        """
        if context.idempotency_records:
            return None
        route = self._route(order, context.customer, None, by)
        record = self._record(order, next(iter(hashes), None), None)
        acceptance = Acceptance(self._new_payment(order, route, record, by), record)
        try:
            return self.admission.at_once(acceptance, allow_duplicate=order.allow_duplicate)
        except LimitExceeded:
            return None

    def _key_use(
        self, hashes: Sequence[str], records: Mapping[str, IdempotencyRecord], by: Actor
    ) -> _KeyUse:
        """Return how the client has used a key, from the records of both hashes of it.

        A record of an earlier version names no client. It is this client's, unless the payment of
        it is another's.
        """
        for key_hash in hashes:
            record = records.get(key_hash)
            if record is None or self._is_expired(record):
                continue
            payment = self._earlier_payment(record)
            if key_hash == hashes[0] or payment is None or may_be_maker(by, payment):
                return _KeyUse(record, payment)
        return _KeyUse(records.get(hashes[0]) if hashes else None, None)

    def _earlier_payment(self, record: IdempotencyRecord) -> Payment | None:
        """Return the payment that was accepted under a key.

        None if a crash, or a request that is in progress, has left the record without it.
        """
        payment = self.store.get_payment(PaymentKey(record.customer_id, record.payment_id))
        return payment if payment and payment.request_id == record.request_id else None

    def _route(
        self,
        order: PaymentOrder,
        customer: Customer | None,
        found: IdempotencyRecord | None,
        by: Actor,
    ) -> Route:
        """Check the order and choose how it is paid, and who has to approve it.

        Raises NotFound, NotPayable.

        While another request with the same key may still be accepted, nobody is told that it is
        not payable: that raises StoreUnavailable, and a retry gets its answer.
        """
        try:
            if customer is None or customer.is_erased:
                raise NotFound(NO_CUSTOMER)
            if customer.email != order.email:
                raise NotPayable("email", "This is not the customer's e-mail.")
            if order.scheduled_at is not None:
                check_schedule(order.scheduled_at, self.clock())
            method, texts = order.payment_method, order.texts
            route = self.routes.choose(customer, order.money, method, texts)
            return self.approval_rules.applied(route, customer, order.money, self.clock, by)
        except (NotFound, NotPayable):
            self._refuse_in_progress(found)
            raise

    def _refuse_in_progress(self, found: IdempotencyRecord | None) -> None:
        """Raise StoreUnavailable while a request that has bound a key may still go on."""
        if found is not None and self.clock() < found.claimed_at + IN_PROGRESS:
            raise StoreUnavailable("a request with this key is in progress") from None

    def _is_expired(self, record: IdempotencyRecord) -> bool:
        return record.expires_at <= self.clock()

    def _accept(
        self,
        order: PaymentOrder,
        route: Route,
        key_hash: str | None,
        found: IdempotencyRecord | None,
        by: Actor,
    ) -> Requested:
        """Store the payment, and the record that binds the key to it: this is the acceptance.

        `found` is the key's record as it was read. A crash may leave one without its payment, which
        is then created now. Of several requests that renew an expired record one wins, and the
        others get the winner's. If another payment has the id, the next microsecond is tried, and
        the record with it, so that a retry finds the payment.
        """
        record = self._record(order, key_hash, found)
        payment = self._new_payment(order, route, record, by)
        rivals = 0
        for _ in range(COLLISION_LIMIT):
            if order.retry_of is not None:
                payment, record = self._linked(payment, record)
            wanted = Acceptance(payment, record, found)
            stored, bound = self._admitted(wanted, order, by)
            if stored is None:
                rivals += 1
                if rivals == CLAIM_TRIES:
                    raise StoreUnavailable(
                        "the idempotency key keeps being claimed by other requests"
                    )
                found, record = bound, self._record(order, key_hash, bound)
            elif stored.request_id == payment.request_id:
                return Requested(stored, replayed=not wanted.is_for(stored))
            else:
                payment = replace(payment, payment_id=next_payment_id(payment.payment_id))
                found, record = record, record and record.moved(payment.payment_id)
            if record is not None:
                payment = replace(payment, payment_id=record.payment_id)
        raise StoreUnavailable("too many payments of this customer at one moment")

    def _admitted(self, acceptance: Acceptance, order: PaymentOrder, by: Actor) -> AcceptResult:
        """Accept within the limits. Raises LimitExceeded, PossibleDuplicate, ReferenceUsed.

        While another request with the same key may still be accepted, nobody is refused, as in
        `_route`.
        """
        ask = partial(awaiting_for_limit, by=by, clock=self.clock)
        try:
            return self.admission.accept(acceptance, ask, allow_duplicate=order.allow_duplicate)
        except (LimitExceeded, PossibleDuplicate, ReferenceUsed):
            self._refuse_in_progress(acceptance.replaces)
            raise

    def _linked(
        self, payment: Payment, record: IdempotencyRecord | None
    ) -> tuple[Payment, IdempotencyRecord | None]:
        """Fix the id of a retry in the payment that it retries; return the retry with that id.

        It is the id of an earlier request where a crash came between its link and its payment.
        Raises Conflict where another retry has won, LimitExceeded and ReferenceUsed where it
        would be refused: a link without a retry is for a crash alone.
        """
        self.admission.check(payment)
        payment_id = link_retry(self.store, payment)
        if payment_id == payment.payment_id:
            return payment, record
        return replace(payment, payment_id=payment_id), record and record.moved(payment_id)

    def _record(
        self, order: PaymentOrder, key_hash: str | None, found: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Return the record that binds a key already, or a new one; None without a key.

        Raises KeyReused.
        """
        if key_hash is None:
            return None
        if found is not None and not self._is_expired(found):
            check_same_body(order, found)
            return found
        return new_record(order, key_hash, self.clock())

    def _new_payment(
        self, order: PaymentOrder, route: Route, record: IdempotencyRecord | None, by: Actor
    ) -> Payment:
        now = self.clock()
        due_at = self.routes.departure(route, order.scheduled_at or now)
        payment = new_payment(order, route, record, by.name, now, due_at, self.due_shards)
        return payment if route.approval is None else awaiting(payment, route.approval, now)
