"""Steps of the dispatcher, the poller and the inbox as spans, each with its batch or event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.polling import Poll, Poller
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.tracing.base import BATCH, EVENT, PAYMENT, PROVIDER, RESULT, Role, Tracing

T = TypeVar("T")


def traced_dispatcher(dispatcher: Dispatcher, tracing: Tracing) -> Dispatcher:
    """Return the dispatcher itself where traces are off, else one whose steps are spans."""
    traced = cast(Dispatcher, _TracedDispatcher(dispatcher, tracing))
    return traced if tracing.enabled else dispatcher


def traced_poller(poller: Poller, tracing: Tracing) -> Poller:
    """Return the poller itself where traces are off, else one whose polls are spans."""
    return cast(Poller, _TracedPoller(poller, tracing)) if tracing.enabled else poller


def traced_inbox(inbox: Inbox, tracing: Tracing) -> Inbox:
    """Return the inbox itself where traces are off, else one that applies events in spans."""
    return cast(Inbox, _TracedInbox(inbox, tracing)) if tracing.enabled else inbox


class _TracedPart:
    """A part of the service some of whose methods are spans. Everything else is its own."""

    def __init__(self, part: Any, tracing: Tracing) -> None:
        self._part = part
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        """Return what the part has under a name."""
        return getattr(self._part, name)

    def _step(self, name: str, batch: Batch, step: Callable[[Batch], T]) -> T:
        about = {PROVIDER: batch.provider, BATCH: batch.batch_id}
        with self._tracing.span(name, Role.INTERNAL, about, batch.traceparent):
            return step(batch)


class _TracedDispatcher(_TracedPart):
    """A dispatcher that begins a trace for each batch; its later steps belong to it."""

    def submit(self, payments: Sequence[Payment]) -> Batch | None:
        """Prepare, freeze and send one group; the store links each member that the batch got."""
        about = {PROVIDER: payments[0].payment_method}
        with self._tracing.span("batch submit", Role.INTERNAL, about) as span:
            batch: Batch | None = self._part.submit(payments)
            if batch is not None:
                span.set({BATCH: batch.batch_id, RESULT: batch.state.value})
            return batch

    def resume(self, batch: Batch) -> Batch:
        """Take the next step of a batch."""
        resume: Callable[[Batch], Batch] = self._part.resume
        return self._step("batch resume", batch, resume)


class _TracedPoller(_TracedPart):
    """A poller whose polls belong to the trace of the batch."""

    def follow(self, batch: Batch) -> Batch:
        """Poll a batch and schedule the next poll."""
        return self.poll(batch).batch

    def poll(self, batch: Batch) -> Poll:
        """Poll a batch once."""
        poll: Callable[[Batch], Poll] = self._part.poll
        return self._step("batch poll", batch, poll)

    def cancel_unclaimed(self, payment: Payment) -> Payment:
        """Ask the provider to cancel an unclaimed payment, in the payment's trace."""
        about = {PROVIDER: payment.payment_method, PAYMENT: payment.payment_id}
        with self._tracing.span("payment recall", Role.INTERNAL, about, payment.traceparent):
            cancelled: Payment = self._part.cancel_unclaimed(payment)
            return cancelled


class _TracedInbox(_TracedPart):
    """An inbox whose spans belong to the request by which the event came."""

    def apply(self, event: ProviderEvent) -> ProviderEvent:
        """Apply an event."""
        about = {PROVIDER: event.provider, EVENT: event.event_id, "paymentapp.kind": event.kind}
        with self._tracing.span("event apply", Role.CONSUMER, about, event.traceparent) as span:
            done: ProviderEvent = self._part.apply(event)
            span.set({RESULT: done.state.value})
            return done
