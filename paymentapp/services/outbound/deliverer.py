"""Delivers events to webhook endpoints: at least once, whatever crashes.

An endpoint follows the list of events. What its first attempt does not deliver is recorded as a
delivery, to be tried again; then the position moves on. A crash before that is stored repeats the
attempts: so nothing counts as delivered before its answer has arrived.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol

from paymentapp import correlation
from paymentapp.clock import Clock
from paymentapp.errors import ProviderError
from paymentapp.models.events import EventPage, PublishedEvent
from paymentapp.models.revisions import new_revision
from paymentapp.models.webhook_endpoints import (
    FAILING_MAX,
    NOT_ON_RECORD,
    EndpointStatus,
    WebhookDelivery,
    WebhookEndpoint,
)
from paymentapp.services.events import Events, ShownEvent
from paymentapp.services.outbound.messages import body_of, signed_headers
from paymentapp.services.outbound.progress import FollowerProgress, KeptProgress, read_progress
from paymentapp.services.payees import ShownPayment
from paymentapp.storage.base import Store
from paymentapp.storage.contention import tries
from paymentapp.vault.sealing import Vault
from paymentapp.webhook_client.client import NotDelivered

log = logging.getLogger(__name__)

ROUND_MAX = 50  # events, and deliveries that are tried again, of one round
GONE = 410  # the receiver wants no more (Standard Webhooks, "Disabling endpoints")


class Sends(Protocol):
    """The part of the HTTP client that is used here."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer. Raises NotDelivered."""

    def close(self) -> None:
        """Close the connections."""


class WebhookAttempt(NamedTuple):
    """What came of an attempt: it succeeded where there is no error."""

    at: datetime
    status_code: int | None
    error: str


# Makes attempts, several at once where it can; returns None for one that it did not begin.
RunAttempts = Callable[[Sequence[Callable[[], WebhookAttempt]]], Sequence[WebhookAttempt | None]]


