"""How many clients were too slow: one line of the log a minute, and not one for each."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

_PAUSE = 60.0  # seconds


class SlowCount:
    """Counts the connections of a process that were closed early."""

    def __init__(self) -> None:
        self.slow = 0
        self.displaced = 0
        self._next = 0.0

    def report(self) -> None:
        """Log what was counted since the last line, the first at once."""
        now = time.monotonic()
        if now < self._next or not (self.slow or self.displaced):
            return
        log.warning(
            "connections closed: %d too slow, %d to make room for others (PAYMENTAPP_CONNECTIONS)",
            self.slow,
            self.displaced,
        )
        self.slow = self.displaced = 0
        self._next = now + _PAUSE
