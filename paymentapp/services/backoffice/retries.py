"""Retries of read-only provider calls that got no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from paymentapp.errors import NotSent

T = TypeVar("T")

TRIES = 4
_MAX_WAIT = 60  # seconds; a longer Retry-After is cut to it


class Retrier:
    """Retries calls for operators' commands, which can wait; `pause` sleeps some seconds."""

    def __init__(self, pause: Callable[[float], None], tries: int = TRIES) -> None:
        self._pause = pause
        self._tries = tries

    def __call__(self, ask: Callable[[], T]) -> T:
        """Return the first answer of `ask`; after the last attempt, raise its error."""
        for attempt in range(self._tries - 1):
            try:
                return ask()
            except NotSent as error:
                self._pause(max(2**attempt, min(error.retry_after or 0, _MAX_WAIT)))
        return ask()
