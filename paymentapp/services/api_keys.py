"""API keys: who may call the API, and for what."""

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
    """Makes, checks and revokes API keys.

    What the store says of a key is remembered for 30 seconds, also that there is none, so that
    authentication costs no read a request. A revocation therefore takes up to 30 seconds in
    other processes; in this one it holds at once.
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
        """Make a key; returns its record, and the text to authenticate with, shown only now.

        A key has the scopes that it was given: `write` does not imply `read`. Raises ValueError
        for an empty or unknown scope.
        """
        wanted = frozenset(scopes)
        if not wanted or not wanted <= SCOPES:
            raise ValueError(f"scopes are among {', '.join(sorted(SCOPES))}, at least one")
        secret = secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(8), _hash(secret), name, wanted, self._clock())
        self._store.add_api_key(key)
        self._forget(key.key_id)
        return key, f"pk_{key.key_id}_{secret}"

    def authenticate(self, text: str) -> ApiKey | None:
        """The key that a caller's text proves, or None. Raises StoreUnavailable."""
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        key = self._find(parts[1])
        if key is None or not hmac.compare_digest(key.secret_hash, _hash(parts[2])):
            return None
        return None if key.revoked_at else key

    def list(self) -> list[ApiKey]:
        """All keys, oldest first, revoked ones too."""
        return self._store.list_api_keys()

    def revoke(self, key_id: str) -> bool:
        """Revoke a key. False where there is none."""
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
            if changes == self._changes:  # else what was read may be older than the change
                self._known[key_id] = key
        return key

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._changes += 1
            self._known.pop(key_id, None)


def _hash(secret: str) -> str:
    """SHA-256, without salt or stretching: the secret is 256 random bits, not a password."""
    return hashlib.sha256(secret.encode()).hexdigest()
