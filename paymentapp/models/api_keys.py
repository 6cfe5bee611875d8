"""API keys: the right to call the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Somebody's right to call the API; the secret itself is not kept."""

    key_id: str
    secret_hash: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
