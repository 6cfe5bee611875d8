"""Dispatch: turn due payments into batches, and take each batch to its end.

The steps are those of exactly-once submission: prepare, freeze, send, follow. Each step leaves a
record from which any other process can continue, whatever happened to the one that began.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Unpack

from paymentapp.clock import Clock
from paymentapp.correlation import about_its_batch, traceparent
from paymentapp.errors import InsufficientFunds, OutcomeUnknown, ProviderError
from paymentapp.models.batches import (
    ACCEPTED_AS,
    NO_FUNDS,
    REFUSED,
    UNKNOWN_ATTEMPT,
    Batch,
    BatchChanges,
    BatchState,
    Member,
    new_batch_id,
)
from paymentapp.models.payments import Payment, Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import (
    Accepted,
    NeedsReview,
    Postponed,
    Provider,
    Refused,
    Withdrawn,
)
from paymentapp.services.dispatch.approved import still_approved
from paymentapp.services.dispatch.backoff import LONGEST_BACKOFF, backoff
from paymentapp.services.dispatch.batching import (
    LEASE,
    advance,
    advance_by,
    forget,
    grouped,
    member_of,
    members_of,
    stamped,
)
from paymentapp.services.dispatch.corrections import with_current_details
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.dispatch.funds import submitted, total_of
from paymentapp.services.dispatch.parking import park_after
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.dispatch.releasing import Releaser
from paymentapp.services.holds import Holds
from paymentapp.services.routing import Routes
from paymentapp.services.schedules import is_later
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange

log = logging.getLogger(__name__)

CLOCK_SKEW = timedelta(seconds=5)  # between two hosts: due by the other's clock is due
HELD_AGAIN = timedelta(seconds=5)  # how soon a held batch is looked at again
FUNDS_AGAIN = timedelta(seconds=LONGEST_BACKOFF)  # likewise, one that waits with a smaller one
_LAST_ERROR_LENGTH = 300


class Dispatcher:
    """Sends payments to their providers. Any number of dispatchers may work side by side."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        poller: Poller,
        routes: Routes,
        failing: FailingProviders,
        holds: Holds,
        clock: Clock,
    ) -> None:
        self.store = store
        self.providers = providers
        self.poller = poller
        self.routes = routes
        self.failing = failing
        self.holds = holds
        self.clock = clock
        self._releaser = Releaser(store, routes, clock)

    def group(self, payments: Iterable[Payment]) -> list[list[Payment]]:
        """Group pending payments into lists that fit one batch each, in their order.

        A failing provider gets no new batches: its payments stay due, and leave in full batches
        once it answers again. So do payments that are held. A scheduled payment never
        leaves before its time by this clock. Raises StoreUnavailable where it cannot be known which
        payments are held.
        """
        now = self.clock()
        soon = now + CLOCK_SKEW
        ready = [
            payment
            for payment in payments
            if payment.status is Status.PENDING
            and payment.due_at is not None
            and payment.due_at <= soon
            and not is_later(payment, now)
            and not self.failing.is_open(payment.payment_method)
        ]
        free = self.holds.free(self.failing.shortages.free(ready))
        return grouped(free, self.providers)

    def is_full(self, group: Sequence[Payment]) -> bool:
        """Return whether a group fills a batch of its provider."""
        return len(group) >= self.providers[group[0].payment_method].batch_size

    def submit(self, payments: Sequence[Payment]) -> Batch | None:
        """Prepare, freeze and send one group; return the batch as it then stands.

        Payments that another batch has taken meanwhile are left out, those that are held by now,
        which stay due, and those whose approval is void. None where all were.
        """
        provider = self.providers[payments[0].payment_method]
        payments = self.failing.shortages.payable(payments)
        payments = self.holds.free(payments)
        if not payments:
            return None
        payments = with_current_details(self.store, provider, payments)
        payments = still_approved(self.store, self.clock, payments)
        prepared = self._prepare(payments) if payments else None
        if prepared is None:
            return None
        batch, members, excluded = prepared
        forget(self.store, batch, [payments[position] for position in excluded])
        total = total_of(members).amount
        frozen = batch.frozen(self.clock(), tuple(excluded), total)
        if not self.store.change_batch(batch, frozen):
            log.warning("batch %s aborted by another process before its freeze", batch.batch_id)
            return self._release_aborted(self.store.get_batch(batch.batch_id) or batch)
        hold = self.holds.on_batch(frozen, members)  # its first attempt is begun by `_send`
        if hold is not None:
            return self._take_apart(frozen, f"hold {hold.hold_id}")
        return self._send(frozen, members)

    @about_its_batch
    def resume(self, batch: Batch) -> Batch:
        """Take the next step of a batch that needs attention, whichever process began it."""
        match batch.state:
            case BatchState.PREPARED:
                return self._abort(batch)
            case BatchState.ABORTED:
                return self._release_aborted(batch)
            case BatchState.FROZEN:
                return self._send_again(batch)
            case BatchState.REFUSED:
                return self._release_refused(batch)
            case BatchState.ACCEPTED:
                return self.poller.follow(batch)
        return batch

    def _prepare(self, payments: Sequence[Payment]) -> tuple[Batch, list[Member], list[int]] | None:
        """Write the batch, then stamp each payment that is still free with its id.

        Returns the batch, its members, and the positions of the candidates that were not free.
        """
        now = self.clock()
        first = payments[0]
        members = [member_of(each, self.providers[each.payment_method]) for each in payments]
        batch = Batch(
            batch_id=new_batch_id(now),
            provider=first.payment_method,
            currency=first.money.currency,
            state=BatchState.PREPARED,
            size=len(members),
            created_at=now,
            revision=new_revision(),
            attention_at=now + LEASE,
            attention_shard=first.due_shard,
            unsettled=total_of(members).amount,
            traceparent=traceparent(),
        )
        self.store.add_batch(batch, members)
        stamps = [PaymentChange(p, stamped(p, batch, now)) for p in payments]
        won = self.store.change_payments(stamps)
        if not any(won):
            forget(self.store, batch, payments)
            advance(self.store, batch, state=BatchState.CLOSED, attention_at=None)
            return None
        excluded = [position for position, ok in enumerate(won) if not ok]
        return batch, [member for member, ok in zip(members, won, strict=True) if ok], excluded

    def _send_again(self, batch: Batch) -> Batch:
        """Send a frozen batch that may have been sent before: the same members and id.

        The attempt is on record before it is made. A batch of which no attempt has had an effect
        is taken apart where a member is held.
        """
        members = members_of(self.store, batch)
        hold = self.holds.on_batch(batch, members) if batch.certainly_unsent else None
        if hold is not None:
            return self._take_apart(batch, f"hold {hold.hold_id}")
        total = total_of(members)
        if batch.lacks_funds and self.failing.shortages.exceeded(batch.provider, total):
            return advance(self.store, batch, attention_at=self.clock() + FUNDS_AGAIN)
        claimed = batch.claimed(self.clock() + LEASE)
        if not self.store.change_batch(batch, claimed):
            return batch  # another process works on it, or has taken it apart
        return self._send(claimed, members)

    @about_its_batch
    def _send(self, batch: Batch, members: Sequence[Member]) -> Batch:
        longest = park_after(self.providers.get(batch.provider))
        if batch.frozen_at is None or self.clock() - batch.frozen_at > longest:
            return self._park(batch, batch.last_error or "its outcome was unknown for too long")
        hold = self.holds.on_batch(batch, members)
        if hold is not None:
            log.debug("batch %s not sent: hold %s is in force", batch.batch_id, hold.hold_id)
            return self._had_no_effect(batch, attention_at=self.clock() + HELD_AGAIN)
        provider = self.providers[batch.provider]
        try:
            with self.failing.of(provider.name):
                outcome = submitted(provider, batch, members)
        except ProviderError as error:
            return self._wait(batch, error)
        except Exception:
            # Whatever failed in our own code, the provider may have acted before.
            log.exception("batch %s: error in the provider's code", batch.batch_id)
            return self._wait(batch, OutcomeUnknown("INTERNAL"))
        if isinstance(outcome, InsufficientFunds):
            return self._without_funds(batch, members, outcome)
        if isinstance(outcome, Accepted):
            self.failing.shortages.paid(batch.provider, total_of(members))
            return self._accepted(batch, outcome)
        if isinstance(outcome, NeedsReview):
            return self._park(batch, outcome.code)
        if isinstance(outcome, Postponed):
            log.info(
                "batch %s postponed: %s; sent at %s", batch.batch_id, outcome.code, outcome.until
            )
            return self._had_no_effect(batch, attention_at=outcome.until, last_error=outcome.code)
        if isinstance(outcome, Withdrawn):
            return self._withdrawn(batch, outcome)
        return self._refused(batch, outcome)

    def _take_apart(self, batch: Batch, why: str) -> Batch:
        """Release the members of a frozen batch that was certainly not sent.

        Either it is `certainly_unsent`, or it is as this process has frozen or claimed it, and the
        attempt was not begun, or had no effect. Another process that would send it first writes
        a new revision: then this one changes nothing, and leaves the batch to it.
        """
        aborted = batch.taken_apart(self.clock(), why)
        if not self.store.change_batch(batch, aborted):
            return self.store.get_batch(batch.batch_id) or batch
        log.info("batch %s taken apart: %s; its members go again", batch.batch_id, why)
        return self._release_aborted(aborted)

    def _without_funds(
        self, batch: Batch, members: Sequence[Member], error: InsufficientFunds
    ) -> Batch:
        """Take apart a batch of several that the funds do not cover; one alone waits for them."""
        self.failing.shortages.refused(batch.provider, total_of(members), error.code)
        if len(members) > 1 and batch.open_attempt != UNKNOWN_ATTEMPT:
            taken = self._take_apart(batch, NO_FUNDS)
            if taken.state is not BatchState.FROZEN:
                return taken
        return self._wait(batch, error)

    def _wait(self, batch: Batch, error: ProviderError) -> Batch:
        """Keep the batch for another attempt: its outcome is unknown, or it cannot be sent now."""
        attempts = batch.attempts + 1
        delay = backoff(attempts, error)
        name = type(error).__name__
        log.warning("batch %s waits: %s %s; retried in %s", batch.batch_id, name, error, delay)
        changes = BatchChanges(
            attempts=attempts,
            last_error=f"{name}: {error}"[:_LAST_ERROR_LENGTH],
            attention_at=self.clock() + delay,
        )
        if error.had_no_effect:
            return self._had_no_effect(batch, **changes)
        return advance(self.store, batch, **changes)

    def _had_no_effect(self, batch: Batch, **changes: Unpack[BatchChanges]) -> Batch:
        """Record that the attempt which `batch` was claimed for has certainly had no effect."""

        def ended(stored: Batch) -> Batch:
            still_open = stored.without_effect(batch.open_attempt)
            return stored.changed(**changes | BatchChanges(open_attempt=still_open))

        return advance_by(self.store, batch, ended)

    def _park(self, batch: Batch, why: str) -> Batch:
        """Leave the batch to an operator: it is not sent again."""
        log.error("batch %s is parked: %s; see `paymentapp parked list`", batch.batch_id, why)
        return advance(
            self.store,
            batch,
            state=BatchState.PARKED,
            attention_at=None,
            parked_at=self.clock(),
            last_error=why,
        )

    def _accepted(self, batch: Batch, outcome: Accepted) -> Batch:
        """Follow the batch; one that was parked during the call stays parked, and says so."""
        accepted = advance(
            self.store,
            batch,
            state=BatchState.ACCEPTED,
            reference=outcome.reference,
            accepted_at=self.clock(),
            last_error=None,
        )
        if accepted.state is not BatchState.PARKED:
            return accepted
        said = f"{ACCEPTED_AS}{outcome.reference}"
        log.error("batch %s is parked, and %s; see `paymentapp parked list`", batch.batch_id, said)
        return advance(self.store, accepted, last_error=said)

    def _refused(self, batch: Batch, outcome: Refused) -> Batch:
        """Record that the provider did nothing because of the content, and release the members.

        Only as long as nobody has taken the batch over since this attempt began: another process
        may have it accepted, or be sending it. That process then decides by its own answer.
        """
        refused = batch.changed(
            state=BatchState.REFUSED,
            last_error=f"{REFUSED}{outcome.code}",
            member_errors=dict(outcome.member_errors),
        )
        if not self.store.change_batch(batch, refused):
            log.warning("batch %s: late refusal ignored: %s", batch.batch_id, outcome.code)
            return self.store.get_batch(batch.batch_id) or batch
        log.warning("batch %s refused: %s; its members are released", batch.batch_id, outcome.code)
        return self._release_refused(refused)

    def _withdrawn(self, batch: Batch, outcome: Withdrawn) -> Batch:
        """Release the members of a batch that was not sent and never will be."""
        log.info("batch %s withdrawn: %s; its members go again", batch.batch_id, outcome.code)
        aborted = advance(
            self.store,
            batch,
            state=BatchState.ABORTED,
            last_error=outcome.code,
            attention_at=self.clock(),
        )
        return self._release_aborted(aborted) if aborted.state is BatchState.ABORTED else aborted

    def _abort(self, batch: Batch) -> Batch:
        """Undo a batch that its process has not frozen in time."""
        aborted = advance(self.store, batch, state=BatchState.ABORTED)
        return self._release_aborted(aborted) if aborted.state is BatchState.ABORTED else aborted

    def _release_refused(self, batch: Batch) -> Batch:
        return self._releaser.refused(batch)

    def _release_aborted(self, batch: Batch) -> Batch:
        return self._releaser.aborted(batch)
