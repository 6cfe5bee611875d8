"""The part of the simulated store that has events, webhook endpoints and deliveries."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from paymentapp.errors import StoreUnavailable
from paymentapp.models.events import Event, EventPage
from paymentapp.models.webhook_endpoints import (
    DeliveryPage,
    WebhookDelivery,
    WebhookEndpoint,
    disabling_events,
)
from paymentapp.storage.dynamodb.event_entries import position_of, time_of
from tests.faults.simulation.clock import micros_of
from tests.faults.simulation.event_list import CHECKED, Entry
from tests.faults.simulation.scheduler import SECOND, current_task
from tests.faults.simulation.trace import Subject

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

Result = TypeVar("Result")
LANDED = 10 * SECOND  # an entry that took longer is put again
PUTS = 3
AGAIN = 100  # entries with void events that one call checks again


class WebhookStore:
    """Events, endpoints and deliveries; each call may fail as those of `SimulatedStore` do."""

    world: World
    process: Process
    lagging: bool

    @abstractmethod
    def _read(self, call: str, subject: Subject) -> None: ...

    @abstractmethod
    def _write(self, call: str, subject: Subject, effect: Callable[[], Result]) -> Result: ...

    # Events

    def _announce(self, events: Sequence[Event], subject: Subject = None) -> None:
        """Put an entry of the events of what is about to be written, where the engine does so."""
        listed = self.world.webhooks.events
        if listed is None or not self.lagging or not events:
            return
        for _ in range(PUTS):
            begun = self.process.micros()
            entry = listed.entry(self.process.clock(), events)
            self._write("announce", subject, partial(listed.add, entry))
            if self.process.micros() - begun <= LANDED:
                return
        raise StoreUnavailable("entries of events took too long")

    def list_events(self, after: str | None, limit: int) -> EventPage:
        self._read("list_events", None)
        assert self.world.webhooks.events is not None
        page = self.world.webhooks.events.page(after, limit)
        current_task().webhooks.listed = {each.event_id for each in page.events}
        return page

    def get_event(self, event_id: str) -> Event | None:
        self._read("get_event", None)
        assert self.world.webhooks.events is not None
        return self.world.webhooks.events.get(event_id)

    def publish_events(self, now: datetime) -> None:
        """Check what was announced a while ago, mark what was not made as void, move the end."""
        listed = self.world.webhooks.events
        if listed is None or not self.lagging:
            return
        self._read("events_end", None)
        end, target = listed.end, position_of(now - timedelta(microseconds=listed.horizon()))
        if end < target:
            self._read("entries", None)
            for entry in listed.unpublished(target):
                self._check_entry(entry)
            if not self._write("move_end", None, partial(listed.move_end, end, target)):
                return  # another process publishes
        for entry, numbers in list(listed.unmade.values())[:AGAIN]:
            self._check_again(entry, numbers)

    def _check_entry(self, entry: Entry) -> None:
        listed = self.world.webhooks.events
        assert listed is not None
        self._read("made", _subject(entry.events))
        void = [n for n, event in enumerate(entry.events) if not listed.is_made(event)]
        if void != entry.void:
            subject = _subject(entry.events)
            self._write("mark_void", subject, partial(listed.mark_void, entry, void))

    def _check_again(self, entry: Entry, numbers: list[int]) -> None:
        listed = self.world.webhooks.events
        assert listed is not None
        self._read("made", _subject(entry.events))
        made = [n for n in numbers if listed.is_made(entry.events[n])]
        self._announce([entry.events[n] for n in made], _subject(entry.events))
        left = [n for n in numbers if n not in made]
        if self.process.micros() - micros_of_entry(entry) > CHECKED:
            left = []
        if left != numbers:
            self._write("keep_unmade", None, partial(listed.keep_unmade, entry, left))

    # Endpoints

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        tables = self.world.webhooks.tables
        return self._write("add_endpoint", None, lambda: tables.add_endpoint(endpoint))

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        self._read("get_endpoint", None)
        found = self.world.webhooks.tables.endpoints.get(endpoint_id)
        reads = current_task().webhooks
        if found is not None and endpoint_id == reads.endpoint_id:
            reads.endpoints.append((self.world.time.micros(), found))
        return found

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        self._read("list_endpoints", None)
        return self.world.webhooks.tables.present()

    def change_webhook_endpoint(self, old: WebhookEndpoint, new: WebhookEndpoint) -> bool:
        tables = self.world.webhooks.tables
        self._announce(disabling_events(old, new))
        return self._write("change_endpoint", None, lambda: tables.change_endpoint(old, new))

    # Deliveries

    def add_webhook_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        tables = self.world.webhooks.tables
        subject = _subject([delivery.event])
        return self._write("add_delivery", subject, lambda: tables.add_delivery(delivery))

    def get_webhook_delivery(self, endpoint_id: str, event_id: str) -> WebhookDelivery | None:
        self._read("get_delivery", None)
        return self.world.webhooks.tables.deliveries.get((endpoint_id, event_id))

    def change_webhook_delivery(self, old: WebhookDelivery, new: WebhookDelivery) -> bool:
        tables = self.world.webhooks.tables
        subject = _subject([new.event])
        return self._write("change_delivery", subject, lambda: tables.change_delivery(old, new))

    def due_webhook_deliveries(
        self, endpoint_id: str, until: datetime, limit: int
    ) -> list[WebhookDelivery]:
        self._read("due_deliveries", None)
        found = self.world.webhooks.tables.due(endpoint_id, until, limit)
        current_task().webhooks.due = {each.event_id: each for each in found}
        return found

    def list_webhook_deliveries(
        self, endpoint_id: str, limit: int, before: str | None = None
    ) -> DeliveryPage:
        raise NotImplementedError  # operators of a world read its tables


def micros_of_entry(entry: Entry) -> int:
    """Return the time of an entry by its writer's clock, in microseconds since the start."""
    return micros_of(time_of(entry.sk))


def _subject(events: Sequence[Event]) -> Subject:
    keys = [event.payment for event in events]
    return tuple(key for key in keys if key is not None)
