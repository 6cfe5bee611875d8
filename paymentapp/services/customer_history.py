"""Customers' histories: what changed in a record, when, by whom, with which details."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from paymentapp.errors import Misconfigured, ProviderError, StoreUnavailable
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.providers.base import Provider
from paymentapp.services.customers import Customers
from paymentapp.services.payees import PayeeDisplays
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

_CHUNK = 100  # lines read at once where all are read


class ShownEntry(NamedTuple):
    """A line of history with its details masked; None where there are none, or none opens."""

    entry: CustomerHistoryEntry
    details: Mapping[str, str] | None
    display: str | None  # the details on one line; `sealed` where they cannot be opened


class HistoryPage(NamedTuple):
    """A page of a history, newest first; `last_read` is the `before` of the next page."""

    entries: list[ShownEntry]
    last_read: int | None


@dataclass(frozen=True, slots=True)
class CustomerHistory:
    """Shows customers' histories, and keeps their details readable when keys are replaced."""

    store: Store
    customers: Customers
    providers: Mapping[str, Provider]
    payees: PayeeDisplays

    def page(self, customer_id: str, limit: int, before: int | None = None) -> HistoryPage:
        """Return a page of a customer's history, newest first. Raises NotFound (the customer)."""
        self.customers.known(customer_id)
        found = self.store.customer_history(customer_id, limit + 1, before)
        entries = found[:limit]
        last_read = entries[-1].version if len(found) > limit else None
        return HistoryPage([self._shown(entry) for entry in entries], last_read)

    def line(self, customer_id: str, version: int) -> ShownEntry | None:
        """Return one line of a customer's history; None where it is not on record."""
        found = self.store.customer_history(customer_id, 1, version + 1)
        return self._shown(found[0]) if found and found[0].version == version else None

    def every(self, customer_id: str) -> Iterator[ShownEntry]:
        """Yield a customer's whole history, newest first. Raises NotFound (the customer)."""
        before: int | None = None
        while True:
            page = self.page(customer_id, _CHUNK, before)
            yield from page.entries
            before = page.last_read
            if before is None:
                return

    def renew(self, customer_id: str) -> int:
        """Seal the details in a customer's history with the current key. Return how many.

        Those that no key opens any more are left as they are. Raises StoreUnavailable.
        """
        renewed = 0
        before: int | None = None
        while True:
            entries = self.store.customer_history(customer_id, _CHUNK, before)
            renewed += sum(map(self._renew, entries))
            if len(entries) < _CHUNK:
                return renewed
            before = entries[-1].version

    def _renew(self, entry: CustomerHistoryEntry) -> bool:
        """Seal a line's details anew; a process that did so at the same time did the same."""
        provider = self.providers.get(entry.method or "")
        if entry.sealed is None or provider is None or provider.payees is None:
            return False
        try:
            sealed = provider.payees.reseal(entry.customer_id, entry.sealed)
        except Misconfigured as error:
            about = entry.customer_id, entry.version, error.code
            log.warning("history of customer %s, version %d, stays sealed: %s", *about)
            return False
        except ProviderError as error:
            raise StoreUnavailable(f"details cannot be opened: {error.code}") from error
        if sealed is None:
            return False
        return self.store.change_history_entry(entry, entry.resealed_as(sealed))

    def _shown(self, entry: CustomerHistoryEntry) -> ShownEntry:
        if entry.method is None or entry.sealed is None:
            return ShownEntry(entry, None, None)
        about = entry.method, entry.customer_id, entry.sealed
        return ShownEntry(entry, self.payees.details(*about), self.payees.display(*about))
