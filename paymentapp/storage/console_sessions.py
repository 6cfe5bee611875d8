"""The part of the store interface that keeps the console's sessions."""

from __future__ import annotations

from typing import Protocol

from paymentapp.models.console_sessions import ConsoleSession


class ConsoleSessionStore(Protocol):
    """Keeps sessions of the console; see `Store` for what holds for each call."""

    def add_console_session(self, session: ConsoleSession) -> None:
        """Store a new session; it is deleted some time after it has expired."""

    def get_console_session(self, secret_hash: str) -> ConsoleSession | None:
        """Return the session of a hash, by a consistent read; None where there is none."""

    def change_console_session(self, old: ConsoleSession, new: ConsoleSession) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""
