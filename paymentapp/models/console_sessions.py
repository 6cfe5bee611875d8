"""Sessions of people who are signed in to the console."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from paymentapp.models.revisions import new_revision

IDLE = timedelta(hours=1)  # without a request
LONGEST = timedelta(hours=12)
USE_STORED_EVERY = timedelta(minutes=5)
THIS_MACHINE = "this machine"  # the authority where authentication is off


class ConsoleSessionChanges(TypedDict, total=False):
    """What may change in a session."""

    last_used_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A person's session in the console, known by a secret in a cookie; only its hash is stored.

    One that began with an API key has the key's id, and at each request the rights that the key
    has then. Otherwise it has the rights of the access token that it began with, until it ends,
    and as long as the settings accept the `authority` that gave them.
    """

    secret_hash: str
    csrf_token: str  # forms repeat it
    name: str
    created_at: datetime
    last_used_at: datetime  # to USE_STORED_EVERY
    expires_at: datetime
    key_id: str | None = None
    identities: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    ended_at: datetime | None = None
    revision: str = ""
    authority: str = ""  # AccessTokens.authority, or THIS_MACHINE; empty for an API key

    def is_valid(self, now: datetime) -> bool:
        """Return whether the session has neither been ended, nor expired, nor been left alone."""
        left = self.last_used_at + IDLE
        return self.ended_at is None and now < min(self.expires_at, left)

    def changed(self, **changes: Unpack[ConsoleSessionChanges]) -> ConsoleSession:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)
