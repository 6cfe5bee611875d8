"""Open items: what providers have reported that could not be applied and waits for an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import UnreadFile
from paymentapp.storage.base import Store

MOST = 1000  # events that are listed


class UnreadMail(NamedTuple):
    """A file in the mailbox of a provider that is not read."""

    provider: str
    file: UnreadFile


@dataclass(frozen=True, slots=True)
class OpenItems:
    """Events that were set aside, oldest first and `MOST` at most, and files that are not read."""

    events: Sequence[ProviderEvent]
    files: Sequence[UnreadMail]

    @property
    def count(self) -> int:
        """Return how many wait for an operator."""
        return len(self.events) + len(self.files)

    @property
    def words(self) -> str:
        """Return how many wait, and the command that lists them."""
        if not self.count:
            return "nothing waits for an operator"
        return f"{self.count} waiting for an operator: `paymentapp inbox list`"


def open_items(store: Store, providers: Mapping[str, Provider]) -> OpenItems:
    """Return what waits for an operator. Raises StoreUnavailable."""
    return OpenItems(store.events_set_aside(MOST), unread_mail(providers))


def unread_mail(providers: Mapping[str, Provider]) -> list[UnreadMail]:
    """Return the files in providers' mailboxes that are not read. Raises StoreUnavailable."""
    mailboxes = {name: each.mailbox for name, each in providers.items() if each.mailbox}
    return [
        UnreadMail(name, file)
        for name, mailbox in sorted(mailboxes.items())
        for file in mailbox.unread()
    ]
