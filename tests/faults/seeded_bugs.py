"""Seeded bugs, like those others have shipped, each a variant of one step of a service or store."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from unittest import mock

from paymentapp import bootstrap
from paymentapp.errors import NotPayable, OutcomeUnknown, ProviderError
from paymentapp.models import payments, webhook_endpoints
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.events import Event
from paymentapp.models.idempotency import key_hashes
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.providers.ach import provider as ach
from paymentapp.providers.ach.account_state import AccountState
from paymentapp.providers.ach.bank_files import AchMatcher
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.stripe import global_payouts as outbound
from paymentapp.providers.stripe import provider as stripe
from paymentapp.providers.stripe.global_orders import OutboundOrder
from paymentapp.services import approvals, holds, retries, retry_links, settlement
from paymentapp.services import payments as accepting
from paymentapp.services.dispatch import dispatcher
from paymentapp.services.dispatch.batching import advance, change_stamped, freed
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.services.inbound.mailboxes import MailboxCollector
from paymentapp.services.outbound import deliverer
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments, Requested
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.worker import sweeper
from paymentapp.worker.sweeper import DueWork, Sweeper
from tests.faults import (
    approval_bugs,
    bulk_bugs,
    global_bugs,
    limit_bugs,
    taking_apart_bugs,
    webhook_bugs,
)
from tests.faults import later_bugs as later
from tests.faults import openach_bugs as openach
from tests.faults import provider_bugs as bugs
from tests.faults.dispatcher_bugs import HeldTakenApart, HoldReadOnce, LateRefusal, LostClaim
from tests.faults.simulation import tables
from tests.faults.simulation.event_list import WorldEvents
from tests.faults.simulation.provider import SimulatedProvider
from tests.faults.simulation.store import SimulatedStore
from tests.faults.simulation.world import Parts
from tests.support.counters import Counters


class NewIdOnRetry(SimulatedProvider):
    """Sends every attempt under an id of its own."""

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        fresh = f"{batch.batch_id}-{batch.attempts}" if batch.attempts else batch.batch_id
        return super().submit(replace(batch, batch_id=fresh), members)


class ChangeWithoutHistory(SimulatedStore):
    """Changes a customer, and writes no line of history."""

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        return super().change_customer(old, new, history[:0])


class StampWithoutCondition(SimulatedStore):
    """Stamps a payment without checking that it is unchanged since it was read."""

    def _change_all(self, changes: Sequence[PaymentChange]) -> list[bool]:
        if changes[0].new.status is not Status.SUBMITTING:
            return super()._change_all(changes)
        for change in changes:
            self.tables.put_payment(change.new)
        return [True] * len(changes)


class UnknownIsFailed(Dispatcher):
    """Treats a timeout as a failure."""

    def _wait(self, batch: Batch, error: ProviderError) -> Batch:
        if isinstance(error, OutcomeUnknown):
            everybody = dict.fromkeys(range(batch.size), error.code)
            return self._refused(batch, Refused(error.code, everybody))
        return super()._wait(batch, error)


class FreezeAfterSend(Dispatcher):
    """Sends the batch before the freeze is stored."""

    def submit(self, payments: Sequence[Payment]) -> Batch | None:
        prepared = self._prepare(payments)
        if prepared is None:
            return None
        batch, members, excluded = prepared
        frozen = batch.changed(
            state=BatchState.FROZEN, frozen_at=self.clock(), excluded=tuple(excluded)
        )
        try:
            outcome = self.providers[batch.provider].submit(frozen, members)
        except (ProviderError, ValueError):
            outcome = None
        if not self.store.change_batch(batch, frozen):
            return self._release_aborted(self.store.get_batch(batch.batch_id) or batch)
        if isinstance(outcome, Accepted):
            return self._accepted(frozen, outcome)
        return self._send(frozen, members)


def _whoever_calls(idempotency_key: str, _client: str) -> tuple[str, str]:
    return key_hashes(idempotency_key, "")


class ClaimAfterPayment(Payments):
    """Writes the payment before it claims the idempotency key."""

    def request(
        self, order: PaymentOrder, idempotency_key: str | None = None, by: Actor = SYSTEM
    ) -> Requested:
        customer = self.customers.get(order.customer_id)
        if customer.email != order.email:
            raise NotPayable("email", "not the customer's")
        route = self.routes.choose(customer, order.money, order.payment_method)
        payment, replayed = self._accept(order, route, None, None, by)
        if idempotency_key is not None:
            key_hash, _ = key_hashes(idempotency_key, by.name)
            wanted = self._record(order, key_hash, None)
            assert wanted is not None
            wanted = replace(wanted, payment_id=payment.payment_id)
            claim = self.store.accept(Acceptance(payment, wanted)).record
            assert claim is not None
            first = self.store.get_payment(payment.key._replace(payment_id=claim.payment_id))
            if first is not None:
                return Requested(first, replayed=True)
        return Requested(payment, replayed)


class ChecksBeforeTheReplay(Payments):
    """A retry is checked again, although the payment is on record."""

    def request(
        self, order: PaymentOrder, idempotency_key: str | None = None, by: Actor = SYSTEM
    ) -> Requested:
        self._route(order, self.store.get_customer(order.customer_id), None, by)
        return super().request(order, idempotency_key, by)


class NoFundsIsARefusal(SimulatedProvider):
    """Treats missing funds as a refusal for ever."""

    def without_funds(self, batch_id: str) -> Accepted | Refused:  # noqa: ARG002
        return Refused("INSUFFICIENT_FUNDS")


class AbortOnce(Dispatcher):
    """Searches an aborted batch once, and misses its maker's late stamps."""

    def _release_aborted(self, batch: Batch) -> Batch:
        if batch.state is not BatchState.ABORTED:
            return batch
        members = self.store.get_members(batch)
        change_stamped(self.store, self.clock, batch, members, lambda p, _place, now: freed(p, now))
        return advance(self.store, batch, state=BatchState.CLOSED, attention_at=None)


