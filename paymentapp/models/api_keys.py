"""API keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.actors import Actor, expand_scopes
from paymentapp.models.revisions import new_revision


class KeyAction(StrEnum):
    """What was done to an API key."""

    CREATED = "created"
    CHANGED = "changed"
    REVOKED = "revoked"


class KeyChange(NamedTuple):
    """One line of an API key's history: who did what, and what the key could do from then on."""

    at: datetime
    action: KeyAction
    scopes: frozenset[str]
    expires_at: datetime | None
    by: str


class ApiKeyChanges(TypedDict, total=False):
    """What may change in an API key's record."""

    scopes: frozenset[str]
    revoked_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None
    history: tuple[KeyChange, ...]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A client's credentials for the API; only a hash of the secret is stored.

    `scopes` are as they were granted, bundles among them. A key of an earlier version has no
    client besides its name, no history and no revision.
    """

    key_id: str
    secret_hash: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
    client: str = ""  # empty: the same as the name
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # to the hour
    history: tuple[KeyChange, ...] = ()
    revision: str = ""

    @property
    def actor(self) -> Actor:
        """Return who acts with this key: its client."""
        client = self.client or self.name
        return Actor(client, frozenset({client}), expand_scopes(self.scopes), self.key_id)

    def is_valid(self, now: datetime) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def changed(self, **changes: Unpack[ApiKeyChanges]) -> ApiKey:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)
