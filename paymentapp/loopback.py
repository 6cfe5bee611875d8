"""Loopback addresses."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return whether an address or a host name is a loopback one."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]").removeprefix("::ffff:"))
    except ValueError:
        return False
    return address.is_loopback
