"""Asking again: only what moves nothing, and only where there was no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from paymentapp.errors import NotSent

T = TypeVar("T")

TRIES = 4
_LONGEST = 60  # seconds, of a provider's own Retry-After


class Retrier:
    """Calls that an operator's command makes and can wait for; `pause` waits some seconds."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        self._pause = pause

    def __call__(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, at the first try that is answered; a provider's error otherwise."""
        for attempt in range(TRIES - 1):
            try:
                return ask()
            except NotSent as error:
                self._pause(max(2**attempt, min(error.retry_after or 0, _LONGEST)))
        return ask()
