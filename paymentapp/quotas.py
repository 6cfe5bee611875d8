"""Quotas: so many requests in so many seconds."""

from __future__ import annotations

import re
from typing import NamedTuple

from paymentapp.variables import VariableKind

_QUOTA = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})")
_SECONDS_MAX = 86_400


class Quota(NamedTuple):
    """So many requests in a window of so many seconds."""

    requests: int
    seconds: int


def quota() -> VariableKind[Quota | None]:
    """Accept `REQUESTS/SECONDS`, such as `600/60`, or `off`, which is None."""
    return VariableKind(
        _read, f"off, or REQUESTS/SECONDS such as 600/60, of at most {_SECONDS_MAX} seconds"
    )


def _read(text: str) -> Quota | None:
    if text.lower() == "off":
        return None
    found = _QUOTA.fullmatch(text)
    if found is None or int(found[2]) > _SECONDS_MAX:
        raise ValueError
    return Quota(int(found[1]), int(found[2]))
