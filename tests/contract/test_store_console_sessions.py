"""Every engine: sessions of the console."""

from __future__ import annotations

from dataclasses import replace

from paymentapp.models.console_sessions import LONGEST, ConsoleSession
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store
from tests.support.records import NOW, later

SESSION = ConsoleSession(
    secret_hash="a" * 64,
    csrf_token="t" * 43,
    name="grace",
    created_at=NOW,
    last_used_at=NOW,
    expires_at=NOW + LONGEST,
    revision=new_revision(),
)
RICH = replace(
    SESSION,
    key_id="0123456789abcdef",
    identities=frozenset({"grace", "00u1"}),
    scopes=frozenset({"payments:read", "payments:hold"}),
    ended_at=later(1),
    authority="https://id.example payments-api",
)


def test_a_session_is_kept_whole(store: Store) -> None:
    store.add_console_session(RICH)
    assert store.get_console_session(RICH.secret_hash) == RICH


def test_an_unknown_session_is_none(store: Store) -> None:
    assert store.get_console_session("b" * 64) is None


def test_one_of_two_changes_is_made(store: Store) -> None:
    store.add_console_session(SESSION)
    used, ended = SESSION.changed(last_used_at=later(2)), SESSION.changed(ended_at=later(3))
    assert store.change_console_session(SESSION, ended)
    assert not store.change_console_session(SESSION, used)
    assert store.get_console_session(SESSION.secret_hash) == ended


def test_a_change_that_is_repeated_counts_as_made(store: Store) -> None:
    store.add_console_session(SESSION)
    used = SESSION.changed(last_used_at=later(2))
    assert store.change_console_session(SESSION, used)
    assert store.change_console_session(SESSION, used)
