"""Collects what is in the mailboxes of providers: each message becomes one event of the inbox."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.errors import NotGenuine, ProviderError, StoreUnavailable
from paymentapp.masking import printable
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import Delivery
from paymentapp.storage.base import Lease, Store

log = logging.getLogger(__name__)


class MailboxCollector:
    """Empties mailboxes, one process at a time for each.

    A delivery is put away after all of its events are stored. After a crash it is read again; that
    is idempotent, since an event that is on record changes nothing.
    """

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        clock: Clock,
        shards: int,
        pause: timedelta,
    ) -> None:
        """`pause` is the time between two polls of a mailbox."""
        self._store = store
        fetched = {n: p.mailbox for n, p in providers.items() if p.mailbox}
        self._mailboxes = {name: each for name, each in fetched.items() if each.fetches}
        self._clock = clock
        self._shards = shards
        self._pause = pause
        self._owner = secrets.token_hex(8)
        self._next: dict[str, datetime] = {}

    def due(self) -> list[str]:
        """Return the mailboxes that this process should poll now."""
        now = self._clock()
        return [name for name in self._mailboxes if self._next.get(name, now) <= now]

    def collect(self, name: str) -> int:
        """Poll a mailbox, unless another process holds its lease. Returns the number of new events.

        Errors are logged; the next poll tries again.
        """
        self._next[name] = self._clock() + self._pause
        new = 0
        try:
            if self._holds(name):
                for delivery in self._mailboxes[name].collect():
                    new += self._take_in(name, delivery)
                    if not self._holds(name):
                        break  # it took so long that another process reads by now
        except (ProviderError, StoreUnavailable) as error:
            log.warning("mailbox of %s not emptied: %s; retried at the next poll", name, error)
        return new

    def _holds(self, name: str) -> bool:
        """Hold the lease of a mailbox for another pause; False where another process has it."""
        now = self._clock()
        wanted = Lease(f"collect#{name}", self._owner, now + self._pause)
        return self._store.hold_lease(wanted, now).owner == self._owner

    def _take_in(self, name: str, delivery: Delivery) -> int:
        mailbox = self._mailboxes[name]
        try:
            events = [self._event(name, body) for body in delivery.bodies]
        except NotGenuine as error:
            log.error("delivery %s of %s not stored: %s", printable(delivery.name), name, error)
            return 0
        new = sum(
            self._store.add_provider_event(event).revision == event.revision for event in events
        )
        if delivery.complete:
            mailbox.put_away(delivery)
        log.info(
            "delivery %s of %s stored: %d events, %d new",
            *(printable(delivery.name), name, len(events), new),
        )
        return new

    def _event(self, name: str, body: bytes) -> ProviderEvent:
        update = self._mailboxes[name].parse_webhook(body)
        now = self._clock()
        return ProviderEvent.received(
            name, update.event_id, update.kind, body, now=now, due_at=now, shards=self._shards
        )
