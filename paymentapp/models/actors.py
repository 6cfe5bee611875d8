"""Actors: the programs and people that act on the service, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

PAYMENTS_READ = "payments:read"
PAYMENTS_WRITE = "payments:write"
CUSTOMERS_WRITE = "customers:write"
PAYEES = "payees:write"
APPROVE = "payments:approve"
HOLD = "payments:hold"
WEBHOOKS = "webhooks:write"
REPORTS = "reports:read"
CUSTOMERS_READ = "customers:read"
ADMIN = "admin"
SCOPES = MappingProxyType(
    {
        CUSTOMERS_READ: "show customers, their payment methods and histories",
        CUSTOMERS_WRITE: "register customers, change their attributes, and erase them",
        PAYEES: "change the payment methods and e-mail addresses of customers",
        PAYMENTS_READ: "list and show payments, show the use of limits and balances",
        PAYMENTS_WRITE: "request payments, and cancel and retry the client's own",
        APPROVE: "approve and reject payments",
        HOLD: "hold and release payments, and cancel those of any client",
        WEBHOOKS: "manage webhook endpoints, which receive every event",
        REPORTS: "read reports",
        ADMIN: "everything",
    }
)
BUNDLES = MappingProxyType(
    {
        "read": frozenset({"customers:read", PAYMENTS_READ, "reports:read"}),
        "write": frozenset({CUSTOMERS_WRITE, "payees:write", PAYMENTS_WRITE}),
    }
)


@dataclass(frozen=True, slots=True)
class Actor:
    """A program or a person that acts.

    `name` is what histories show: the client of an API key or of an access token, or the operator
    at the command line. `identities` are all names of the same program or person: two actors with
    an identity in common are the same maker. `scopes` hold no bundles. `key_id` is the API key's.
    """

    name: str
    identities: frozenset[str]
    scopes: frozenset[str]
    key_id: str | None = None

    def may(self, scope: str) -> bool:
        """Return whether the actor has a scope; `admin` implies each of them."""
        return scope in self.scopes or ADMIN in self.scopes


# The service itself: histories show no name for what it does of its own accord.
SYSTEM = Actor("", frozenset(), frozenset())
# The caller where authentication is off, which only serves requests from the same machine.
LOCAL = Actor("local", frozenset({"local"}), frozenset(SCOPES))


def operator(name: str) -> Actor:
    """Return the actor for a person at the command line, who may do everything there."""
    return Actor(name, frozenset({name}), frozenset({ADMIN}))


def check_scopes(names: Iterable[str]) -> frozenset[str]:
    """Return scopes and bundles. Raises ValueError where there is none, or an unknown one."""
    wanted = frozenset(names)
    unknown = wanted - SCOPES.keys() - BUNDLES.keys()
    if unknown or not wanted:
        known = ", ".join((*BUNDLES, *SCOPES))
        given = f"no scope is named {min(unknown)!r}" if unknown else "no scope is given"
        raise ValueError(f"{given}; scopes are {known}")
    return wanted


def expand_scopes(names: Iterable[str]) -> frozenset[str]:
    """Return scopes with each bundle replaced by its scopes.

    A scope of a later version stays as it is: nothing here requires it.
    """
    return frozenset().union(*(BUNDLES.get(name, {name}) for name in names))
