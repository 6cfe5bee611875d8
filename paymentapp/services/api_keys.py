"""API keys: create, check and revoke them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable

from cachetools import TTLCache

from paymentapp.clock import Clock
from paymentapp.models.api_keys import ApiKey
from paymentapp.storage.base import Store

SCOPES = frozenset({"read", "write"})
CACHE_SECONDS = 30
CACHE_SIZE = 4096
_TOKEN = re.compile(r"pk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class ApiKeys:
    """Create, check and revoke API keys.

    Keys, and the fact that one does not exist, are cached for 30 seconds, so that authentication
    costs no read per request. A revocation therefore takes up to 30 seconds to reach other
    processes; in this one it takes effect at once.
    """

    def __init__(
        self, store: Store, clock: Clock, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: TTLCache[str, ApiKey | None] = TTLCache(CACHE_SIZE, CACHE_SECONDS, timer)
        self._changes = 0

    def create(self, name: str, scopes: Iterable[str]) -> tuple[ApiKey, str]:
        """Create a key. Return its record, and the secret text, which is never shown again.

        Scopes do not imply each other: `write` alone cannot read. Raises ValueError for no scope
        or an unknown one.
        """
        wanted = frozenset(scopes)
        if not wanted or not wanted <= SCOPES:
            raise ValueError(f"scopes must be at least one of {', '.join(sorted(SCOPES))}")
        secret = secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(8), _hash(secret), name, wanted, self._clock())
        self._store.add_api_key(key)
        self._forget(key.key_id)
        return key, f"pk_{key.key_id}_{secret}"

    def authenticate(self, text: str) -> ApiKey | None:
        """Return the valid key of a presented secret text, or None. Raises StoreUnavailable."""
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        key = self._find(parts[1])
        if key is None or not hmac.compare_digest(key.secret_hash, _hash(parts[2])):
            return None
        return None if key.revoked_at else key

    def list(self) -> list[ApiKey]:
        """Return all keys, oldest first, including revoked ones."""
        return self._store.list_api_keys()

    def revoke(self, key_id: str) -> bool:
        """Revoke a key. Return False if it does not exist."""
        found = self._store.revoke_api_key(key_id, self._clock())
        self._forget(key_id)
        return found

    def _find(self, key_id: str) -> ApiKey | None:
        with self._lock:
            if key_id in self._known:
                return self._known[key_id]
            changes = self._changes
        key = self._store.get_api_key(key_id)
        with self._lock:
            if changes == self._changes:  # otherwise the record may predate a change
                self._known[key_id] = key
        return key

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._changes += 1
            self._known.pop(key_id, None)


def _hash(secret: str) -> str:
    """Return the SHA-256. No salt or stretching: the secret is 256 random bits, no password."""
    return hashlib.sha256(secret.encode()).hexdigest()
