"""Payments: accept a request durably, show it, cancel it. No provider is called from here."""

from __future__ import annotations

import hashlib
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from paymentapp.clock import Clock, to_text
from paymentapp.errors import Conflict, KeyReused, NotFound, NotPayable, StoreUnavailable
from paymentapp.models.idempotency import KEY_RETENTION, IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.models.payments import (
    FINAL,
    Cause,
    Payment,
    PaymentKey,
    Status,
    Transition,
    next_payment_id,
)
from paymentapp.models.revisions import new_revision
from paymentapp.services.customers import Customers
from paymentapp.services.routing import FIRST_METHOD, Route, Routes
from paymentapp.storage.base import Page, PageQuery, PaymentChange, Store
from paymentapp.storage.contention import MAX_TRIES, tries

COLLISION_LIMIT = 1000  # payments of one customer in adjoining microseconds before we give up
WAIT_STEP = 0.05  # seconds between two looks while a caller waits


class PaymentOrder(NamedTuple):
    """What a caller asks for."""

    customer_id: str
    email: str
    money: Money
    payment_method: str | None  # None: as the customer and the rules have it


class Requested(NamedTuple):
    """The payment that a request led to, and whether an earlier request had made it."""

    payment: Payment
    replayed: bool


@dataclass(frozen=True, slots=True)
class Payments:
    """Accepts payments and tells what became of them.

    `wake` hears of each payment that the dispatcher should see to at once; it must not block.
    """

    store: Store
    customers: Customers
    routes: Routes
    clock: Clock
    due_shards: int
    wake: Callable[[Payment], None]

    def request(self, order: PaymentOrder, idempotency_key: str | None = None) -> Requested:
        """Accept a payment: when this returns, it is on record and will be made.

        Raises NotPayable, NotFound (the customer), KeyReused, StoreUnavailable. After
        StoreUnavailable the same request may be repeated under its key.
        """
        if order.payment_method is not None:
            self.routes.validate_requested(order.payment_method, order.money)
        customer = self.customers.get(order.customer_id)
        if customer.email != order.email:
            raise NotPayable("email", "This is not the customer's e-mail.")
        route = self.routes.choose(customer, order.money, order.payment_method)
        if idempotency_key is None:
            requested = self._accept(order, route, None)
        else:
            requested = self._accept(order, route, self._claim(order, idempotency_key))
        if not requested.replayed:
            self.wake(requested.payment)
        return requested

    def get(self, key: PaymentKey) -> Payment:
        """Find a payment. Raises NotFound."""
        payment = self.store.get_payment(key)
        if payment is None:
            raise NotFound("This customer has no such payment.")
        return payment

    def list(self, customer_id: str, query: PageQuery) -> Page:
        """A page of a customer's payments, newest first. Raises NotFound (the customer)."""
        self.customers.get(customer_id)
        return self.store.list_payments(customer_id, query)

    def cancel(self, key: PaymentKey) -> Payment:
        """Cancel a payment that has not left, or ask for an unclaimed one to be taken back.

        A pending payment is cancelled at once. For an unclaimed one the wish is recorded, and
        the dispatcher takes it to the provider. Raises NotFound, Conflict where it is too late,
        and StoreUnavailable where other writers win MAX_TRIES times in a row.
        """
        for _ in tries():
            payment = self.get(key)
            if payment.status is Status.CANCELLED or payment.cancel_requested:
                return payment
            wanted = self._cancelled(payment)
            if self.store.change_payments([PaymentChange(payment, wanted)])[0]:
                if wanted.cancel_requested:
                    self.wake(wanted)
                return wanted
        raise StoreUnavailable(f"the payment was changed {MAX_TRIES} times meanwhile")

    def wait(self, key: PaymentKey, seconds: float) -> Payment:
        """The payment once it has an outcome, or after `seconds`.

        Unclaimed is one, unless the payment is being taken back.
        """
        end = time.monotonic() + seconds
        while True:
            payment = self.get(key)
            unclaimed = payment.status is Status.UNCLAIMED and not payment.cancel_requested
            if payment.status in FINAL or unclaimed or time.monotonic() >= end:
                return payment
            time.sleep(min(WAIT_STEP, max(0.0, end - time.monotonic())))

    def _claim(self, order: PaymentOrder, idempotency_key: str) -> IdempotencyRecord:
        """Bind the key to a payment id, or find the id that it was bound to before.

        Keys are one space for the whole service: a caller whose credentials were replaced and
        who tries again must find the payment, not make another.
        """
        now = self.clock()
        wanted = IdempotencyRecord(
            key_hash=hashlib.sha256(idempotency_key.encode()).hexdigest(),
            fingerprint=_fingerprint(order),
            customer_id=order.customer_id,
            payment_id=to_text(now),
            expires_at=now + KEY_RETENTION,
            revision=new_revision(),
        )
        stored = self.store.add_idempotency_record(wanted)
        if stored.expires_at <= now:
            if not self.store.change_idempotency_record(stored, wanted):
                raise StoreUnavailable("the idempotency key is being claimed by another request")
            stored = wanted
        if stored.fingerprint != wanted.fingerprint:
            raise KeyReused("This Idempotency-Key was used with another body.")
        return stored

    def _accept(
        self, order: PaymentOrder, route: Route, claim: IdempotencyRecord | None
    ) -> Requested:
        """Write the payment: this is the acceptance.

        A claim without its payment is what a crash leaves behind; the payment is then made now.
        Where another payment holds the id, the next microsecond is tried, and the claim moves
        first, so that a retry looks in the right place.
        """
        payment = self._new_payment(order, route, claim)
        for _ in range(COLLISION_LIMIT):
            stored = self.store.add_payment(payment)
            if stored.revision == payment.revision:
                return Requested(stored, replayed=False)
            if stored.request_id == payment.request_id:
                return Requested(stored, replayed=claim is not None)
            payment_id = next_payment_id(payment.payment_id)
            if claim is not None:
                claim = self._moved_record(claim, payment_id)
                payment_id = claim.payment_id
            payment = replace(payment, payment_id=payment_id)
        raise StoreUnavailable("too many payments of this customer at one moment")

    def _moved_record(self, claim: IdempotencyRecord, payment_id: str) -> IdempotencyRecord:
        moved = replace(claim, payment_id=payment_id, revision=new_revision())
        if self.store.change_idempotency_record(claim, moved):
            return moved
        return self.store.add_idempotency_record(
            moved
        )  # another request with this key moved it already

    def _new_payment(
        self, order: PaymentOrder, route: Route, claim: IdempotencyRecord | None
    ) -> Payment:
        now = self.clock()
        payment_id = claim.payment_id if claim else to_text(now)
        request_id = claim.key_hash[:32] if claim else secrets.token_hex(16)
        return Payment(
            customer_id=order.customer_id,
            payment_id=payment_id,
            money=order.money,
            payment_method=route.method,
            email=order.email,
            destination=route.destination,
            route=route.explanation,
            status=Status.PENDING,
            history=(Transition(now, Status.PENDING, Cause.REQUEST),),
            request_id=request_id,
            revision=new_revision(),
            due_at=self.routes.departure(route.method, now),
            due_shard=due_shard(order.customer_id, payment_id, self.due_shards),
        )

    def _cancelled(self, payment: Payment) -> Payment:
        now = self.clock()
        if payment.status is Status.PENDING:
            return payment.moved(Status.CANCELLED, now, Cause.REQUEST, due_at=None)
        if payment.status is Status.UNCLAIMED:
            return payment.changed(cancel_requested=True, due_at=now)
        raise Conflict(f"It is too late to cancel: the payment is {payment.status}.")


def due_shard(customer_id: str, payment_id: str, shards: int) -> int:
    """The shard of the due index that a payment waits in."""
    return zlib.crc32(f"{customer_id}/{payment_id}".encode()) % shards


def _fingerprint(order: PaymentOrder) -> str:
    """Tells one body from another, by what it means: 12.50 and 12.5 are the same."""
    method = order.payment_method or FIRST_METHOD  # as it was when there was no other
    parts = [order.customer_id, order.email, str(order.money), method]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
