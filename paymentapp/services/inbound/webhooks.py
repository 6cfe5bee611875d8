"""Webhooks received: told genuine, stored once, answered; `inbox` applies them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from paymentapp.clock import Clock
from paymentapp.errors import CannotVerify, NotFound, NotGenuine, ProviderError
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.base import Provider, Webhooks
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=5)  # how long a new event is left to the process that received it


class WebhookReceiver:
    """Takes providers' events in. What it has answered is on record, and will be applied."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        clock: Clock,
        shards: int,
        tell: Callable[[ProviderEvent], None],
    ) -> None:
        """`tell` hears of each new event; it is only a hint, for speed."""
        self._store = store
        self._providers = providers
        self._clock = clock
        self._shards = shards
        self._tell = tell

    def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take in one delivery; names of headers are in small letters.

        An event that is on record changes nothing. Raises NotFound where that provider sends none
        here, NotGenuine where it did not send this one, CannotVerify where that cannot be told
        now, StoreUnavailable where it could not be kept.
        """
        provider = self._providers.get(name)
        if provider is None or provider.webhooks is None:
            raise NotFound("No webhook is expected here.")
        event = self._event(name, provider.webhooks, headers, body)
        stored = self._store.add_provider_event(event)
        if stored.revision == event.revision:
            log.info("%s event %s: %s", name, event.event_id, event.kind)
            self._tell(event)

    def _event(
        self, name: str, webhooks: Webhooks, headers: Mapping[str, str], body: bytes
    ) -> ProviderEvent:
        """A new record of what was delivered."""
        try:
            webhooks.verify_webhook(headers, body)
            news = webhooks.parse_webhook(body)
        except NotGenuine as error:
            log.warning("a webhook for %s was refused: %s", name, error)
            raise
        except ProviderError as error:
            log.warning("a webhook for %s could not be checked: %s", name, error.code)
            raise CannotVerify(error.code) from error
        now = self._clock()
        return ProviderEvent.received(
            name,
            news.event_id,
            news.kind,
            body,
            now=now,
            due_at=now + GRACE,
            shards=self._shards,
        )
