"""The form in which every engine stores a record: a flat dict of plain values.

An attribute with its default value is left out, an unknown attribute is ignored, and an update
names only what it changes (`difference`): so an attribute that a later version has added survives
the writes of an earlier version.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from paymentapp.errors import StoreUnavailable

# str, int, bool, None, Decimal, a list of str, or a dict of those with str keys.
Record = dict[str, Any]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RecordDifference(NamedTuple):
    """The attributes that turn one version of a record into the next."""

    changed: Record
    removed: list[str]


def difference(old: Record, new: Record) -> RecordDifference:
    """Return the attributes that an update sets, and the names of those that it removes."""
    changed = {
        name: value for name, value in new.items() if name not in old or _differ(old[name], value)
    }
    return RecordDifference(changed, [name for name in old if name not in new])


def _differ(old: Any, new: Any) -> bool:
    """Return whether two values are stored differently: in a map, True and 1 are, though equal."""
    return old != new or (isinstance(new, dict) and repr(old) != repr(new))


def reads(decode: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate a decoder so that a record that it cannot read raises StoreUnavailable.

    For example a status of a later version: a payment that is not understood is not changed.
    """

    @wraps(decode)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return decode(*args, **kwargs)
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            what = decode.__name__.lstrip("_").removeprefix("read_").replace("_", " ")
            raise StoreUnavailable(f"a stored {what} cannot be read by this version") from error

    return checked


def without_none(record: Record) -> Record:
    """Return a record without the attributes that are None."""
    return {name: value for name, value in record.items() if value is not None}
