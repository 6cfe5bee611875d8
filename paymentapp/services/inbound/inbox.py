"""The inbox: what an event tells becomes what a payment says, if the event is about our payment.

Any process may apply an event, any number of times and in any order: the ranks of the statuses
make late and repeated news harmless. Nothing is lost here if an event is: looks find the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotGenuine, StoreUnavailable
from paymentapp.models.batches import BatchState
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.providers.base import (
    Correction,
    ItemReport,
    Mailbox,
    Provider,
    WebhookNews,
    Webhooks,
)
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.payment_methods import PaymentMethods
from paymentapp.services.settlement import Settlement
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

AT_ONCE = 200  # events of a shard that one look of the sweep brings
SOONEST = timedelta(seconds=1)
LATEST = timedelta(hours=6)
UNCONFIRMED = timedelta(days=1)  # how long a look may contradict an event
ITEM_ID_LENGTH = 63  # models.item_id makes none longer

# The money is not with the recipient: whoever reads that may pay again. An event says so without
# the provider's reason, and its signature covers no more than a checksum of it; so it is the
# occasion to ask the provider, and the provider's answer is what counts.
_TO_CONFIRM = frozenset({Status.FAILED, Status.RETURNED, Status.CANCELLED})


class _Result(NamedTuple):
    """What becomes of an event, and why."""

    state: ProviderEventState
    note: str | None = None


_APPLIED = _Result(ProviderEventState.APPLIED)


class Inbox:
    """Applies events. Any number may work side by side."""

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
        """Events of a shard that nobody has applied yet; no search where none is expected.

        What goes wrong with events holds up no payment.
        """
        if not self._expected:
            return []
        try:
            return self._store.due_provider_events(shard, now, AT_ONCE)
        except StoreUnavailable as error:
            log.warning("the inbox could not be read: %s", error)
            return []

    def apply(self, event: ProviderEvent) -> ProviderEvent:
        """Apply an event. Returns it as it stands then: applied, waiting or set aside."""
        state, note = self._judge(event)
        at = None
        if state is ProviderEventState.WAITING:
            now = self._clock()
            at = now + min(max((now - event.received_at) / 2, SOONEST), LATEST)
        if state is ProviderEventState.SET_ASIDE:
            log.error("%s event %s is set aside: %s", event.provider, event.event_id, note)
        done = event.changed(state=state, note=note, attention_at=at)
        return done if self._store.change_provider_event(event, done) else event

    def _judge(self, event: ProviderEvent) -> _Result:
        provider = self._providers.get(event.provider)
        reader = _reader(provider) if provider else None
        if reader is None:
            return _Result(ProviderEventState.WAITING, "the provider is not configured")
        try:
            news = reader.parse_webhook(event.body.encode())
        except NotGenuine as error:
            return _aside(str(error))
        if news.problem:
            return _aside(news.problem)
        if news.correction is not None:
            return self._correct(event, news.correction)
        if news.item is not None:
            return self._apply_item(event, news, news.item)
        if news.batch_id is not None:
            return self._hasten(event, news.batch_id)
        log.info("%s event %s is ignored: %s", event.provider, event.event_id, event.kind)
        return _Result(ProviderEventState.IGNORED)

    def _apply_item(self, event: ProviderEvent, news: WebhookNews, report: ItemReport) -> _Result:
        payment = self._payment(report.item_id)
        if payment is None:
            return _aside("there is no such payment")
        problem = _difference(payment, event, report)
        if problem is not None:
            return _aside(problem)
        foreign = self._is_foreign(payment, news)
        if foreign is not None:
            return foreign
        if report.status in _TO_CONFIRM:
            return self._confirm(event, payment, report.status)
        self._settlement.apply_report(payment, report, Cause.WEBHOOK)
        return _APPLIED

    def _correct(self, event: ProviderEvent, correction: Correction) -> _Result:
        """Put the customer's details right, where they are still those that the payment had."""
        payment = self._payment(correction.item_id)
        if payment is None or payment.payment_method != event.provider:
            return _aside("there is no such payment")
        old, new = payment.destination, correction.destination
        if self._methods.correct(payment.customer_id, event.provider, old, new, correction.note):
            return _APPLIED
        return _Result(ProviderEventState.APPLIED, "the customer's details have changed since")

    def _payment(self, item_id: str) -> Payment | None:
        if len(item_id) > ITEM_ID_LENGTH:
            return None  # nor would a store take a key of any length
        try:
            return self._store.get_payment(PaymentKey.of(item_id))
        except ValueError:
            return None

    def _is_foreign(self, payment: Payment, news: WebhookNews) -> _Result | None:
        """What to do about an event that is not, or not yet, known to be about our batch.

        It may come before the answer to the call that sent the batch: then our own id, where the
        event repeats it, tells as much as the provider's would.
        """
        if payment.batch_id is None:
            return _aside("the payment is in no batch")
        if news.batch_id is not None:
            ours = news.batch_id == payment.batch_id
            return None if ours else _aside("the payment is in another batch")
        batch = self._store.get_batch(payment.batch_id)
        if batch is None or news.reference is None:
            return _aside("the event names no batch of ours")
        if batch.reference is None:
            return _Result(ProviderEventState.WAITING, "the batch has no reference yet")
        ours = batch.reference == news.reference
        return None if ours else _aside("the provider has the payment's batch under another id")

    def _confirm(self, event: ProviderEvent, payment: Payment, status: Status) -> _Result:
        """Look at the batch, closed or not; one look settles all its members."""
        if _says(payment, status):
            return _APPLIED
        batch = self._store.get_batch(payment.batch_id or "")
        if batch is None or batch.reference is None:
            return _Result(ProviderEventState.WAITING, "the batch has no reference yet")
        answered = self._poller.poll(batch).answered
        seen = self._store.get_payment(payment.key)
        if seen is not None and _says(seen, status):
            return _APPLIED
        if not answered:
            return _Result(ProviderEventState.WAITING, "nobody could look")
        if self._clock() - event.received_at < UNCONFIRMED:
            return _Result(ProviderEventState.WAITING, "a look has not confirmed it yet")
        return _aside("looks have not confirmed it")

    def _hasten(self, event: ProviderEvent, batch_id: str) -> _Result:
        """Let the next look at a batch, or the next try to send it, come at once.

        A first try that is on its way is left alone.
        """
        batch = self._store.get_batch(batch_id)
        if batch is None or batch.provider != event.provider:
            return _aside("there is no such batch")
        now = self._clock()
        sent = batch.state is BatchState.ACCEPTED or (
            batch.state is BatchState.FROZEN and batch.attempts > 0
        )
        if sent and batch.attention_at is not None and batch.attention_at > now:
            self._store.change_batch(batch, batch.changed(attention_at=now))
        return _APPLIED


def _reader(provider: Provider) -> Webhooks | Mailbox | None:
    """What reads the provider's events."""
    return provider.webhooks or provider.mailbox


def _aside(why: str) -> _Result:
    return _Result(ProviderEventState.SET_ASIDE, why)


def _difference(payment: Payment, event: ProviderEvent, report: ItemReport) -> str | None:
    """What the provider says of the payment that is not what we asked for."""
    if payment.payment_method != event.provider:
        return "the payment is another provider's"
    if report.money != payment.money:
        return "the amount or the currency is not the payment's"
    if (report.receiver or "").casefold() != payment.payee.casefold():
        return "the recipient is not the payment's"
    return None


def _says(payment: Payment, status: Status) -> bool:
    """Whether the payment says so already; a return that was asked for is a cancellation."""
    both = {Status.RETURNED, Status.CANCELLED}
    return payment.status is status or (payment.status in both and status in both)
