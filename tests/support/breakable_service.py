"""The service, of which files in its folder break a part: what nobody breaks from outside.

`gunicorn 'tests.support.breakable_service:breakable_app()'`. What is on record is read each second
and not each minute, as the alert rules of the tests are shortened too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from flask import Flask

from paymentapp.models.balances import AccountBalance
from paymentapp.server import serving_app
from paymentapp.services.balances import Balances
from paymentapp.services.dispatch import funds_watch
from paymentapp.worker.sweeper import DueWork, Sweeper

INTERNAL_ERROR = "internal-error"  # while it is there, GET /v1/api/balances fails
END_THREAD = "end-thread"  # the sweeper's thread ends once, and removes it

_shown, _find_due = Balances.shown, Sweeper.find_due


def _shown_or_fail(self: Balances) -> Sequence[AccountBalance]:
    if Path(INTERNAL_ERROR).exists():
        raise ZeroDivisionError
    return _shown(self)


def _find_due_or_end(self: Sweeper) -> DueWork:
    if Path(END_THREAD).exists():
        Path(END_THREAD).unlink()
        raise SystemExit
    return _find_due(self)


def breakable_app() -> Flask:
    """Break what the files say, and return the application of a web process."""
    funds_watch.EVERY = timedelta(seconds=1)
    Balances.shown = _shown_or_fail
    Sweeper.find_due = _find_due_or_end
    return serving_app()