class FreezeWithoutCondition(SimulatedStore):
    """Freezes a batch even if another process has aborted it."""

    def change_batch(self, old: Batch, new: Batch) -> bool:
        if old.state is BatchState.PREPARED and new.state is BatchState.FROZEN:
            old = self.tables.batches[old.batch_id]
        return super().change_batch(old, new)


class WakeUpsAlone(Sweeper):
    """Sends new payments by wake-up only; a lost wake-up loses the payment."""

    def find_due(self) -> DueWork:
        return super().find_due()._replace(groups=[])


def _all_candidates(store: Store, batch: Batch) -> list[Member]:
    """Send a batch again with all candidates, including those that another batch has."""
    return store.get_members(batch)


class CancelOnTheWay(Payments):
    """Cancel a payment although its batch may have been sent."""

    def cancel(self, key: PaymentKey, by: Actor = SYSTEM) -> Payment:
        payment = self.get(key)
        if payment.status is Status.SUBMITTING:
            wanted = payment.moved(Status.CANCELLED, self.clock(), Cause.REQUEST)
            if self.store.change_payments([PaymentChange(payment, wanted)])[0]:
                return wanted
        return super().cancel(key, by)


class FollowOnce(Poller):
    """Close an accepted batch after one poll."""

    def follow(self, batch: Batch) -> Batch:
        followed = super().follow(batch)
        return advance(self._store, followed, state=BatchState.CLOSED, attention_at=None)


class VerdictsOfCandidates(Dispatcher):
    """Counts a refusal's positions among the candidates instead of the members."""

    def _release_refused(self, batch: Batch) -> Batch:
        sent = [place for place in range(batch.size) if place not in batch.excluded]
        shifted = {sent.index(i): why for i, why in batch.member_errors.items() if i in sent}
        return super()._release_refused(replace(batch, member_errors=shifted))


