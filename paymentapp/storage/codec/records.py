"""The one form in which every engine stores a record: a flat dict of plain values.

An attribute that holds its default is left out, an attribute that this version does not know is
ignored, and an update names only what it changes (`difference`), so that what a later version has
added to a record outlives an earlier one beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from paymentapp.clock import from_text, to_text
from paymentapp.errors import StoreUnavailable

# str, int, bool, None, Decimal, a list of str, or a dict of those with str keys.
Record = dict[str, Any]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RecordDifference(NamedTuple):
    """What turns one version of a record into the next."""

    changed: Record
    removed: list[str]


def difference(old: Record, new: Record) -> RecordDifference:
    """The attributes that an update sets, and those that it removes."""
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    return RecordDifference(changed, [name for name in old if name not in new])


def reads(decode: Callable[_P, _T]) -> Callable[_P, _T]:
    """Say of a record that makes no sense here (a later version's status, say) that it does not,
    rather than guess: a payment that is not understood is left alone."""

    @wraps(decode)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return decode(*args, **kwargs)
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            what = decode.__name__.removeprefix("read_")
            raise StoreUnavailable(f"a stored {what} cannot be read by this version") from error

    return checked


def maybe_time(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def maybe_text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def without_none(record: Record) -> Record:
    return {name: value for name, value in record.items() if value is not None}


# Customers


# Disbursements


# Idempotency keys


# A provider's own notes


# Leases


# API keys
