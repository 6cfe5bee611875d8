"""How quickly a process accepts connections that come at once: it leaves time for the others.

Each worker watches the same sockets. Of connections that come together, as a proxy opens them, the
first one awake would take all before another one is, and keep them while the other has none to
work on. So after each connection there is a pause, in which whoever else is free takes the next.
"""

from __future__ import annotations

import time

_PAUSE_SECONDS = 0.001  # the shortest that epoll waits; a process is awake by then, or soon after
_BURST_SECONDS = 0.01  # between connections that come together
_STEP_MAX = 8  # connections between two pauses: 8,000 a second for a process that is alone


class AcceptPace:
    """Counts accepted connections, and says when to pause: after 1, 2 more, 3 more, and so on."""

    def __init__(self) -> None:
        self._last = -_BURST_SECONDS
        self._step = self._left = 1
        self._resumes_at = 0.0

    def accepted(self) -> None:
        """Count a connection."""
        now = time.monotonic()
        if now - self._last > _BURST_SECONDS:
            self._step = self._left = 1
        self._last = now
        self._left -= 1
        if not self._left:
            self._step = min(self._step + 1, _STEP_MAX)
            self._left = self._step
            self._resumes_at = now + _PAUSE_SECONDS

    def pause(self) -> float:
        """Return for how many seconds no connection is to be accepted; 0 for none."""
        return max(self._resumes_at - time.monotonic(), 0.0)
