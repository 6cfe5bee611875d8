"""Publishes events to a topic: each at least once, whatever crashes.

It follows the list of events by a position of its own, as a webhook endpoint does, and the position
moves behind what the topic has taken. A message that the topic refuses for good is recorded as a
failed delivery, so that it holds up none of those after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock, to_text
from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sns import TopicMessage, TopicResult
from paymentapp.models.events import Event, EventPage, PublishedEvent
from paymentapp.models.revisions import new_revision
from paymentapp.models.webhook_endpoints import NOT_ON_RECORD, WebhookDelivery
from paymentapp.services.events import Events, ShownEvent
from paymentapp.services.outbound.messages import body_of
from paymentapp.services.outbound.progress import (
    FollowerProgress,
    advance,
    begin_progress,
    read_progress,
)
from paymentapp.services.outbound.redelivery import redeliver
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

TOPIC = "topic"  # in the place of an endpoint's id, in the records of deliveries
ROUND_MAX = 100  # events of one round, after which the position moves
GROUP_MAX = 128  # characters of a FIFO topic's group
RETRY_DELAYS = (0.2, 1.0)  # seconds, before messages of a batch that failed are published again

_NOT_ON_RECORD = TopicResult(NOT_ON_RECORD, refused=True)


class PublishesMessages(Protocol):
    """The part of a topic that is used here."""

    arn: str
    name: str

    def batches(self, messages: Sequence[TopicMessage]) -> Iterator[list[TopicMessage]]:
        """Yield the messages in their order, as many at a time as one call may have."""

    def publish(self, batch: Sequence[TopicMessage]) -> list[TopicResult]:
        """Publish a batch, and return each result. Raises MessagingFailed where there is none."""

    def close(self) -> None:
        """Close the connections."""


class PublishedRound(NamedTuple):
    """Whether more is waiting, and why events were not published; empty where they were."""

    more: bool
    error: str = ""


class TopicFollower(NamedTuple):
    """The topic as a follower of the events, from the time at which it is first looked at."""

    progress_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EventPublisher:
    """Publishes events, one round after the other."""

    store: Store
    events: Events
    topic: PublishesMessages
    clock: Clock
    sleep: Callable[[float], object]

    def publish(self, may_begin: Callable[[], bool]) -> PublishedRound:
        """Publish what is new, and what is to be published again.

        No batch begins once `may_begin` returns False. Raises StoreUnavailable: what was published
        meanwhile is then published again.
        """
        progress = begin_progress(self.store, self._follower())
        fresh = self._follow(progress, may_begin)
        if fresh.error:
            return fresh
        again = self._publish_again(may_begin)
        return PublishedRound(fresh.more or again.more, again.error)

    def failing(self) -> bool:
        """Return whether every attempt fails. Raises StoreUnavailable."""
        return read_progress(self.store, self._follower()).failing_since is not None

    def status(self) -> str:
        """Return how publishing goes, in words. Raises StoreUnavailable."""
        since = read_progress(self.store, self._follower()).failing_since
        if since is None:
            return f"published to {self.topic.name}"
        return (
            f"not published to {self.topic.name} since {to_text(since)}: no event is lost; the log "
            "of the dispatcher says why"
        )

    def failed(self, limit: int) -> list[WebhookDelivery]:
        """Return events that were refused for good, or are to be published again, newest first."""
        return self.store.list_webhook_deliveries(TOPIC, limit).deliveries

    def publish_again(self, event_id: str) -> WebhookDelivery:
        """Have an event published once more. Raises NotFound."""
        return redeliver(self.store, TOPIC, event_id, self.clock())

    def _follower(self) -> TopicFollower:
        return TopicFollower(f"topic#{self.topic.arn}", self.clock())

    def _follow(self, progress: FollowerProgress, may_begin: Callable[[], bool]) -> PublishedRound:
        """Publish the next events, and move the position behind those that are done."""
        page = self.store.list_events(progress.after, ROUND_MAX)
        if page.last_read is None or page.last_read <= progress.after:
            return PublishedRound(more=False)
        after, done = self._reached(progress.after, page, self._results(page.events, may_begin))
        since = progress.failing_since
        if done.error:
            since = since or self.clock()
        elif after != progress.after:
            since = None
        if (after, since) != progress:
            advance(self.store, self._follower(), after, since)
        if progress.failing_since is not None and since is None:
            log.info("events are published to topic %s again", self.topic.name)
        return done

    def _reached(
        self, after: str, page: EventPage, results: dict[str, TopicResult]
    ) -> tuple[str, PublishedRound]:
        """Return the last event up to which all are done; record those that were refused."""
        for published in page.events:
            result = results.get(published.event_id)
            if result is None:  # not begun: the next round begins here
                return after, PublishedRound(more=True)
            if result.failed:
                return after, PublishedRound(more=False, error=result.error)
            if result.refused and result is not _NOT_ON_RECORD:
                self._record(published, result.error)
            after = published.event_id
        return page.last_read or after, PublishedRound(len(page.events) == ROUND_MAX)

    def _results(
        self, published: Sequence[PublishedEvent], may_begin: Callable[[], bool]
    ) -> dict[str, TopicResult]:
        """Publish events in their order; return the results, by id, of those that were begun.

        Ends with the first batch in which one fails. What did not happen is not shown, and ends.
        """
        groups = {event_id: _group(event) for event_id, event in published}
        on_record = self.events.shown(published)
        results = dict.fromkeys(
            groups.keys() - {each.event_id for each in on_record}, _NOT_ON_RECORD
        )
        messages = []
        for shown in on_record:
            try:
                messages.append(_message(shown, groups[shown.event_id]))
            except Exception as error:  # one event must not keep those after it from being sent
                log.exception("event %s cannot be published", shown.event_id)
                results[shown.event_id] = TopicResult(
                    f"internal error: {type(error).__name__}", True
                )
        for batch in self.topic.batches(messages):
            if not may_begin():
                break
            of_batch = self._publish(batch)
            results |= {m.event_id: r for m, r in zip(batch, of_batch, strict=True)}
            failure = next((each.error for each in of_batch if each.failed), None)
            if failure is not None:
                log.error("events not published to topic %s: %s; retried", self.topic.name, failure)
                break
        return results

    def _publish(self, batch: Sequence[TopicMessage]) -> list[TopicResult]:
        """Publish a batch; where some of it failed, publish these again, a few times."""
        results = self._attempt(batch)
        for delay in RETRY_DELAYS:
            failed = [number for number, result in enumerate(results) if result.failed]
            if len(failed) in {0, len(batch)}:
                break
            self.sleep(delay)
            again = self._attempt([batch[number] for number in failed])
            for number, result in zip(failed, again, strict=True):
                results[number] = result
        return results

    def _attempt(self, batch: Sequence[TopicMessage]) -> list[TopicResult]:
        try:
            return self.topic.publish(batch)
        except MessagingFailed as error:
            return [TopicResult(error.code)] * len(batch)

    def _publish_again(self, may_begin: Callable[[], bool]) -> PublishedRound:
        """Publish what was asked for again, and keep what came of it."""
        due = self.store.due_webhook_deliveries(TOPIC, self.clock(), ROUND_MAX)
        if not due:
            return PublishedRound(more=False)
        results = self._results([PublishedEvent(e.event_id, e.event) for e in due], may_begin)
        for delivery in due:
            result = results.get(delivery.event_id)
            if result is None:
                return PublishedRound(more=True)
            if result.failed:
                return PublishedRound(more=False, error=result.error)
            ended = result is _NOT_ON_RECORD
            new = delivery.ended(result.error) if ended else self._after(delivery, result)
            self.store.change_webhook_delivery(delivery, new)
        return PublishedRound(len(due) == ROUND_MAX)

    def _record(self, published: PublishedEvent, error: str) -> None:
        """Record an event that was refused; what is recorded already stays."""
        now = self.clock()
        fresh = WebhookDelivery(TOPIC, *published, now, revision=new_revision())
        self.store.add_webhook_delivery(self._after(fresh, TopicResult(error, refused=True)))

    def _after(self, delivery: WebhookDelivery, result: TopicResult) -> WebhookDelivery:
        """Return a delivery after an attempt that succeeded, or was refused."""
        if not result.refused:
            return delivery.attempted(self.clock(), None, "")
        log.error(
            "event %s refused by topic %s: %s; recorded and not published: see `paymentapp topic`",
            *(delivery.event_id, self.topic.name, result.error),
        )
        return delivery.refused(self.clock(), result.error)


def _message(event: ShownEvent, group: str) -> TopicMessage:
    return TopicMessage(event.event_id, event.type, body_of(event), group)


def _group(event: Event) -> str:
    """Return what an event is in order with: those of its payment, customer, hold or endpoint.

    An event without a subject is in order with those of its type.
    """
    subject = event.subject if event.payment is not None else event.subject[:1]
    return "/".join(subject)[:GROUP_MAX] or event.type