class _Round(NamedTuple):
    """The attempts of one round, how far the endpoint has come, and whether more is waiting."""

    attempts: Sequence[WebhookAttempt | None]
    after: str
    more: bool


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers events, one round after the other for each endpoint."""

    store: Store
    events: Events
    vault: Vault
    client: Sends
    clock: Clock

    def endpoints(self) -> list[str]:
        """Return the ids of the endpoints that get events."""
        found = self.store.list_webhook_endpoints()
        return [each.endpoint_id for each in found if each.status is EndpointStatus.ENABLED]

    def failing(self) -> int:
        """Return of how many endpoints every attempt fails, with one read for each."""
        found = self.store.list_webhook_endpoints()
        enabled = [each for each in found if each.status is EndpointStatus.ENABLED]
        return sum(read_progress(self.store, each).failing_since is not None for each in enabled)

    def deliver(self, endpoint_id: str, run: RunAttempts, kept: KeptProgress | None = None) -> bool:
        """Send what is new and what is due to an endpoint; return whether more is waiting.

        Progress is stored in each round, or by `kept`, which the caller passes for each round of
        the endpoint. Raises StoreUnavailable: what was sent meanwhile is then sent again.
        """
        kept = kept or KeptProgress()
        endpoint = self._enabled(endpoint_id)
        if endpoint is None:
            return False
        progress = kept.read(self.store, endpoint)
        page = self.store.list_events(progress.after, ROUND_MAX)
        if page.events:  # read again: what happens after a change of the endpoint goes by that
            endpoint = self._enabled(endpoint_id)
        secrets = self._secrets(endpoint) if endpoint is not None else []
        if endpoint is None or not secrets:
            return False
        first = _probing(run) if progress.failing_since else run
        fresh = self._follow(endpoint, secrets, progress.after, page, first)
        # The position moves before the deliveries that are due are tried: these may take long.
        since = _failing_since(progress.failing_since, fresh.attempts)
        kept.advance(
            self.store,
            endpoint,
            FollowerProgress(fresh.after, since),
            delivered=len(fresh.attempts),
            at_once=since != progress.failing_since or _has_failed(fresh.attempts),
        )
        retried = self._retry(endpoint, secrets, _probing(run) if since else run)
        now_since = _failing_since(since, retried.attempts)
        if now_since != since:
            now = FollowerProgress(fresh.after, now_since)
            kept.advance(self.store, endpoint, now, delivered=0, at_once=True)
        self._disable_if_failing(endpoint, [*fresh.attempts, *retried.attempts], now_since)
        return fresh.more or retried.more

    def store_progress(self, endpoint_id: str, kept: KeptProgress) -> None:
        """Store the progress of an endpoint that was delivered to, so that none is repeated."""
        endpoint = self.store.get_webhook_endpoint(endpoint_id)
        if endpoint is not None and endpoint.status is not EndpointStatus.DELETED:
            kept.write(self.store, endpoint)

    def _enabled(self, endpoint_id: str) -> WebhookEndpoint | None:
        endpoint = self.store.get_webhook_endpoint(endpoint_id)
        enabled = endpoint is not None and endpoint.status is EndpointStatus.ENABLED
        return endpoint if enabled else None

    def _follow(
        self,
        endpoint: WebhookEndpoint,
        secrets: Sequence[str],
        after: str,
        page: EventPage,
        run: RunAttempts,
    ) -> _Round:
        """Make the first attempt of the events of a page, and record those that failed."""
        if page.last_read is None or page.last_read <= after:
            return _Round([], after, more=False)
        wanted = [each for each in page.events if endpoint.wants(each.event.type)]
        shown, events = self.events.shown(wanted), dict(wanted)
        attempts = self._send(endpoint, secrets, shown, run)
        for (event_id, *_), attempt in zip(shown, attempts, strict=True):
            if attempt is None:  # not begun: the next round begins here
                return _Round(attempts, after, more=any(map(_has_succeeded, attempts)))
            if attempt.error:
                self._record(endpoint, PublishedEvent(event_id, events[event_id]), attempt)
            after = event_id
        return _Round(attempts, page.last_read, len(page.events) == ROUND_MAX)

    def _retry(self, endpoint: WebhookEndpoint, secrets: Sequence[str], run: RunAttempts) -> _Round:
        """Make the attempts that are due of recorded deliveries."""
        due = self.store.due_webhook_deliveries(endpoint.endpoint_id, self.clock(), ROUND_MAX)
        shown = self.events.shown([PublishedEvent(each.event_id, each.event) for each in due])
        attempts = self._send(endpoint, secrets, shown, run)
        attempted = dict(zip([each.event_id for each in shown], attempts, strict=True))
        for delivery in due:
            attempt = attempted.get(delivery.event_id)
            if attempt is not None:
                self.store.change_webhook_delivery(delivery, delivery.attempted(*attempt))
            elif delivery.event_id not in attempted:
                self.store.change_webhook_delivery(delivery, delivery.ended(NOT_ON_RECORD))
        return _Round(attempts, "", len(due) == ROUND_MAX and None not in attempts)

    def _send(
        self,
        endpoint: WebhookEndpoint,
        secrets: Sequence[str],
        shown: Sequence[ShownEvent],
        run: RunAttempts,
    ) -> Sequence[WebhookAttempt | None]:
        if not shown:
            return []
        return run([partial(self._attempt, endpoint, secrets, event) for event in shown])

    def _attempt(
        self, endpoint: WebhookEndpoint, secrets: Sequence[str], event: ShownEvent
    ) -> WebhookAttempt:
        """Send an event once, signed as of now. Any status but 2xx is a failure."""
        payment = event.data.payment if isinstance(event.data, ShownPayment) else None
        if payment is None:
            return self._post(endpoint, secrets, event)
        about = correlation.about(payment=payment.payment_id)
        with about, correlation.continuing(payment.traceparent):
            return self._post(endpoint, secrets, event)

    def _post(
        self, endpoint: WebhookEndpoint, secrets: Sequence[str], event: ShownEvent
    ) -> WebhookAttempt:
        now = self.clock()
        try:
            body = body_of(event)
            headers = signed_headers(event.event_id, now, body, secrets)
            status = self.client.post(endpoint.url, headers, body.encode())
        except NotDelivered as error:
            return WebhookAttempt(self.clock(), None, str(error))
        except Exception as error:  # one event must not keep those after it from being sent
            log.exception("event %s not sent; tried again", event.event_id)
            return WebhookAttempt(now, None, f"internal error: {type(error).__name__}")
        error_text = "" if 200 <= status < 300 else f"HTTP status {status}"
        return WebhookAttempt(self.clock(), status, error_text)

    def _record(
        self, endpoint: WebhookEndpoint, published: PublishedEvent, attempt: WebhookAttempt
    ) -> None:
        """Record what a first attempt has not delivered; what is recorded already stays."""
        delivery = WebhookDelivery(
            endpoint.endpoint_id,
            published.event_id,
            published.event,
            attempt.at,
            revision=new_revision(),
        )
        self.store.add_webhook_delivery(delivery.attempted(*attempt))

    def _secrets(self, endpoint: WebhookEndpoint) -> list[str]:
        """Return the secrets that sign now; none where they cannot be read, which is logged."""
        now = self.clock()
        valid = [each.sealed for each in endpoint.secrets if each.is_valid(now)]
        try:
            return [self.vault.open(sealed, endpoint.place) for sealed in valid]
        except ProviderError as error:
            log.error(
                "webhook endpoint %s gets no events: %s; tried again", endpoint.endpoint_id, error
            )
            return []

    def _disable_if_failing(
        self,
        endpoint: WebhookEndpoint,
        attempts: Sequence[WebhookAttempt | None],
        failing_since: datetime | None,
    ) -> None:
        now = self.clock()
        if any(each is not None and each.status_code == GONE for each in attempts):
            self._disable(endpoint, now, "It answered 410: it wants no more events.")
        elif failing_since is not None and any(attempts) and now - failing_since >= FAILING_MAX:
            self._disable(endpoint, now, f"Every attempt has failed for {_days(FAILING_MAX)}.")

    def _disable(self, endpoint: WebhookEndpoint, now: datetime, reason: str) -> None:
        """Disable an endpoint, unless somebody has changed where it leads meanwhile."""
        for _ in tries():
            stored = self.store.get_webhook_endpoint(endpoint.endpoint_id)
            if stored is None or stored.url != endpoint.url:
                return
            if stored.status is not EndpointStatus.ENABLED:
                return
            if self.store.change_webhook_endpoint(stored, stored.given_up(now, reason)):
                log.error("webhook endpoint %s disabled: %s", endpoint.endpoint_id, reason)
                return


def _failing_since(
    since: datetime | None, attempts: Sequence[WebhookAttempt | None]
) -> datetime | None:
    """Return since when every attempt has failed; None where one has succeeded, or none was made.

    A time that was known already stays where no attempt was made.
    """
    made = [each for each in attempts if each is not None]
    if not made:
        return since
    if not all(each.error for each in made):
        return None
    return since or min(each.at for each in made)


def _has_succeeded(attempt: WebhookAttempt | None) -> bool:
    return attempt is not None and not attempt.error


def _has_failed(attempts: Sequence[WebhookAttempt | None]) -> bool:
    return any(attempt is not None and attempt.error for attempt in attempts)


def _probing(run: RunAttempts) -> RunAttempts:
    """Return what makes one attempt first, and the others only where it has succeeded.

    For an endpoint that fails: while it is down, each round costs it, and us, one attempt.
    """

    def probe(
        jobs: Sequence[Callable[[], WebhookAttempt]],
    ) -> Sequence[WebhookAttempt | None]:
        (first,) = run(jobs[:1])
        rest = run(jobs[1:]) if _has_succeeded(first) else [None for _ in jobs[1:]]
        return [first, *rest]

    return probe


def _days(time: timedelta) -> str:
    return f"{time.days} days"
