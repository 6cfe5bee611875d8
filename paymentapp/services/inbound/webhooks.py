"""Receives webhooks: verifies the signature, stores the event once; `inbox` applies it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from paymentapp.clock import Clock
from paymentapp.correlation import traceparent
from paymentapp.errors import CannotVerify, NotFound, NotGenuine, ProviderError
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import Webhooks
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=5)  # a new event is left to the process that received it for so long


class WebhookReceiver:
    """Stores the events of providers. An event is on record before its delivery is answered."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        clock: Clock,
        shards: int,
        notify: Callable[[ProviderEvent], None],
    ) -> None:
        """`notify` is called with each new event; it is a hint for speed, and may be lost."""
        self._store = store
        self._providers = providers
        self._clock = clock
        self._shards = shards
        self._notify = notify

    def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> None:
        """Verify and store one delivery; header names are in lower case.

        Idempotent: an event that is on record changes nothing. Raises NotFound where no webhook of
        that provider is configured, NotGenuine where the provider did not sign this one,
        CannotVerify where the signature cannot be checked now, StoreUnavailable where the event
        could not be stored.
        """
        event = self._event(name, self.webhooks_of(name), headers, body)
        stored = self._store.add_provider_event(event)
        if stored.revision == event.revision:
            log.debug("%s event %s received: %s", name, event.event_id, event.kind)
            self._notify(event)

    def webhooks_of(self, name: str) -> Webhooks:
        """Return how a provider's webhooks are read. Raises NotFound where none is configured."""
        provider = self._providers.get(name)
        if provider is None or provider.webhooks is None:
            raise NotFound("No webhook of this provider is configured.")
        return provider.webhooks

    def _event(
        self, name: str, webhooks: Webhooks, headers: Mapping[str, str], body: bytes
    ) -> ProviderEvent:
        """Verify and read a delivery, and return its record."""
        try:
            webhooks.verify_webhook(headers, body)
            update = webhooks.parse_webhook(body)
            stored = self._sealed(name, body)
        except NotGenuine as error:
            log.warning("webhook for %s refused: %s; nothing stored", name, error)
            raise
        except ProviderError as error:
            log.warning(
                "webhook for %s not verified: %s; the provider sends it again", name, error.code
            )
            raise CannotVerify(error.code) from error
        now = self._clock()
        return ProviderEvent.received(
            name,
            update.event_id,
            update.kind,
            stored,
            now=now,
            due_at=now + GRACE,
            shards=self._shards,
            traceparent=traceparent(),
        )

    def _sealed(self, name: str, body: bytes) -> bytes:
        """Return a body as it is stored. Raises ProviderError where it cannot be sealed now."""
        sealing = self._providers[name].event_sealing
        return sealing.sealed(body) if sealing else body
