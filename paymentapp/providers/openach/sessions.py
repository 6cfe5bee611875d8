"""Sessions of OpenACH: cookies that `connect` gives, each used by one call at a time.

Calls of one session wait for each other on the server; calls of different ones do not.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

_COOKIE = re.compile(r"[A-Za-z0-9,-]{1,256}")  # what PHP makes of session.sid_bits_per_character


class Sessions:
    """Sessions that no call uses at present. Any number of threads may share it."""

    def __init__(self, connect: Callable[[], str]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: list[str] = []

    def take(self) -> str:
        """Return a session for one call: an idle one, or a new one. Raises what `connect` does."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def give_back(self, session: str) -> None:
        """Make a session available again, after a call that was answered."""
        with self._lock:
            self._idle.append(session)

    def forget(self) -> None:
        """Use none of the idle sessions again: they began together, and end together."""
        with self._lock:
            self._idle.clear()


def is_session(text: str) -> bool:
    """Return whether a text can be sent as a cookie's value."""
    return _COOKIE.fullmatch(text) is not None
