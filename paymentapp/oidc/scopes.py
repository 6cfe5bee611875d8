"""Scopes of access tokens: which values of a claim grant which of the service's scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from paymentapp.models.actors import ADMIN, SCOPES

# What a value grants by its own name, without a rule. Not `admin`: a directory may have a group of
# that name whose members were never meant to pay anybody.
_BY_NAME = SCOPES.keys() - {ADMIN}


@dataclass(frozen=True, slots=True)
class ScopesMap:
    """The rules of `PAYMENTAPP_OIDC_SCOPES_MAP`: pairs of a claim's value and what it grants."""

    rules: tuple[tuple[str, frozenset[str]], ...] = ()

    def granted(self, values: Iterable[str]) -> frozenset[str]:
        """Return the scopes that values of a token's claims grant; other values grant none."""
        held = frozenset(values)
        if not self.rules:
            return held & _BY_NAME
        return frozenset().union(*(scopes for value, scopes in self.rules if value in held))


def values_of(claims: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return the values of some claims together.

    A text holds values separated by spaces (RFC 8693, section 4.2); the values of a list may
    contain spaces. Anything else counts as none.
    """
    found: set[str] = set()
    for name in names:
        value = claims.get(name)
        parts = value.split() if isinstance(value, str) else value
        if isinstance(parts, list):
            found.update(part for part in parts if isinstance(part, str))
    return found
