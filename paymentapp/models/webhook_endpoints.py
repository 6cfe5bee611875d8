"""Webhook endpoints: where events are sent to, and the deliveries that are not done yet.

By the Standard Webhooks specification (https://www.standardwebhooks.com): the id of a message is
the id of its event, the same in each attempt.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.events import KEPT, Event, OtherEvent
from paymentapp.models.revisions import new_revision

ENDPOINTS_MAX = 16  # each has threads of its own, so that none delays another
SECRETS_MAX = 5  # that sign at once
SECRET_OVERLAP = timedelta(hours=24)  # how long a replaced secret still signs
FAILING_MAX = timedelta(days=5)  # without one success: the endpoint is disabled
ENDPOINT_ID_PATTERN = r"^we_[0-9]{20}[0-9a-f]{8}$"
# After each attempt that failed, the time until the next one.
RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
NO_VAULT_KEY = (
    "This service cannot keep a secret: PAYMENTAPP_VAULT_KEYS is not set. An operator makes a key "
    "by `paymentapp vault new-key`."
)
REGISTRATION_GONE = (
    "The webhook endpoint that this Idempotency-Key has registered was deleted since, or its "
    "secret was replaced."
)
NOT_ON_RECORD = "not sent: what it is about did not happen"  # why a delivery has ended
_JITTER = 0.1  # of a delay, more or less


class EndpointStatus(StrEnum):
    """Whether events are sent to an endpoint. The record of a deleted one is kept for a while."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class SigningSecret(NamedTuple):
    """A secret that signs, sealed by the vault; without `expires_at` it is the current one."""

    sealed: str
    created_at: datetime
    expires_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether the secret still signs."""
        return self.expires_at is None or now < self.expires_at


class EndpointChanges(TypedDict, total=False):
    """What may change in an endpoint's record."""

    url: str
    event_types: tuple[str, ...]
    description: str
    status: EndpointStatus
    secrets: tuple[SigningSecret, ...]
    disabled_reason: str
    disablings: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An address that events are sent to; without `event_types` those of every type.

    `disablings` are the times at which the service itself has disabled it.
    """

    endpoint_id: str
    url: str
    event_types: tuple[str, ...]
    description: str
    created_at: datetime
    created_by: str
    secrets: tuple[SigningSecret, ...]
    status: EndpointStatus = EndpointStatus.ENABLED
    disabled_reason: str = ""
    disablings: tuple[datetime, ...] = ()
    revision: str = ""

    @property
    def place(self) -> str:
        """Return what the vault binds the endpoint's secrets to."""
        return f"webhook-endpoint#{self.endpoint_id}"

    @property
    def progress_name(self) -> str:
        """Return the name of the entry with how far the endpoint has followed the events."""
        return f"webhook#{self.endpoint_id}"

    def wants(self, event_type: str) -> bool:
        """Return whether events of a type are sent to the endpoint."""
        return not self.event_types or event_type in self.event_types

    def changed(self, **changes: Unpack[EndpointChanges]) -> WebhookEndpoint:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)

    def given_up(self, now: datetime, reason: str) -> WebhookEndpoint:
        """Return the endpoint as the service disables it: this is an event."""
        return self.changed(
            status=EndpointStatus.DISABLED,
            disabled_reason=reason,
            disablings=(*self.disablings, now),
        )

    def deleted(self) -> WebhookEndpoint:
        """Return what stays of the endpoint when it is deleted: events may be about it."""
        return self.changed(
            status=EndpointStatus.DELETED, url="", description="", event_types=(), secrets=()
        )


def disabling_events(old: WebhookEndpoint, new: WebhookEndpoint) -> list[Event]:
    """Return the events of a change of an endpoint: one, where the service has disabled it."""
    known = len(old.disablings)
    return [
        Event(OtherEvent.ENDPOINT_DISABLED, at, (new.endpoint_id,), number)
        for number, at in enumerate(new.disablings[known:], start=known)
    ]


class DeliveryStatus(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"  # it is tried again
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # after the last attempt; it may be redelivered


class DeliveryChanges(TypedDict, total=False):
    """What may change in a delivery's record."""

    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status_code: int | None
    last_error: str


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """An event that is to be sent to an endpoint, or was: its id is the event's.

    There is none for an event whose first attempt succeeded. `event` is kept here, since a test has
    no other place.
    """

    endpoint_id: str
    event_id: str
    event: Event
    created_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_status_code: int | None = None
    last_error: str = ""
    revision: str = ""

    @property
    def delivery_id(self) -> str:
        """Return the id of the delivery: its event's."""
        return self.event_id

    @property
    def expires_at(self) -> datetime:
        """Return until when the record is kept."""
        return self.created_at + KEPT

    def changed(self, **changes: Unpack[DeliveryChanges]) -> WebhookDelivery:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)

    def due(self, now: datetime) -> WebhookDelivery:
        """Return the delivery as due at once, with all of its attempts if it had ended."""
        attempts = self.attempts if self.status is DeliveryStatus.PENDING else 0
        return self.changed(status=DeliveryStatus.PENDING, attempts=attempts, next_attempt_at=now)

    def ended(self, error: str) -> WebhookDelivery:
        """Return the delivery as failed, without a further attempt."""
        return self.changed(status=DeliveryStatus.FAILED, next_attempt_at=None, last_error=error)

    def attempted(self, now: datetime, status_code: int | None, error: str) -> WebhookDelivery:
        """Return the delivery after an attempt, which succeeded where there is no error."""
        attempts = self.attempts + 1
        delay = retry_delay(attempts) if error else None
        if not error:
            status = DeliveryStatus.SUCCEEDED
        else:
            status = DeliveryStatus.PENDING if delay is not None else DeliveryStatus.FAILED
        return self.changed(
            status=status,
            attempts=attempts,
            next_attempt_at=None if delay is None else now + delay,
            last_attempt_at=now,
            last_status_code=status_code,
            last_error=error,
        )

    def refused(self, now: datetime, error: str) -> WebhookDelivery:
        """Return the delivery after an attempt that was refused for good: it is not repeated."""
        return self.changed(
            status=DeliveryStatus.FAILED,
            attempts=self.attempts + 1,
            next_attempt_at=None,
            last_attempt_at=now,
            last_error=error,
        )


class DeliveryPage(NamedTuple):
    """Deliveries, newest event first. `last_read` is the `before` of the next page, or None."""

    deliveries: list[WebhookDelivery]
    last_read: str | None


def retry_delay(attempts: int) -> timedelta | None:
    """Return the time until the attempt after so many that failed; None after the last one.

    A random tenth more or less keeps those that failed together from coming back together.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    # Not for a secret: S311 warns of a generator that can be predicted.
    return RETRY_DELAYS[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311


def new_endpoint_id(now: datetime) -> str:
    """Return an id that no other endpoint will ever have; ids sort by time."""
    return f"we_{now:%Y%m%d%H%M%S%f}{secrets.token_hex(4)}"
