"""Deliveries by a queue: the sweep names receivers, and a function delivers to each.

So one receiver that is slow holds up neither the sweep nor another receiver. A message is a hint:
the next sweep sends another one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from paymentapp.bootstrap import Services
from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sqs import receiver_in

if TYPE_CHECKING:
    from paymentapp.worker.deliveries import TimedDelivery

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 25  # the longest call of a topic
MARGIN_SECONDS = 5  # to store what came of an attempt


class SendsReceivers(Protocol):
    """The part of the queue that is used here."""

    def send(self, receiver: str) -> None:
        """Have events delivered to a receiver. Raises MessagingFailed."""


def enqueue(service: Services, queue: SendsReceivers) -> None:
    """Have events delivered to each receiver that is not being served. Raises StoreUnavailable."""
    for receiver in timed_delivery(service, lambda: 0.0).idle_receivers():
        _send(queue, receiver)


def deliver_messages(
    service: Services, event: object, seconds_left: Callable[[], float], queue: SendsReceivers
) -> dict[str, int]:
    """Deliver to the receivers that messages name; where more is waiting, send another message.

    Raises StoreUnavailable: SQS then delivers the messages again.
    """
    count = 0
    for receiver in receivers_in(event):
        count += 1
        if timed_delivery(service, seconds_left).deliver_to(receiver):
            _send(queue, receiver)
    return {"receivers": count}


def receivers_in(event: object) -> Iterator[str]:
    """Yield the receivers that the messages of an event name; others are logged and dropped."""
    records: Any = event.get("Records") if isinstance(event, Mapping) else None
    for record in records if isinstance(records, list) else ():
        try:
            receiver = receiver_in(record["body"])
        except (KeyError, TypeError, ValueError) as error:
            log.warning("message of the queue not readable: %s; dropped", type(error).__name__)
        else:
            yield receiver


def _send(queue: SendsReceivers, receiver: str) -> None:
    try:
        queue.send(receiver)
    except MessagingFailed as error:
        log.error("delivery to %s not queued: %s; the next sweep queues it", receiver, error)


def timed_delivery(service: Services, seconds_left: Callable[[], float]) -> TimedDelivery:
    """Return what delivers to a receiver within the time of a function."""
    from paymentapp.worker.deliveries import TimedDelivery

    settings = service.settings
    return TimedDelivery(
        service.deliverer,
        service.publisher,
        service.store,
        service.clock,
        at_once=settings.webhooks_at_once,
        seconds_left=seconds_left,
        step_seconds=max(settings.webhooks_timeout, PUBLISH_SECONDS) + MARGIN_SECONDS,
    )
