"""Sessions of the console of the store in memory."""

from __future__ import annotations

import threading
from abc import abstractmethod

from paymentapp.models.console_sessions import ConsoleSession


class MemoryConsoleSessions:
    """The part of a store in memory that has sessions of the console."""

    _lock: threading.RLock

    def __init__(self) -> None:
        self._console_sessions: dict[str, ConsoleSession] = {}

    @abstractmethod
    def _called(self, name: str) -> None: ...

    def add_console_session(self, session: ConsoleSession) -> None:
        self._called("add_console_session")
        self._console_sessions.setdefault(session.secret_hash, session)

    def get_console_session(self, secret_hash: str) -> ConsoleSession | None:
        self._called("get_console_session")
        return self._console_sessions.get(secret_hash)

    def change_console_session(self, old: ConsoleSession, new: ConsoleSession) -> bool:
        self._called("change_console_session")
        with self._lock:
            stored = self._console_sessions.get(old.secret_hash)
            if stored == old:
                self._console_sessions[old.secret_hash] = new
            return stored in (old, new)
