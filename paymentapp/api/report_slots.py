"""Bound how many threads of a process make reports, which take a thread for as long as they run.

Whoever finds none free gets 429 with Retry-After at once, so that reports leave threads for
payments.
"""

from __future__ import annotations

import threading
from typing import cast

from flask import Flask, current_app
from werkzeug.exceptions import TooManyRequests

RETRY_AFTER = 30
_EXTENSION = "paymentapp.report_slots"


class TooManyReports(TooManyRequests):
    """All places for reports are taken."""

    detail = "Other reports are being made: retry later."

    def __init__(self) -> None:
        super().__init__(retry_after=RETRY_AFTER)


class ReportSlots:
    """Places for reports: a quarter of a process's threads, and one at least."""

    def __init__(self, threads: int) -> None:
        self.places = max(1, threads // 4)
        self._free = threading.BoundedSemaphore(self.places)

    def take(self) -> ReportSlot:
        """Take a place, which the caller gives back. Raises TooManyReports where none is free."""
        if not self._free.acquire(blocking=False):
            raise TooManyReports
        return ReportSlot(self._free)


class ReportSlot:
    """A place that is taken; giving it back twice gives it back once."""

    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free: threading.BoundedSemaphore | None = free

    def give_back(self) -> None:
        """Give the place back."""
        free, self._free = self._free, None
        if free is not None:
            free.release()


def register_report_slots(app: Flask, threads: int) -> None:
    """Bound the reports that a process with so many threads makes at once."""
    app.extensions[_EXTENSION] = ReportSlots(threads)


def take_report_slot() -> ReportSlot:
    """Take a place of the current app. Raises TooManyReports."""
    return cast(ReportSlots, current_app.extensions[_EXTENSION]).take()
