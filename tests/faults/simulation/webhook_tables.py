"""The stored endpoints and deliveries of webhooks; every write is checked when it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from paymentapp.models.webhook_endpoints import (
    DeliveryStatus,
    EndpointStatus,
    SigningSecret,
    WebhookDelivery,
    WebhookEndpoint,
    disabling_events,
)
from tests.faults.simulation.clock import micros_of
from tests.faults.simulation.index import Index
from tests.faults.simulation.tables import current, is_own, lag_of

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

Key = tuple[str, str]  # endpoint, and event
# As the guide says it, apart from the service: times until the next attempt, a tenth more or less.
DELAYS = [
    timedelta(**{unit: number})
    for unit, number in (
        *(("seconds", 5), ("minutes", 5), ("minutes", 30), ("hours", 2), ("hours", 5)),
        *(("hours", 10), ("hours", 14), ("hours", 20), ("hours", 24)),
    )
]


class Version(NamedTuple):
    """A version of an endpoint, and the true time of its write."""

    at: int
    endpoint: WebhookEndpoint


class WebhookTables:
    """Dictionaries of the newest versions, the index over deliveries, and all earlier endpoints."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self.endpoints: dict[str, WebhookEndpoint] = {}
        self.versions: dict[str, list[Version]] = {}
        self.deliveries: dict[Key, WebhookDelivery] = {}
        self._lag: Callable[[], int] = lag_of(rng) if world.engine == "dynamodb" else lambda: 0
        self._due: dict[str, Index[Key, Key]] = {}

    def present(self) -> list[WebhookEndpoint]:
        """Return the endpoints that are not deleted, oldest first."""
        found = sorted(self.endpoints.items())
        return [each for _, each in found if each.status is not EndpointStatus.DELETED]

    def enabled(self) -> list[WebhookEndpoint]:
        """Return the endpoints that get events, oldest first."""
        return [each for each in self.present() if each.status is EndpointStatus.ENABLED]

    def add_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Store an endpoint, or return the one that has its id."""
        if endpoint.endpoint_id not in self.endpoints:
            self._put_endpoint(endpoint)
        return self.endpoints[endpoint.endpoint_id]

    def change_endpoint(self, old: WebhookEndpoint, new: WebhookEndpoint) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.endpoints.get(old.endpoint_id)
        if not current(stored, old):
            return is_own(stored, new)
        self._put_endpoint(new)
        if self.world.webhooks.events is not None:
            self.world.webhooks.events.written(disabling_events(old, new))
        return True

    def _put_endpoint(self, new: WebhookEndpoint) -> None:
        self.endpoints[new.endpoint_id] = new
        version = Version(self.world.time.micros(), new)
        self.versions.setdefault(new.endpoint_id, []).append(version)

    def versions_since(self, endpoint_id: str, since: int) -> list[WebhookEndpoint]:
        """Return the versions of an endpoint that were in effect at a time or later."""
        known = self.versions[endpoint_id]
        before = [each for each in known if each.at <= since][-1:]
        return [each.endpoint for each in (*before, *(each for each in known if each.at > since))]

    def must_sign(self, endpoint_id: str, read_at: int, now: int, overlap: int) -> set[str]:
        """Return the sealed secrets that have to sign at a time, of an endpoint read before.

        The last one, and each that was replaced so recently, whatever the stored record says.
        """
        last: SigningSecret | None = None
        found: set[str] = set()
        for at, endpoint in self.versions[endpoint_id]:
            if at > read_at or not endpoint.secrets:
                break
            first = endpoint.secrets[0]
            if last and first.sealed != last.sealed and micros_of(first.created_at) > now - overlap:
                found.add(last.sealed)
            last = first
        return found | ({last.sealed} if last else set())

    # Deliveries

    def due(self, endpoint_id: str, until: datetime, limit: int) -> list[WebhookDelivery]:
        """Return what is due by the index, which may be stale, and by the record."""
        index = self._due.get(endpoint_id)
        found = [self.deliveries[key] for key in index.due(0, until, limit)] if index else []
        return [each for each in found if each.next_attempt_at and each.next_attempt_at <= until]

    def soonest(self, endpoint_id: str) -> datetime | None:
        """Return when the next attempt of an endpoint is due; None where none is."""
        index = self._due.get(endpoint_id)
        return index.soonest() if index else None

    def add_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Store a delivery, or return the one that has its id."""
        key = delivery.endpoint_id, delivery.event_id
        if key not in self.deliveries:
            if delivery.attempts:
                self._check(None, delivery)
            self._put(delivery)
        return self.deliveries[key]

    def change_delivery(self, old: WebhookDelivery, new: WebhookDelivery) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.deliveries.get((old.endpoint_id, old.event_id))
        if not current(stored, old):
            return is_own(stored, new)
        if new.attempts > old.attempts:
            self._check(old, new)
        self._put(new)
        return True

    def _put(self, new: WebhookDelivery) -> None:
        key = new.endpoint_id, new.event_id
        self.deliveries[key] = new
        index = self._due.setdefault(new.endpoint_id, Index(self.world.scheduler, self._lag))
        index.put(key, 0, new.next_attempt_at, key)

    def _check(self, old: WebhookDelivery | None, new: WebhookDelivery) -> None:
        """Report an attempt that came before its time, or the wrong time of the next one."""
        fault = delivery_fault(old, new)
        if fault:
            self.world.findings.fail("webhook retry", fault, new.event.payment)


def delivery_fault(old: WebhookDelivery | None, new: WebhookDelivery) -> str | None:
    """Return what is wrong with a delivery after one more attempt, or None."""
    attempts, at = new.attempts, new.last_attempt_at
    if at is None or attempts != (old.attempts if old else 0) + 1:
        return f"attempt {attempts} after {old.attempts if old else 0}, at {at}"
    if old is not None and (old.next_attempt_at is None or at < old.next_attempt_at):
        return f"attempt {attempts} at {at}, and it was due at {old.next_attempt_at}"
    if not new.last_error:
        done = new.status is DeliveryStatus.SUCCEEDED and new.next_attempt_at is None
        return None if done else f"it is {new.status} after a success"
    if attempts > len(DELAYS):
        over = new.status is DeliveryStatus.FAILED and new.next_attempt_at is None
        return None if over else f"it is {new.status} after attempt {attempts}"
    if new.status is not DeliveryStatus.PENDING or new.next_attempt_at is None:
        return f"it is {new.status} after {attempts} attempts"
    delay, expected = new.next_attempt_at - at, DELAYS[attempts - 1]
    if not 0.9 * expected <= delay <= 1.1 * expected:
        return f"the next attempt after {attempts} is {delay} later"
    return None
