"""Sessions of the console: sign in, find, sign out."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotAuthenticated, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.console_sessions import LONGEST, USE_STORED_EVERY, ConsoleSession
from paymentapp.models.revisions import new_revision
from paymentapp.services.api_keys import ApiKeys
from paymentapp.services.secret_hashes import hash_secret
from paymentapp.storage.base import Store
from paymentapp.storage.contention import MAX_TRIES, tries

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NO_SESSION = "Sign in: there is no session, or it has ended."


class SignedIn(NamedTuple):
    """A session, and who it is of."""

    session: ConsoleSession
    actor: Actor


@dataclass(frozen=True, slots=True)
class ConsoleSessions:
    """Begins, finds and ends sessions. Each method may raise StoreUnavailable."""

    store: Store
    api_keys: ApiKeys
    clock: Clock
    # What may vouch for a session that did not begin with a key: AccessTokens.authority where an
    # issuer is set, THIS_MACHINE where authentication is off. A change of settings ends the others.
    authorities: frozenset[str] = frozenset()

    def begin_with_key(self, key: str) -> tuple[str, Actor]:
        """Begin a session by an API key. Return the secret for the cookie, and who signed in.

        Raises NotAuthenticated.
        """
        actor = self.api_keys.actor(key.strip())
        return self.begin(actor), actor

    def begin(self, actor: Actor, authority: str = "", longest: timedelta = LONGEST) -> str:
        """Begin a session of who has been authenticated. Return the secret for the cookie."""
        secret = secrets.token_urlsafe(32)
        hashed, longest = hash_secret(secret), min(longest, LONGEST)
        session = _session(actor, hashed, self.clock(), authority, longest)
        self.store.add_console_session(session)
        return secret

    def find(self, secret: str) -> SignedIn:
        """Return the session of a cookie, and note that it is used. Raises NotAuthenticated."""
        if not _SECRET.fullmatch(secret):
            raise NotAuthenticated(_NO_SESSION)
        session = self.store.get_console_session(hash_secret(secret))
        now = self.clock()
        if session is None or not session.is_valid(now):
            raise NotAuthenticated(_NO_SESSION)
        actor = self._actor(session)
        if now - session.last_used_at >= USE_STORED_EVERY:
            self.store.change_console_session(session, session.changed(last_used_at=now))
        return SignedIn(session, actor)

    def end(self, session: ConsoleSession) -> None:
        """End a session: its cookie is worth nothing from now on."""
        current: ConsoleSession | None = session
        for _ in tries():
            if current is None or current.ended_at is not None:
                return
            if self.store.change_console_session(current, current.changed(ended_at=self.clock())):
                return
            current = self.store.get_console_session(session.secret_hash)
        raise StoreUnavailable(f"a session was changed {MAX_TRIES} times meanwhile")

    def _actor(self, session: ConsoleSession) -> Actor:
        if session.key_id is not None:
            return self.api_keys.actor_of(session.key_id)
        if session.authority not in self.authorities:
            raise NotAuthenticated(_NO_SESSION)
        return Actor(session.name, session.identities, session.scopes)


def _session(
    actor: Actor, secret_hash: str, now: datetime, authority: str, longest: timedelta
) -> ConsoleSession:
    return ConsoleSession(
        secret_hash=secret_hash,
        csrf_token=secrets.token_urlsafe(32),
        name=actor.name,
        created_at=now,
        last_used_at=now,
        expires_at=now + longest,
        key_id=actor.key_id,
        identities=frozenset() if actor.key_id else actor.identities,
        scopes=frozenset() if actor.key_id else actor.scopes,
        revision=new_revision(),
        authority=authority,
    )
