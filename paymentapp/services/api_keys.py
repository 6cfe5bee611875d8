"""API keys: create, check, change and revoke them."""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cachetools import LRUCache, TTLCache

from paymentapp.clock import Clock
from paymentapp.errors import Conflict, NotAuthenticated, NotFound, StoreUnavailable
from paymentapp.models.actors import SYSTEM, Actor, check_scopes
from paymentapp.models.api_keys import ApiKey, KeyAction, KeyChange
from paymentapp.services.secret_hashes import hash_secret
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

CACHE_SECONDS = 2
CACHE_SIZE = 4096
USE_STORED_EVERY = timedelta(hours=1)
USE_CHECK_SECONDS = 60
_TRIES = 20  # of a compare-and-swap of one key's record
_TOKEN = re.compile(r"pk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_KEY_ID = re.compile(r"(?:pk_)?([0-9a-f]{16})(?:_[A-Za-z0-9_-]*)?")


@dataclass(slots=True)
class _Known:
    """A cached key, None where there is none; its actor is made once."""

    key: ApiKey | None
    actor: Actor | None
    read_at: float
    use_noted: bool = False


def _start_thread(work: Callable[[], object]) -> None:
    threading.Thread(target=work, name="api-key-use", daemon=True).start()


class ApiKeys:
    """Create, check, change and revoke API keys.

    Keys, and the fact that one does not exist, are cached for 2 seconds from the moment at which
    the read of them began. So authentication costs a read every other second, and a key that is
    revoked or loses a scope is refused everywhere 2 seconds later; in this process at once.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], object]], object] = _start_thread,
    ) -> None:
        """`start` runs a function without keeping its caller waiting."""
        self._store = store
        self._clock = clock
        self._timer = timer
        self._start = start
        self._lock = threading.Lock()
        self._known: LRUCache[str, _Known] = LRUCache(CACHE_SIZE)
        self._uses: TTLCache[str, None] = TTLCache(CACHE_SIZE, USE_CHECK_SECONDS, timer)
        self._changes = 0

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        client: str = "",
        expires_at: datetime | None = None,
        by: Actor = SYSTEM,
    ) -> tuple[ApiKey, str]:
        """Create a key. Return its record, and the secret text, which is never shown again.

        Scopes do not imply each other, except that `admin` implies all. Raises ValueError for no
        scope or an unknown one.
        """
        granted = check_scopes(scopes)
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        bare = ApiKey(secrets.token_hex(8), hash_secret(secret), name, granted, now, client=client)
        created = KeyChange(now, KeyAction.CREATED, granted, expires_at, by.name)
        key = bare.changed(expires_at=expires_at, history=(created,))
        self._store.add_api_key(key)
        self._forget(key.key_id)
        return key, f"pk_{key.key_id}_{secret}"

    def authenticate(self, text: str) -> ApiKey | None:
        """Return the valid key of a presented secret text, or None. Raises StoreUnavailable."""
        known = self._authenticated(text)
        return known.key if known else None

    def actor(self, text: str) -> Actor:
        """Return who presents a secret text, and note that the key was used.

        Raises NotAuthenticated, StoreUnavailable.
        """
        known = self._authenticated(text)
        if known is None or known.key is None or known.actor is None:
            raise NotAuthenticated("This API key is unknown, expired or revoked.")
        if not known.use_noted:
            known.use_noted = True
            self._note_use(known.key)
        return known.actor

    def actor_of(self, key_id: str) -> Actor:
        """Return who acts with a key that has been presented earlier, with its scopes of now.

        Raises NotAuthenticated where it is no longer valid, StoreUnavailable.
        """
        known = self._find(key_id)
        if known.key is None or known.actor is None or not known.key.is_valid(self._clock()):
            raise NotAuthenticated("The API key is unknown, expired or revoked.")
        return known.actor

    def list(self) -> list[ApiKey]:
        """Return all keys, oldest first, including revoked ones."""
        return self._store.list_api_keys()

    def find(self, wanted: str) -> ApiKey:
        """Return a key by its id, by its secret text, or by its name where one key has it.

        Revoked keys are found by their id only. Raises NotFound; Conflict for a name that several
        keys have.
        """
        key_id = id_of(wanted)
        key = self._store.get_api_key(key_id) if key_id else None
        if key is not None:
            return key
        named = [each for each in self.list() if each.name == wanted and not each.revoked_at]
        if not named:
            shown = "pk_..." if wanted.startswith("pk_") else wanted  # it may hold a secret
            raise NotFound(f"no such key: {key_id or shown!r}")
        if len(named) > 1:
            ids = ", ".join(each.key_id for each in named)
            raise Conflict(f"several keys are named {wanted!r}: use one of the ids {ids}")
        return named[0]

    def change(
        self, key_id: str, scopes: Iterable[str], expires_at: datetime | None, by: Actor = SYSTEM
    ) -> ApiKey:
        """Replace what a key may do, and until when. Raises NotFound, ValueError (a scope)."""
        granted = check_scopes(scopes)

        def changed(key: ApiKey) -> ApiKey:
            done = KeyChange(self._clock(), KeyAction.CHANGED, granted, expires_at, by.name)
            history = (*key.history, done)
            return key.changed(scopes=granted, expires_at=expires_at, history=history)

        key = self._change(key_id, changed)
        if key is None:
            raise NotFound(f"no such key: {key_id!r}")
        return key

    def revoke(self, key_id: str, by: Actor = SYSTEM) -> bool:
        """Revoke a key; an earlier revocation stands. Return False if it does not exist."""

        def revoked(key: ApiKey) -> ApiKey:
            if key.revoked_at is not None:
                return key
            now = self._clock()
            done = KeyChange(now, KeyAction.REVOKED, key.scopes, key.expires_at, by.name)
            return key.changed(revoked_at=now, history=(*key.history, done))

        return self._change(key_id, revoked) is not None

    def _change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        """Compare-and-swap a key. Return the new record, None if the key does not exist."""
        try:
            for _ in range(_TRIES):
                old = self._store.get_api_key(key_id)
                new = change(old) if old else None
                if new is old or (old and new and self._store.change_api_key(old, new)):
                    return new
        finally:
            self._forget(key_id)
        raise StoreUnavailable("the key's record keeps changing")

    def _note_use(self, key: ApiKey) -> None:
        """Store that a key is used, at most once an hour, without keeping the request waiting.

        Whether an hour is over is checked once a minute, which is also the time after which a
        write that failed is tried again.
        """
        with self._lock:
            if key.key_id in self._uses:
                return
            self._uses[key.key_id] = None
        now = self._clock()
        if key.last_used_at is not None and now - key.last_used_at < USE_STORED_EVERY:
            return
        try:
            self._start(lambda: self._store_use(key, now))
        except RuntimeError as error:  # the system allows no further thread
            _warn_not_stored(key, error)

    def _store_use(self, key: ApiKey, now: datetime) -> None:
        try:
            self._store.change_api_key(key, key.changed(last_used_at=now))
        except StoreUnavailable as error:
            _warn_not_stored(key, error)

    def _authenticated(self, text: str) -> _Known | None:
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        known = self._find(parts[1])
        key = known.key
        if key is None or not hmac.compare_digest(key.secret_hash, hash_secret(parts[2])):
            return None
        ends = key.revoked_at is not None or key.expires_at is not None
        return None if ends and not key.is_valid(self._clock()) else known

    def _find(self, key_id: str) -> _Known:
        now = self._timer()
        with self._lock:
            known = self._known.get(key_id)
            if known is not None and now < known.read_at + CACHE_SECONDS:
                return known
            changes = self._changes
        key = self._store.get_api_key(key_id)
        known = _Known(key, key.actor if key else None, read_at=now)
        with self._lock:
            if changes == self._changes:  # otherwise the record may predate a change
                self._known[key_id] = known
        return known

    def forget(self) -> None:
        """Read each key again at its next use, however short ago it was read."""
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._changes += 1
            self._known.pop(key_id, None)


def _warn_not_stored(key: ApiKey, error: Exception) -> None:
    log.warning(
        "use of key %s not stored: %s; retried in %s s, if it is used then",
        *(key.key_id, error, USE_CHECK_SECONDS),
    )


def id_of(text: str) -> str | None:
    """Return the id in a key's secret text, in `pk_ID` or in the id itself; None if in none."""
    found = _KEY_ID.fullmatch(text.strip())
    return found[1] if found else None
