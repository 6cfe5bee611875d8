"""Webhook endpoints: register and change them, replace secrets, test and redeliver."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import Conflict, NotFound, ProviderError, StoreUnavailable, Unprocessable
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.events import TEST_EVENT, Event
from paymentapp.models.revisions import new_revision
from paymentapp.models.webhook_endpoints import (
    ENDPOINTS_MAX,
    NO_VAULT_KEY,
    REGISTRATION_GONE,
    SECRET_OVERLAP,
    SECRETS_MAX,
    DeliveryPage,
    DeliveryStatus,
    EndpointChanges,
    EndpointStatus,
    SigningSecret,
    WebhookDelivery,
    WebhookEndpoint,
    new_endpoint_id,
)
from paymentapp.services.outbound.messages import new_secret
from paymentapp.services.outbound.progress import forget_failures
from paymentapp.services.outbound.redelivery import due_delivery, redeliver
from paymentapp.services.outbound.registrations import Registration, registered_under
from paymentapp.storage.base import Store
from paymentapp.storage.codec.events import event_id_of, microseconds_of
from paymentapp.storage.contention import MAX_TRIES, tries
from paymentapp.vault.sealing import Vault
from paymentapp.webhook_client.addresses import ForbiddenUrl, check_url

log = logging.getLogger(__name__)

READ_MAX = 1000  # deliveries that one request reads, where it wants those of one status
_CHUNK = 100


class EndpointWithSecret(NamedTuple):
    """An endpoint with its new secret, which is shown once."""

    endpoint: WebhookEndpoint
    secret: str
    replayed: bool = False  # an earlier request with the same Idempotency-Key has made it


@dataclass(frozen=True, slots=True)
class WebhookEndpoints:
    """Register, change and test webhook endpoints."""

    store: Store
    vault: Vault
    clock: Clock
    allow_loopback: bool

    def create(
        self,
        url: str,
        event_types: Sequence[str],
        description: str,
        by: Actor = SYSTEM,
        idempotency_key: str | None = None,
    ) -> EndpointWithSecret:
        """Register an endpoint: it gets the events from now on.

        With a client's key and body of an earlier request it is that one's, as it was made. Raises
        Unprocessable for a URL that is refused, KeyReused for another body under the key; Conflict
        without a key of the vault, where there are ENDPOINTS_MAX already, or where the endpoint of
        the earlier request has no longer the secret that was answered.
        """
        self._check_url(url)
        if not self.vault.is_open:
            raise Conflict(NO_VAULT_KEY)
        now, types = self.clock(), tuple(dict.fromkeys(event_types))
        new = Registration(new_endpoint_id(now), now)
        if idempotency_key is not None:
            body = [url, types, description]
            new = registered_under(self.store, by.name, idempotency_key, body, now)
        endpoint = WebhookEndpoint(
            endpoint_id=new.endpoint_id,
            url=url,
            event_types=types,
            description=description,
            created_at=new.created_at,
            created_by=by.name,
            secrets=(),
            revision=new_revision(),
        )
        stored = self.store.get_webhook_endpoint(endpoint.endpoint_id)
        return self._replayed(endpoint, stored) if stored else self._add(endpoint)

    def _add(self, endpoint: WebhookEndpoint) -> EndpointWithSecret:
        if len(self.store.list_webhook_endpoints()) >= ENDPOINTS_MAX:
            raise Conflict(f"There are {ENDPOINTS_MAX} webhook endpoints; delete one first.")
        made = self._with_new_secret(endpoint, endpoint.created_at)
        stored = self.store.add_webhook_endpoint(made.endpoint)
        if stored.secrets != made.endpoint.secrets:  # the same request was faster
            return self._replayed(endpoint, stored)
        by = endpoint.created_by or "-"
        log.info("webhook endpoint %s registered, by %s", endpoint.endpoint_id, by)
        return made

    def _replayed(self, endpoint: WebhookEndpoint, stored: WebhookEndpoint) -> EndpointWithSecret:
        """Return an endpoint as it was made, with the secret that was answered then."""
        now, made_at = self.clock(), stored.created_at
        first = [
            each for each in stored.secrets if each.created_at == made_at and each.is_valid(now)
        ]
        if not first:
            raise Conflict(REGISTRATION_GONE)
        try:
            secret = self.vault.open(first[0].sealed, stored.place)
        except ProviderError as error:
            raise StoreUnavailable(
                f"a webhook endpoint's secret cannot be opened: {error}"
            ) from None
        return EndpointWithSecret(endpoint, secret, replayed=True)

    def list(self) -> list[WebhookEndpoint]:
        """Return the endpoints, oldest first."""
        return self.store.list_webhook_endpoints()

    def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint. Raises NotFound."""
        endpoint = self.store.get_webhook_endpoint(endpoint_id)
        if endpoint is None or endpoint.status is EndpointStatus.DELETED:
            raise NotFound("There is no such webhook endpoint.")
        return endpoint

    def change(self, endpoint_id: str, changes: EndpointChanges) -> WebhookEndpoint:
        """Change an endpoint. Raises NotFound, Unprocessable.

        One that is enabled again goes on where it stopped: no event was lost meanwhile.
        """
        if "url" in changes:
            self._check_url(changes["url"])
        if changes.get("status") is EndpointStatus.ENABLED:
            forget_failures(self.store, self.get(endpoint_id))
            changes = {**changes, "disabled_reason": ""}
        return self._update(endpoint_id, lambda endpoint: endpoint.changed(**changes))

    def delete(self, endpoint_id: str, by: Actor = SYSTEM) -> None:
        """Delete an endpoint, with its secrets and what was still to be sent. Raises NotFound."""
        self._update(endpoint_id, WebhookEndpoint.deleted)
        log.info("webhook endpoint %s deleted, by %s", endpoint_id, by.name or "-")

    def rotate_secret(self, endpoint_id: str, by: Actor = SYSTEM) -> EndpointWithSecret:
        """Replace the secret: the old one signs too for 24 hours. Raises NotFound, Conflict."""
        if not self.vault.is_open:
            raise Conflict(NO_VAULT_KEY)
        made: list[EndpointWithSecret] = []

        def rotate(endpoint: WebhookEndpoint) -> WebhookEndpoint:
            made.append(self._with_new_secret(endpoint, self.clock()))
            return made[-1].endpoint

        self._update(endpoint_id, rotate)
        log.info("webhook endpoint %s has a new secret, by %s", endpoint_id, by.name or "-")
        return made[-1]

    def test(self, endpoint_id: str) -> WebhookDelivery:
        """Have a test event sent at once. Raises NotFound, Conflict where it is disabled."""
        endpoint, now = self._enabled(endpoint_id), self.clock()
        event = Event(TEST_EVENT, now, (endpoint.endpoint_id,))
        # An id of the form that DynamoDB's have, which none in the list has.
        event_id = event_id_of(f"{microseconds_of(now):020}{secrets.token_hex(3)}999")
        return self.store.add_webhook_delivery(due_delivery(endpoint_id, event_id, event, now))

    def deliveries(
        self, endpoint_id: str, status: DeliveryStatus | None, limit: int, before: str | None
    ) -> DeliveryPage:
        """Return deliveries, newest event first. Raises NotFound.

        With `status` at most READ_MAX are read, so that fewer than `limit`, or none, may be found
        where more follow.
        """
        self.get(endpoint_id)
        found: list[WebhookDelivery] = []
        for _ in range(READ_MAX // _CHUNK):
            size = limit if status is None else _CHUNK
            page = self.store.list_webhook_deliveries(endpoint_id, size, before)
            wanted = [each for each in page.deliveries if status in {None, each.status}]
            found += wanted[: limit - len(found)]
            before = page.last_read
            if len(found) == limit:
                more = before is not None or wanted[-1] != found[-1]
                return DeliveryPage(found, found[-1].event_id if more else None)
            if before is None:
                break
        return DeliveryPage(found, before)

    def redeliver(self, endpoint_id: str, event_id: str) -> WebhookDelivery:
        """Have an event sent once more, whether or not it was delivered, and whatever its type.

        Raises NotFound, Conflict where the endpoint is disabled.
        """
        self._enabled(endpoint_id)
        return redeliver(self.store, endpoint_id, event_id, self.clock())

    def renew(self) -> int:
        """Seal all secrets with the vault's first key; return how many were not."""
        renewed = 0
        for endpoint in self.list():
            old = [each for each in endpoint.secrets if not self.vault.is_current(each.sealed)]
            if old:
                self._update(endpoint.endpoint_id, self._resealed)
                renewed += len(old)
        return renewed

    def _resealed(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        sealed = [
            each._replace(
                sealed=self.vault.seal(self.vault.open(each.sealed, endpoint.place), endpoint.place)
            )
            for each in endpoint.secrets
        ]
        return endpoint.changed(secrets=tuple(sealed))

    def _enabled(self, endpoint_id: str) -> WebhookEndpoint:
        endpoint = self.get(endpoint_id)
        if endpoint.status is not EndpointStatus.ENABLED:
            raise Conflict("This webhook endpoint is disabled: enable it first.")
        return endpoint

    def _check_url(self, url: str) -> None:
        try:
            check_url(url, allow_loopback=self.allow_loopback)
        except ForbiddenUrl as error:
            raise Unprocessable("url", str(error)) from error

    def _with_new_secret(self, endpoint: WebhookEndpoint, now: datetime) -> EndpointWithSecret:
        """Return the endpoint with a new secret first. Raises Conflict where too many sign."""
        secret = new_secret()
        overlap = now + SECRET_OVERLAP
        older = [
            each._replace(expires_at=each.expires_at or overlap)
            for each in endpoint.secrets
            if each.is_valid(now)
        ]
        if len(older) >= SECRETS_MAX:
            raise Conflict(f"{SECRETS_MAX} secrets sign already; the oldest ends within 24 hours.")
        fresh = SigningSecret(self.vault.seal(secret, endpoint.place), now)
        return EndpointWithSecret(endpoint.changed(secrets=(fresh, *older)), secret)

    def _update(
        self, endpoint_id: str, change: Callable[[WebhookEndpoint], WebhookEndpoint]
    ) -> WebhookEndpoint:
        for _ in tries():
            old = self.get(endpoint_id)
            new = change(old)
            if self.store.change_webhook_endpoint(old, new):
                return new
        raise StoreUnavailable(f"a webhook endpoint was changed {MAX_TRIES} times meanwhile")