class GiveUp(Dispatcher):
    """Gives up a batch after failed attempts and puts its members into another."""

    def _send_again(self, batch: Batch) -> Batch:
        if batch.attempts > 1:
            refused = advance(self.store, batch, state=BatchState.REFUSED, member_errors={})
            return self._release_refused(refused)
        return super()._send_again(batch)


@dataclass(frozen=True)
class Bug:
    """A bug, the checks of which one has to find it first, and the scenes that show it."""

    name: str
    checks: frozenset[str]
    parts: Parts = field(default_factory=Parts)
    patches: tuple[tuple[object, str, object], ...] = ()  # where, what, by what
    engines: tuple[str, ...] = ("sqlite", "dynamodb")
    scene: str = "paypal"
    first_seed: int = 1  # worlds before it did not show it, when it was put in

    @contextmanager
    def put_in(self) -> Iterator[None]:
        """Install the bug for the duration of a `with` block."""
        with ExitStack() as stack:
            for where, what, by in self.patches:
                place = _home(what, by) if where is bootstrap else where
                stack.enter_context(mock.patch.object(place, what, by))
            yield


def _home(name: str, variant: object) -> object:
    """Return the module from which the composition root imports a service when it builds it."""
    assert isinstance(variant, type)
    (service,) = (kind for kind in variant.__mro__ if kind.__name__ == name)
    return sys.modules[service.__module__]


def _bug(name: str, *checks: str, **more: Any) -> Bug:
    return Bug(name, frozenset(checks), **more)


def _webhook_bug(name: str, *checks: str, **more: Any) -> Bug:
    return _bug(name, *checks, scene="webhooks", **more)


def _anything(_old: object, _new: object) -> bool:
    return True


def _never(_stored: object, _new: object) -> bool:
    return False


def _for_ever(_provider: object) -> timedelta:
    return timedelta(days=999)


def _nothing_new(_payment: object, _report: object, _status: object) -> None:
    """Drop a report that does not move the status, with its status word and reason."""


