"""Registrations of endpoints under an Idempotency-Key: one endpoint for a client's key and body.

What a key was used for is an entry of the store's own. It has no secret: that of the endpoint is in
its record, where a new key of the vault seals it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import from_text, to_text
from paymentapp.errors import KeyReused
from paymentapp.models.idempotency import KEY_RETENTION, key_hashes
from paymentapp.models.provider_state import update_state_entry
from paymentapp.models.webhook_endpoints import new_endpoint_id
from paymentapp.storage.base import Store


class Registration(NamedTuple):
    """Which endpoint a key has registered, when, and by which body."""

    endpoint_id: str
    created_at: datetime
    fingerprint: str = ""

    @property
    def text(self) -> str:
        """Return the registration as stored."""
        return f"{self.endpoint_id} {to_text(self.created_at)} {self.fingerprint}"


def registered_under(
    store: Store, client: str, key: str, body: Sequence[object], now: datetime
) -> Registration:
    """Return what a client's key has registered; from now on, a new endpoint if it is unused.

    Raises KeyReused where it was used with another body, StoreUnavailable. A key is kept for
    KEY_RETENTION.
    """
    fingerprint = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]
    new = Registration(new_endpoint_id(now), now, fingerprint).text

    def bind(text: str) -> str:
        return text if text and now < _read(text).created_at + KEY_RETENTION else new

    own, _ = key_hashes(key, client)
    found = _read(update_state_entry(store, f"webhook-key#{own}", "", bind).text)
    if found.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key was used with another body.")
    return found


def _read(text: str) -> Registration:
    endpoint_id, created_at, fingerprint = text.split(" ")
    return Registration(endpoint_id, from_text(created_at), fingerprint)
