"""Progress and failures of measurements."""

from __future__ import annotations

import time

_begin = time.monotonic()


class Failed(Exception):
    """A measurement cannot be made, or its result is not what it should be; the text says why."""


def say(text: str) -> None:
    """Print progress, with the seconds since the start."""
    print(f"[{time.monotonic() - _begin:4.0f} s] {text}", flush=True)