BUGS = [
    _bug("a new batch id on retry", "paid twice", parts=Parts(provider=NewIdOnRetry)),
    _bug("no condition on the stamp", "history", parts=Parts(store=StampWithoutCondition)),
    _bug(
        "a corrected payee without a trace",
        "customer",
        parts=Parts(store=ChangeWithoutHistory),
        scene="ach",
    ),
    _bug(
        "unknown taken for failed",
        "failed without a verdict",
        patches=((bootstrap, "Dispatcher", UnknownIsFailed),),
    ),
    _bug(
        "no rank on statuses",
        "history",
        patches=(
            (payments, "can_transition", _anything),
            (settlement, "can_transition", _anything),
        ),
    ),
    _bug(
        "a hold that is not shown",
        "hold not shown",
        patches=((settlement, "_with_provider_status", _nothing_new),),
    ),
    _bug("no 25-day guard", "paid twice", patches=((dispatcher, "park_after", _for_ever),)),
    _bug(
        "a freeze after the send",
        "paid twice",
        "history",
        patches=((bootstrap, "Dispatcher", FreezeAfterSend),),
    ),
    _bug(
        "a claim after the payment",
        "one key, two payments",
        patches=((bootstrap, "Payments", ClaimAfterPayment),),
    ),
    _bug(
        "one key space for all clients",
        *("told no", "one key, two payments"),
        patches=((accepting, "key_hashes", _whoever_calls),),
    ),
    _bug(
        "checks before the replay",
        "told no",
        patches=((bootstrap, "Payments", ChecksBeforeTheReplay),),
    ),
    _bug(
        "a link after the retry",
        "retried twice",
        patches=((bootstrap, "Payments", later.LinkAfterRetry),),
    ),
    _bug(
        "a retry of what is still open",
        "retried twice",
        patches=(
            (retries, "check_retryable", later.nothing_refused),
            (retry_links, "check_retryable", later.nothing_refused),
        ),
    ),
    _bug(
        "a scheduled payment that leaves at once",
        "history",
        patches=(
            (bootstrap, "Payments", later.DueAtOnce),
            (bootstrap, "Dispatcher", later.SendsEarly),
        ),
    ),
    _bug(
        "no funds taken for a refusal",
        *("paid twice", "failed without a verdict"),
        parts=Parts(provider=NoFundsIsARefusal),
    ),
    _bug("an abort that searches once", "stuck", patches=((bootstrap, "Dispatcher", AbortOnce),)),
    _bug(
        "an own lost write not recognised",
        "stuck",
        patches=((tables, "is_own", _never),),
        engines=("dynamodb",),
    ),
    _bug("no condition on the freeze", "batch", parts=Parts(store=FreezeWithoutCondition)),
    _bug("wake-ups without a sweep", "stuck", patches=((bootstrap, "Sweeper", WakeUpsAlone),)),
    _bug(
        "the excluded sent again",
        *("paid twice", "cancelled and paid", "history", "failed without a verdict"),
        patches=((dispatcher, "members_of", _all_candidates),),
    ),
    _bug(
        "cancelled on the route",
        "cancelled and paid",
        patches=((bootstrap, "Payments", CancelOnTheWay),),
    ),
    _bug("followed once", "stuck", patches=((bootstrap, "Poller", FollowOnce),)),
    _bug(
        "verdicts of candidates",
        "failed without a verdict",
        patches=((bootstrap, "Dispatcher", VerdictsOfCandidates),),
    ),
    _bug(
        "given up and sent anew",
        *("paid twice", "failed without a verdict"),
        patches=((bootstrap, "Dispatcher", GiveUp),),
    ),
    _bug(
        "a late refusal obeyed",
        "paid twice",
        patches=((bootstrap, "Dispatcher", LateRefusal),),
    ),
    _bug("a lost claim ignored", "paid twice", patches=((bootstrap, "Dispatcher", LostClaim),)),
    _bug(
        "a hold that is not read before a second send",
        "held and sent",
        patches=((bootstrap, "Dispatcher", HoldReadOnce),),
    ),
    _bug("a hold read once a minute", "held and sent", patches=((holds, "CACHE_SECONDS", 60.0),)),
    _bug(
        "a batch taken apart after an unknown attempt",
        *("batch", "paid twice", "failed without a verdict"),
        patches=((bootstrap, "Dispatcher", HeldTakenApart),),
    ),
    _bug(
        "an approval by the maker",
        "approved by its maker",
        patches=((approvals, "is_maker", approval_bugs.nobody_is_the_maker),),
    ),
    _bug(
        "one person who counts twice",
        "unapproved and sent",
        patches=(
            (approvals, "valid", approval_bugs.nobody_approved),
            (payments, "valid", approval_bugs.each_counts),
        ),
    ),
    _bug(
        "an approval of other details",
        "details changed, and sent",
        patches=((dispatcher, "still_approved", approval_bugs.all_approved),),
        scene="ach",
    ),
    _bug(
        "a payment that nobody answers waits for ever",
        *("stuck", "not drained"),
        patches=((sweeper, "is_expired", approval_bugs.never_expired),),
    ),
    _bug(
        "a counter that is not given back",
        "counter",
        patches=((PaymentChange, "given_back", property(limit_bugs.nothing_given_back)),),
    ),
    _bug(
        "a counter given back twice",
        "counter",
        patches=((PaymentChange, "given_back", property(limit_bugs.given_back_again)),),
    ),
    _bug(
        "a payment that is not counted after a collision",
        "not counted",
        patches=((bootstrap, "Payments", limit_bugs.UncountedCollision),),
    ),
    _bug("a count apart from its payment", "counter", parts=Parts(store=limit_bugs.CountedApart)),
    _bug(
        "a limit that is checked before the count",
        "over a limit",
        patches=((Counters, "count", limit_bugs.counted_unchecked),),
        engines=("dynamodb",),
    ),
    _bug(
        "a limit that does not ask",
        "over a limit",
        patches=((bootstrap, "Payments", limit_bugs.NeverAsks),),
    ),
    _bug(
        "an unknown attempt on record as one without effect",
        *("batch", "paid twice", "cancelled and paid"),
        patches=((bootstrap, "Dispatcher", taking_apart_bugs.UnknownIsCertain),),
    ),
    _bug(
        "a batch taken apart without a condition",
        *("batch", "paid twice", "cancelled and paid"),
        parts=Parts(store=taking_apart_bugs.CloseWithoutCondition),
    ),
    _bug(
        "an attempt that is not on record",
        *("batch", "paid twice", "cancelled and paid"),
        patches=((Batch, "claimed", taking_apart_bugs.claimed_without_record),),
    ),
    _bug(
        "the end of one attempt taken for the end of all",
        *("batch", "paid twice", "cancelled and paid"),
        patches=((Batch, "without_effect", taking_apart_bugs.anybody_ends_it),),
    ),
    _bug("a fresh Stripe key", "paid twice", parts=Parts(stripe=bugs.FreshKey), scene="stripe"),
    _bug("no look after a day", "paid twice", parts=Parts(stripe=bugs.NeverLate), scene="stripe"),
    _bug(
        "a new key for a kept 500",
        *("paid twice", "stuck"),
        patches=((stripe, "StripeApi", bugs.KeptFailureAsksAnew),),
        scene="stripe",
    ),
    _bug(
        "an empty balance taken for a refusal",
        *("paid twice", "failed without a verdict"),
        parts=Parts(stripe=bugs.EmptyBalanceIsARefusal),
        scene="stripe",
    ),
    _bug(
        "a fresh key for an outbound payment",
        "paid twice",
        patches=((OutboundOrder, "key", property(global_bugs.fresh_key)),),
        scene="global",
    ),
    _bug(
        "an outbound payment sent again after the time of its key",
        "paid twice",
        patches=((outbound, "GlobalPayouts", global_bugs.ResendsLate),),
        scene="global",
    ),
    _bug(
        "a refusal that is believed after a lost answer",
        *("failed without a verdict", "not as the ledger", "paid twice"),
        patches=((outbound, "GlobalPayouts", global_bugs.BelievesRefusals),),
        scene="global",
        first_seed=19,
    ),
    _bug(
        "a fresh external id",
        *("paid unasked", "paid twice"),
        parts=Parts(openach=openach.FreshExternalId),
        scene="openach",
    ),
    _bug(
        "a profile that is not found taken for a failure",
        *("failed without a verdict", "not as the ledger"),
        parts=Parts(openach=openach.NotFoundIsFailed),
        scene="openach",
    ),
    _bug(
        "a schedule saved again after its run",
        "paid twice",
        parts=Parts(openach=openach.SavesAgain),
        scene="openach",
    ),
    _bug(
        "a lost answer taken for a call that did nothing",
        *("cancelled and paid", "cancelled", "batch"),
        parts=Parts(openach=openach.LostIsNotSent),
        scene="openach",
        first_seed=7,
    ),
    _bug(
        "a schedule armed again after its run",
        "paid twice",
        parts=Parts(openach=openach.ArmsAgain),
        scene="armed",
        first_seed=3,
    ),
    _bug(
        "another schedule armed in each attempt",
        "paid twice",
        parts=Parts(openach=openach.MakesAnother),
        scene="armed",
    ),
    _bug(
        "an upload without a fence",
        *("file twice", "trace twice"),
        patches=((ach, "Uploads", bugs.UploadUnfenced),),
        scene="ach",
    ),
    _bug(
        "a file made again",
        *("not as the ledger", "trace twice", "file twice"),
        parts=Parts(ach=bugs.RenderAgain),
        scene="ach",
    ),
    _bug(
        "what is not there was taken",
        "not as the ledger",
        patches=((ach, "Uploads", bugs.NotThereIsTaken),),
        scene="ach",
    ),
    _bug(
        "a return after the end dropped",
        "not as the ledger",
        patches=((Inbox, "_confirm", bugs.closed_is_over),),
        scene="ach",
    ),
    _bug(
        "put away before it is on record",
        "not as the ledger",
        patches=((MailboxCollector, "_take_in", bugs.put_away_first),),
        scene="ach",
    ),
    _bug(
        "an unread file taken for read",
        "succeeded unread",
        patches=((IncomingState, "polled", bugs.polled_as_if_read),),
        scene="ach",
    ),
    _bug(
        "an odd return dropped",
        "not as the ledger",
        patches=((AchMatcher, "_returned", bugs.only_as_it_should_be),),
        scene="ach",
    ),
    _bug(
        "a correction for payments to come alone",
        "old account",
        patches=((AccountState, "current", bugs.as_it_was),),
        scene="ach",
    ),
    _webhook_bug(
        "an event after its change",
        "webhook lost",
        parts=Parts(store=webhook_bugs.EventAfterMove),
        patches=((WorldEvents, "written", webhook_bugs.listed_apart),),
    ),
    _webhook_bug(
        "a position that moves before the answers",
        "webhook lost",
        patches=((bootstrap, "Deliverer", webhook_bugs.MovesFirst),),
    ),
    _webhook_bug(
        "a failed attempt that counts as delivered",
        "webhook lost",
        patches=((bootstrap, "Deliverer", webhook_bugs.CountsAsDelivered),),
    ),
    _webhook_bug(
        "a secret replaced at once",
        "webhook signature",
        patches=((bootstrap, "WebhookEndpoints", webhook_bugs.RotatesAtOnce),),
    ),
    _webhook_bug(
        "a new webhook id on each try",
        "webhook id",
        patches=((deliverer, "signed_headers", webhook_bugs.new_id_on_each_try),),
    ),
    _webhook_bug(
        "a webhook given up after one failure",
        "webhook retry",
        patches=((webhook_endpoints, "retry_delay", webhook_bugs.gives_up),),
    ),
    _webhook_bug(
        "a webhook tried again too early",
        "webhook retry",
        patches=((bootstrap, "Deliverer", webhook_bugs.RetriesEarly),),
    ),
    _webhook_bug(
        "an endpoint that forgets its place when it is disabled",
        "webhook lost",
        patches=((bootstrap, "WebhookEndpoints", webhook_bugs.ForgetsItsPlace),),
    ),
    _webhook_bug(
        "an event of a change that was not made",
        "webhook of nothing",
        patches=(
            (WorldEvents, "is_made", webhook_bugs.anything_is_made),
            (Event, "is_in", webhook_bugs.anything_is_made),
        ),
        engines=("dynamodb",),
    ),
    _bug(
        "a row refused without its key",
        "refused and paid",
        patches=((bootstrap, "BulkRows", bulk_bugs.RefusesWithoutKey),),
        scene="bulk",
    ),
    _bug(
        "a row paid under a key that another process has bound",
        *("one row, two payments", "refused and paid"),
        parts=Parts(store=bulk_bugs.PaysUnderAnyKey),
        engines=("dynamodb",),
        scene="bulk",
        first_seed=70,
    ),
    _bug(
        "outcomes that count without a condition",
        *("stuck", "miscounted", "outcomes lost"),
        parts=Parts(store=bulk_bugs.CountsWhatOthersCounted),
        scene="bulk",
    ),
    _bug(
        "another route after an unknown outcome",
        "paid twice",
        patches=((bootstrap, "Dispatcher", UnknownIsFailed),),
        scene="routes",
    ),
]
