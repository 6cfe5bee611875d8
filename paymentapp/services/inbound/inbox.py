"""The inbox: applies the events of providers to payments, if an event matches its payment.

Any process may apply an event, any number of times and in any order: by the ranks of the statuses
late and repeated events change nothing. A lost event loses nothing: a poll finds the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp import correlation
from paymentapp.clock import Clock
from paymentapp.errors import NotGenuine, ProviderError, StoreUnavailable
from paymentapp.models.batches import BatchState
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import (
    Correction,
    ItemReport,
    Mailbox,
    WebhookNews,
    Webhooks,
)
from paymentapp.services.dispatch.polling import Poller, next_poll_at
from paymentapp.services.payees import names_payee
from paymentapp.services.payment_methods import PaymentMethods
from paymentapp.services.settlement import Settlement
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

AT_ONCE = 200  # events of a shard that a sweep reads
UNCONFIRMED = timedelta(days=1)  # how long polls may contradict an event
ITEM_ID_LENGTH = 63  # models.item_id makes none longer

# By these statuses the recipient does not have the money, so that somebody may pay again. An event
# has no reason in it, and its signature covers only a checksum; so the provider is polled, and its
# answer counts.
_TO_CONFIRM = frozenset({Status.FAILED, Status.RETURNED, Status.CANCELLED})


class _Result(NamedTuple):
    """The new state of an event, and the reason."""

    state: ProviderEventState
    note: str | None = None


_APPLIED = _Result(ProviderEventState.APPLIED)


class Inbox:
    """Applies events. Any number of processes may do so at the same time."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        poller: Poller,
        settlement: Settlement,
        methods: PaymentMethods,
        clock: Clock,
    ) -> None:
        self._store = store
        self._providers = providers
        self._poller = poller
        self._settlement = settlement
        self._methods = methods
        self._clock = clock
        self._expected = any(map(_reader, providers.values()))

    def due(self, shard: int, now: datetime) -> list[ProviderEvent]:
        """Return the events of a shard that are due; without a search where no provider sends any.

        An error of the store is logged and gives none, so that it holds up no payment.
        """
        if not self._expected:
            return []
        try:
            return self._store.due_provider_events(shard, now, AT_ONCE)
        except StoreUnavailable as error:
            log.warning("inbox not read: %s; retried by the next sweep", error)
            return []

    def apply(self, event: ProviderEvent) -> ProviderEvent:
        """Apply an event, and return its new version: applied, waiting or set aside."""
        with correlation.about(event=event.event_id):
            return self._apply(event)

    def _apply(self, event: ProviderEvent) -> ProviderEvent:
        state, note = self._result(event)
        at = None
        if state is ProviderEventState.WAITING:
            at = next_poll_at(event.received_at, self._clock())
        if state is ProviderEventState.SET_ASIDE:
            log.error(
                "%s event %s set aside: %s; see `paymentapp inbox show %s`",
                *(event.provider, event.event_id, note, event.event_id),
            )
        done = event.done(state, note, at)
        return done if self._store.change_provider_event(event, done) else event

    def _result(self, event: ProviderEvent) -> _Result:
        provider = self._providers.get(event.provider)
        reader = _reader(provider) if provider else None
        if reader is None:
            return _Result(ProviderEventState.WAITING, "the provider is not configured")
        try:
            update = reader.parse_webhook(event.body.encode())
            if update.look_up is not None:
                update = update.look_up()
        except NotGenuine as error:
            return _set_aside(str(error))
        except ProviderError as error:
            note = f"what the event is about cannot be read: {error.code}"
            return _Result(ProviderEventState.WAITING, note)
        result = self._applied(event, update)
        if result.state is not ProviderEventState.APPLIED:
            return result
        self._block(event, update)
        return result._replace(note=result.note or update.finding)

    def _applied(self, event: ProviderEvent, update: WebhookNews) -> _Result:
        if update.problem:
            return _set_aside(update.problem)
        if update.unmatched is not None:
            return _set_aside(update.unmatched.reason)
        if update.correction is not None:
            return self._correct(event, update.correction)
        if update.item is not None:
            return self._apply_item(event, update, update.item)
        if update.batch_id is not None:
            return self._poll_soon(event, update.batch_id)
        log.debug("%s event %s ignored: %s", event.provider, event.event_id, event.kind)
        return _Result(ProviderEventState.IGNORED)

    def _block(self, event: ProviderEvent, update: WebhookNews) -> None:
        """Mark the customer's details where the provider says that they must not be used again."""
        about = update.item or update.correction
        payment = self._payment(about.item_id) if about and update.blocked else None
        if payment is not None and update.blocked is not None:
            destinations = update.blocked.destinations or (payment.destination,)
            self._methods.block(
                payment.customer_id, event.provider, destinations, update.blocked.reason
            )

    def _apply_item(self, event: ProviderEvent, update: WebhookNews, report: ItemReport) -> _Result:
        payment = self._payment(report.item_id)
        if payment is None:
            return _set_aside("there is no such payment")
        try:
            problem = self._difference(payment, event, report)
        except ProviderError as error:
            note = f"the payee's details cannot be opened: {error.code}"
            return _Result(ProviderEventState.WAITING, note)
        if problem is not None:
            return _set_aside(problem)
        mismatch = self._batch_mismatch(payment, update)
        if mismatch is not None:
            return mismatch
        if report.status in _TO_CONFIRM:
            return self._confirm(event, payment, report.status)
        self._settlement.apply_report(payment, report, Cause.WEBHOOK)
        return _APPLIED

    def _difference(self, payment: Payment, event: ProviderEvent, report: ItemReport) -> str | None:
        """Return how the report contradicts the payment that was asked for; None where it agrees.

        Raises what `names_payee` does.
        """
        if payment.payment_method != event.provider:
            return "the payment is another provider's"
        if report.money != payment.money:
            return "the amount or the currency is not the payment's"
        if payment.is_erased:
            return None  # nobody knows the recipient any more
        if not names_payee(self._providers.get(event.provider), payment, report.receiver or ""):
            return "the recipient is not the payment's"
        return None

    def _correct(self, event: ProviderEvent, correction: Correction) -> _Result:
        """Correct the customer's details, if they are still those that the payment had."""
        payment = self._payment(correction.item_id)
        if payment is None or payment.payment_method != event.provider:
            return _set_aside("there is no such payment")
        old, new = correction.replaces or (payment.destination,), correction.destination
        if self._methods.correct(payment.customer_id, event.provider, old, new, correction.note):
            return _APPLIED
        return _Result(ProviderEventState.APPLIED, "the customer's details have changed since")

    def _payment(self, item_id: str) -> Payment | None:
        if len(item_id) > ITEM_ID_LENGTH:
            return None  # a store refuses longer keys
        key = PaymentKey.find(item_id)
        if key is not None:
            correlation.note(payment=key.payment_id)
        return self._store.get_payment(key) if key else None

    def _batch_mismatch(self, payment: Payment, update: WebhookNews) -> _Result | None:
        """Return the result for an event that is not, or not yet, about the payment's batch.

        An event may come before the answer to the call that sent the batch. Then the batch is known
        by our own id, where the event repeats it.
        """
        if payment.batch_id is None:
            return _set_aside("the payment is in no batch")
        if update.batch_id is not None:
            ours = update.batch_id == payment.batch_id
            return None if ours else _set_aside("the payment is in another batch")
        batch = self._store.get_batch(payment.batch_id)
        if batch is None or update.reference is None:
            return _set_aside("the event names no batch of ours")
        if batch.reference is None:
            return _Result(ProviderEventState.WAITING, "the batch has no reference yet")
        ours = batch.reference == update.reference
        return None if ours else _set_aside("the provider has the payment's batch under another id")

    def _confirm(self, event: ProviderEvent, payment: Payment, status: Status) -> _Result:
        """Poll the batch, closed or not; one poll settles all its members."""
        if _has_status(payment, status):
            return _APPLIED
        batch = self._store.get_batch(payment.batch_id or "")
        if batch is None or batch.reference is None:
            return _Result(ProviderEventState.WAITING, "the batch has no reference yet")
        answered = self._poller.poll(batch).answered
        seen = self._store.get_payment(payment.key)
        if seen is not None and _has_status(seen, status):
            return _APPLIED
        if not answered:
            return _Result(ProviderEventState.WAITING, "the provider did not answer the poll")
        if self._clock() - event.received_at < UNCONFIRMED:
            return _Result(ProviderEventState.WAITING, "no poll has confirmed it yet")
        return _set_aside("no poll has confirmed it within a day")

    def _poll_soon(self, event: ProviderEvent, batch_id: str) -> _Result:
        """Make a batch due now, for its next poll or its next attempt to send it.

        A first attempt that is under way is left alone.
        """
        batch = self._store.get_batch(batch_id)
        if batch is None or batch.provider != event.provider:
            return _set_aside("there is no such batch")
        now = self._clock()
        sent = batch.state is BatchState.ACCEPTED or (
            batch.state is BatchState.FROZEN and batch.attempts > 0
        )
        if sent and batch.attention_at is not None and batch.attention_at > now:
            self._store.change_batch(batch, batch.changed(attention_at=now))
        return _APPLIED


def _reader(provider: Provider) -> Webhooks | Mailbox | None:
    """Return what reads the provider's events."""
    return provider.webhooks or provider.mailbox


def _set_aside(reason: str) -> _Result:
    return _Result(ProviderEventState.SET_ASIDE, reason)


def _has_status(payment: Payment, status: Status) -> bool:
    """Return whether the payment has the status; a return on request counts as cancelled."""
    both = {Status.RETURNED, Status.CANCELLED}
    return payment.status is status or (payment.status in both and status in both)
