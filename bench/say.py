"""How a measurement tells of its progress, and of its failure."""

from __future__ import annotations

import time

_begin = time.monotonic()


class Failed(Exception):
    """A measurement cannot be made, or what it measured is not what it should be; says why."""


def say(text: str) -> None:
    """Tell of progress, with the seconds since the start."""
    print(f"[{time.monotonic() - _begin:4.0f} s] {text}", flush=True)
