"""The two rate limits: of each client, and of each address that shows no valid key.

In the terms of draft-ietf-httpapi-ratelimit-headers-10 these are quota policies, and a client or an
address is a partition of the policy.
"""

from __future__ import annotations

import logging
import math
import threading
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from cachetools import FIFOCache

from paymentapp.errors import PaymentAppError
from paymentapp.quotas import Quota
from paymentapp.rate_limits.counters import QuotaWindow, WindowCounters

log = logging.getLogger(__name__)

CLIENT, ADDRESS = "client", "address"  # the names of the policies
# What a wrong key costs of its address's quota: with the default one, 30 wrong keys in a minute.
WRONG_KEY_UNITS = 20
_KNOWN_CREDENTIALS = 4096


class QuotaState(NamedTuple):
    """What is left of a quota: requests, and whole seconds until all of it is there again."""

    policy: str
    quota: Quota
    remaining: int
    resets_in: int


class RateLimited(PaymentAppError):
    """A client or an address has used up its quota; the request has had no effect."""

    def __init__(self, state: QuotaState) -> None:
        super().__init__(f"the {state.policy}'s quota is used up for {state.resets_in} s")
        self.state = state


class RateLimits:
    """Count requests by client and by address. A quota that is None does not limit."""

    def __init__(
        self, counters: WindowCounters, clients: Quota | None, addresses: Quota | None
    ) -> None:
        self._counters = counters
        self._clients = clients
        self._addresses = addresses
        # By hash: the text itself is a secret. Only valid ones enter, so strangers evict none.
        self._valid: FIFOCache[int, None] = FIFOCache(_KNOWN_CREDENTIALS)
        self._lock = threading.Lock()  # for changes of it

    def count_client(self, name: str) -> QuotaState | None:
        """Count a request of a client. Raises RateLimited."""
        return self._count(CLIENT, self._clients, name, 1) if self._clients else None

    def state_of_client(self, name: str) -> QuotaState | None:
        """Return what is left of a client's quota, without counting."""
        if self._clients is None:
            return None
        return _state(CLIENT, self._clients, self._counters.window(f"{CLIENT} {name}"))

    def check_address(self, address: str, credential: str) -> None:
        """Raise RateLimited where an address has used up its quota, unless its key is known.

        A known credential was valid when this process checked it last, and is about to be checked
        again. So whoever shares an address with an attacker goes on to be served, and a guess is
        not even looked up.
        """
        if self._addresses is None or hash(credential) in self._valid:
            return
        window = self._counters.window(f"{ADDRESS} {network_of(address)}")
        if window.used >= self._addresses.requests:
            raise RateLimited(_state(ADDRESS, self._addresses, window))

    def count_address(self, address: str, *, wrong_key: bool) -> QuotaState | None:
        """Count an answer to somebody who has shown no valid key."""
        if self._addresses is None:
            return None
        units = min(WRONG_KEY_UNITS, self._addresses.requests) if wrong_key else 1
        try:
            return self._count(ADDRESS, self._addresses, network_of(address), units)
        except RateLimited as limited:  # others of this address were answered meanwhile
            return limited.state

    def remember(self, credential: str) -> None:
        """Note that a credential is valid."""
        if self._addresses is not None and hash(credential) not in self._valid:
            with self._lock:
                self._valid[hash(credential)] = None

    def forget(self, credential: str) -> None:
        """Note that a credential is not valid, or not any more."""
        with self._lock:
            self._valid.pop(hash(credential), None)

    def _count(self, policy: str, quota: Quota, name: str, units: int) -> QuotaState:
        window, counted = self._counters.count(f"{policy} {name}", units, *quota)
        state = _state(policy, quota, window)
        if not counted:
            raise RateLimited(state)
        if state.remaining == 0:
            log.warning(
                "rate limit of %s %r reached: %d requests in %d s; refused for %d s",
                *(policy, name, *quota, state.resets_in),
            )
        return state


@lru_cache(1024)
def network_of(address: str) -> str:
    """Return what is limited as one address: of IPv6 the network of 64 bits that one host has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed) >> 64 << 64, 64)))


def _state(policy: str, quota: Quota, window: QuotaWindow) -> QuotaState:
    remaining = max(0, quota.requests - window.used)
    return QuotaState(policy, quota, remaining, max(1, math.ceil(window.ends_in)))
