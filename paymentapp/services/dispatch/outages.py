"""Outages: announces once that the calls to a provider keep failing, and once that it answers.

By what is in the store, so that all processes agree: batches that wait because their last attempt
has failed, and batches that were accepted since. Nothing that is sent is decided by it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import from_text, to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch
from paymentapp.models.events import OtherEvent
from paymentapp.models.outages import OutageNotice
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

_NAME = "outages"


class OpenOutage(NamedTuple):
    """An outage: when it was first seen, and a batch that waits because of it."""

    since: datetime
    batch_id: str
    reason: str
    announced: bool = False


@dataclass
class ProviderCalls:
    """What the batches of a provider say of the calls that send them."""

    failing: Batch | None = None  # one that waits because its last attempt has failed
    accepted_at: datetime | None = None  # when the last one was accepted

    def add(self, batch: Batch) -> None:
        """Add a batch of the provider."""
        if batch.failure is not None:
            self.failing = batch
        if batch.accepted_at is not None:
            self.accepted_at = max(batch.accepted_at, self.accepted_at or batch.accepted_at)


_NO_CALLS = ProviderCalls()


class OutageWatch:
    """Announces outages by what a look at all open batches has found.

    One process at a time calls `update`, once a minute: what it finds twice in a row has lasted.
    The event is written before the entry: a crash between the two announces it twice, and never
    not at all.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def update(self, calls: Mapping[str, ProviderCalls], now: datetime) -> None:
        """Announce what has begun or is over. Raises StoreUnavailable."""
        entry = self._store.get_state_entry(_NAME)
        old = _read(entry.text) if entry else {}
        new = {}
        for name in sorted(old.keys() | calls.keys()):
            outage = self._next(name, old.get(name), calls.get(name, _NO_CALLS), now)
            if outage is not None:
                new[name] = outage
        if new != old:
            self._write(entry, _text(new))

    def _next(
        self, name: str, known: OpenOutage | None, calls: ProviderCalls, now: datetime
    ) -> OpenOutage | None:
        """Return a provider's outage as it is now; None where there is none."""
        failing = calls.failing
        found = OpenOutage(now, failing.batch_id, failing.failure or "") if failing else None
        if known is None:
            return found
        if self._is_over(known, calls):
            if known.announced:
                self._announce(OtherEvent.PROVIDER_RECOVERED, name, known, now)
            return found
        if found is None:  # without an answer: an announced one stays until there is one
            return known if known.announced else None
        found = found._replace(since=known.since, announced=True)
        if not known.announced:
            self._announce(OtherEvent.PROVIDER_FAILING, name, found, now)
        return found

    def _is_over(self, known: OpenOutage, calls: ProviderCalls) -> bool:
        """Return whether the provider has answered since: with that batch, or with another one."""
        if calls.accepted_at is not None and calls.accepted_at > known.since:
            return True
        if calls.failing is not None:
            return False
        batch = self._store.get_batch(known.batch_id)
        return batch is not None and batch.was_answered

    def _announce(self, kind: OtherEvent, name: str, outage: OpenOutage, now: datetime) -> None:
        log.warning("%s: %s since %s: %s", kind, name, to_text(outage.since), outage.reason)
        notice = OutageNotice(name, outage.since, outage.reason)
        self._store.add_event(notice.event(kind, now))

    def _write(self, old: StateEntry | None, text: str) -> None:
        """Replace the entry that was read. Another process's, written meanwhile, stays."""
        if old is None:
            self._store.add_state_entry(StateEntry.new(_NAME, text))
        else:
            self._store.change_state_entry(old, old.changed(text))


def open_outages(store: Store) -> dict[str, OpenOutage]:
    """Return the outages as of the last look, by provider. Raises StoreUnavailable."""
    entry = store.get_state_entry(_NAME)
    return _read(entry.text) if entry else {}


def _text(outages: Mapping[str, OpenOutage]) -> str:
    record = {name: [to_text(each.since), *each[1:]] for name, each in outages.items()}
    return json.dumps(record, separators=(",", ":"))


def _read(text: str) -> dict[str, OpenOutage]:
    try:
        return {
            name: OpenOutage(from_text(since), *rest)
            for name, (since, *rest) in json.loads(text).items()
        }
    except (AttributeError, ValueError, TypeError) as error:
        raise StoreUnavailable("the stored outages cannot be read by this version") from error
