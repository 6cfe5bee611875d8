"""Erasures: replace a customer by a tombstone, and remove what other records hold of them.

The tombstone is one conditional write. The copies in payments, batches and holds are removed by
passes, in steps that any process may take: each is conditional or can be repeated, and its place is
on record, so that a crash loses nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.errors import ChangedSince, Conflict, NotFound, StoreUnavailable
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.batches import SENDABLE, Batch, BatchState
from paymentapp.models.customer_history import CustomerHistoryEntry, erased
from paymentapp.models.erasures import SETTLED_AFTER, Erasure
from paymentapp.models.holds import Hold, HoldScope
from paymentapp.models.payments import FINAL, Cause, Payment, code_of
from paymentapp.services.customers import Customers
from paymentapp.services.dispatch.batching import members_of
from paymentapp.storage.base import PageQuery, Store
from paymentapp.storage.changes import PaymentErasure
from paymentapp.storage.contention import MAX_TRIES, tries

log = logging.getLogger(__name__)

_CHECKED = 500  # payments that the check for open ones reads at once
STEP = 25  # payments of one step: each takes a few reads and at most a few writes
_LINES = 100  # of a customer's history, read at once
_EVENTS = 200  # provider events of a shard that are looked through
_NEEDED = SENDABLE | {BatchState.REFUSED}  # its members are sent, or released by its errors
AGAIN_AFTER = timedelta(minutes=1)  # how soon a pass that found something open is repeated
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Erasures:
    """Erases customers. Any number of processes may do so side by side."""

    store: Store
    customers: Customers
    clock: Clock
    due_shards: int

    def erase(
        self,
        customer_id: str,
        tag: str | None = None,
        by: Actor = SYSTEM,
        cause: Cause = Cause.REQUEST,
    ) -> Erasure:
        """Erase a customer: once this returns, no reader finds the record.

        `tag` is the `version_tag` that the record must have; None: any. What other records hold is
        removed by `step`. Raises NotFound, ChangedSince, Conflict (a payment is open), and
        StoreUnavailable where other writers win MAX_TRIES times in a row.
        """
        for _ in tries():
            old = self.customers.get(customer_id)
            if tag not in (None, old.version_tag):
                raise ChangedSince("The customer's record has changed since.")
            self._check_settled(customer_id)
            now = self.clock()
            tombstone, history = erased(old, now, by.name, cause)
            erasure = Erasure.requested(customer_id, now)
            if self.store.erase_customer(old, tombstone, history, erasure):
                log.warning("customer %s erased, by %s", customer_id, by.name or "-")
                return erasure
        raise StoreUnavailable(f"the customer was changed {MAX_TRIES} times meanwhile")

    def pending(self, customer_id: str) -> Erasure | None:
        """Return the erasure of a customer that is not complete; None where there is none.

        Raises NotFound where the customer is unknown, or was not erased.
        """
        if not self.customers.known(customer_id).is_erased:
            raise NotFound("This customer was not erased.")
        return self.store.get_erasure(customer_id)

    def advance(self) -> bool:
        """Take the step of the erasure that is due first; return whether one was due.

        One whose step fails is tried again later, so that it does not hold up the others. Raises
        StoreUnavailable where not even that can be stored.
        """
        due = self.store.list_erasures()
        if not due or due[0].next_at > self.clock():
            return False
        try:
            self.step(due[0])
        except StoreUnavailable as error:
            about = due[0].customer_id, error, AGAIN_AFTER
            log.warning("customer %s: a step of the erasure failed: %s; retried in %s", *about)
            self._changed(due[0], due[0].changed(next_at=self.clock() + AGAIN_AFTER))
        return True

    def step(self, erasure: Erasure, *, everything: bool = False) -> Erasure | None:
        """Take the next step of an erasure; return it as it stands then, None once it is complete.

        `everything` is passed to `Store.purge` at the end. Raises StoreUnavailable.
        """
        if erasure.began_at is None:
            begun = self._started(erasure.begun(self.clock()))
            return self._changed(erasure, begun)
        query = PageQuery(STEP, before=erasure.position)
        page = self.store.list_payments(erasure.customer_id, query)
        done = erasure
        for payment in page.payments:
            done = self._erased(done, payment)
        if page.last_read is not None:
            return self._changed(erasure, done.changed(position=page.last_read))
        return self._ended(erasure, self._checked(done), everything=everything)

    def _check_settled(self, customer_id: str) -> None:
        """Raise Conflict while a payment of the customer is open."""
        before: str | None = None
        while True:
            page = self.store.list_payments(customer_id, PageQuery(_CHECKED, before=before))
            open_ = [each for each in page.payments if each.status not in FINAL]
            if open_:
                payment = open_[0]
                raise Conflict(
                    "Payments of this customer are open: erase the customer once they are settled "
                    f"or cancelled. Payment {payment.payment_id} is {payment.status}."
                )
            before = page.last_read
            if before is None:
                return

    def _started(self, erasure: Erasure) -> Erasure:
        """Remove the texts of the customer's history, and the reasons of holds."""
        changed = False
        before: int | None = None
        while True:
            entries = self.store.customer_history(erasure.customer_id, _LINES, before)
            changed = sum(map(self._without_texts, entries)) > 0 or changed
            if len(entries) < _LINES:
                break
            before = entries[-1].version
        for hold in [*self.store.list_holds(), *self.store.released_holds()]:
            if hold.reason and _concerns(hold, erasure.customer_id):
                self.store.erase_hold(hold)
                changed = True
        return erasure.changed(has_changed=changed)

    def _without_texts(self, entry: CustomerHistoryEntry) -> bool:
        if not entry.has_texts:
            return False
        if not self.store.change_history_entry(entry, entry.without_texts()):
            raise StoreUnavailable("a line of history was changed meanwhile")
        return True

    def _erased(self, erasure: Erasure, payment: Payment) -> Erasure:
        """Erase one payment, the members of its batches first; note where that has to wait."""
        if payment.is_erased:
            return erasure
        if payment.status not in FINAL:
            return erasure.found_open(f"payment {payment.payment_id} is {payment.status}")
        for batch_id in payment.batch_ids:
            batch = self.store.get_batch(batch_id)
            if batch is None:
                continue
            if batch.state in _NEEDED or not self._erased_in(batch, payment):
                return erasure.found_open(f"batch {batch_id} is {batch.state}")
        done = PaymentErasure.of(payment, self.clock())
        if not self.store.erase_payments([done])[0]:
            return erasure.found_open(f"payment {payment.payment_id} was changed meanwhile")
        return erasure.changed(has_changed=True)

    def _erased_in(self, batch: Batch, payment: Payment) -> bool:
        """Erase a payment in a batch; return False where the batch has changed meanwhile.

        Of why its provider has refused the payment only the code stays.
        """
        errors = dict(batch.member_errors)
        for position, member in enumerate(members_of(self.store, batch) if errors else ()):
            if member.key == payment.key and position in errors:
                errors[position] = code_of(errors[position])
        known = batch.changed(member_errors=errors)
        if errors != batch.member_errors and not self.store.change_batch(batch, known):
            return False
        self.store.erase_members(batch, [payment.key])
        return True

    def _checked(self, erasure: Erasure) -> Erasure:
        """Note the provider events that are not applied yet, and name the customer's payments."""
        far = self.clock() + timedelta(days=365)
        aside = self.store.events_set_aside(_EVENTS)
        waiting = [
            self.store.due_provider_events(shard, far, _EVENTS) for shard in range(self.due_shards)
        ]
        for events in (aside, *waiting):
            for event in events:
                if event.concerns(erasure.customer_id):
                    what = f"{event.provider} event {event.event_id} is {event.state}"
                    erasure = erasure.found_open(what)
            if len(events) == _EVENTS:
                erasure = erasure.found_open("too many provider events are not applied")
        return erasure

    def _ended(self, old: Erasure, done: Erasure, *, everything: bool) -> Erasure | None:
        """End a pass: the erasure is complete, or another pass follows."""
        now = self.clock()
        purged = True
        if done.has_changed or done.is_last_pass:
            purged = self.store.purge(everything=everything)
        if done.is_last_pass and purged:
            self.store.end_erasure(old)
            log.info("customer %s: the erasure is complete", done.customer_id)
            return None
        if not done.waiting and not purged:
            done = done.found_open("the database file holds copies: it is in use, or large")
        return self._changed(old, done.changed(began_at=None, next_at=_next_at(done, now)))

    def _changed(self, old: Erasure, new: Erasure) -> Erasure:
        """Store a step; where another process was faster, return what that one has stored."""
        if self.store.change_erasure(old, new):
            return new
        return self.store.get_erasure(old.customer_id) or new


def _next_at(erasure: Erasure, now: datetime) -> datetime:
    """Return when the next pass is due.

    The later it gets, the less often; a pass that has found nothing open is repeated once no
    request of before the tombstone lives any more.
    """
    settled = erasure.requested_at + SETTLED_AFTER
    if not erasure.waiting and now < settled:
        return settled
    return now + min(max(AGAIN_AFTER, (now - erasure.requested_at) / 10), LONGEST_WAIT)


def _concerns(hold: Hold, customer_id: str) -> bool:
    """Return whether a hold is one of a customer, or of a payment of theirs."""
    if hold.scope is HoldScope.CUSTOMER:
        return hold.value == customer_id
    return hold.scope is HoldScope.PAYMENT and hold.value.partition("/")[0] == customer_id
