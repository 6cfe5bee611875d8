"""The settings for access tokens; `PAYMENTAPP_OIDC_ISSUER` enables them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from paymentapp.errors import SettingsError
from paymentapp.models.actors import check_scopes, expand_scopes
from paymentapp.oidc.scopes import ScopesMap
from paymentapp.variables import (
    Declared,
    Unfit,
    VariableKind,
    is_safe_address,
    matching,
    text,
    variable,
)


def _is_issuer(address: str) -> bool:
    """Return whether a text is an issuer's URL, or empty (OIDC Core 1.0, section 2)."""
    parts = urlsplit(address)
    extra = parts.query or parts.fragment or parts.username is not None
    return not address or (is_safe_address(address) and not extra)


def _read_words(value: str) -> tuple[str, ...]:
    return tuple(value.replace(",", " ").split())


def _read_map(value: str) -> ScopesMap:
    return ScopesMap(tuple(map(_read_rule, filter(None, map(str.strip, value.split(";"))))))


def _read_rule(rule: str) -> tuple[str, frozenset[str]]:
    """Read `value=scope scope`. The value may hold a `=`, as a distinguished name does."""
    value, _, scopes = rule.rpartition("=")
    if not value.strip():
        raise ValueError
    try:
        return value.strip(), expand_scopes(check_scopes(scopes.split()))
    except ValueError as error:  # its message names scopes only
        raise Unfit(f"has a rule that grants no known scope: {error}") from None


@dataclass(frozen=True, slots=True)
class OidcSettings(Declared):
    """Whose access tokens are accepted, and which scopes they grant."""

    title: ClassVar[str] = "OIDC"

    issuer: str = variable(
        "PAYMENTAPP_OIDC_ISSUER",
        matching(_is_issuer, "an https:// address without a query (http:// only on loopback)"),
        "",
        "the issuer whose access tokens are accepted besides API keys, exactly as its discovery "
        "document names it; needs `pip install paymentapp[oidc]`",
    )
    audiences: tuple[str, ...] = variable(
        "PAYMENTAPP_OIDC_AUDIENCE",
        text().then(_read_words),
        "",
        "required with an issuer: the audience that a token must have, in `aud`, or in `client_id` "
        "where there is no `aud`; one of several, separated by spaces",
    )
    scopes_claims: tuple[str, ...] = variable(
        "PAYMENTAPP_OIDC_SCOPES_CLAIM",
        text().then(_read_words),
        "scope",
        "the claim with scopes, groups or roles, a text or a list: `scope`, `scp`, `groups`, "
        "`cognito:groups`; several, separated by spaces, count together",
    )
    scopes_map: ScopesMap = variable(
        "PAYMENTAPP_OIDC_SCOPES_MAP",
        VariableKind(_read_map, "rules such as `payers=payments:write; ops=admin`"),
        "",
        "which scopes each value of that claim grants: `payers=payments:write customers:read; "
        "ops=admin`. Without rules, values that are names of scopes grant these, except `admin`",
    )

    def check(self) -> None:
        """Raise SettingsError where a setting has no effect without another one."""
        if self.issuer and not self.audiences:
            raise SettingsError(
                "PAYMENTAPP_OIDC_AUDIENCE is not set, but PAYMENTAPP_OIDC_ISSUER is"
            )
        if self.audiences and not self.issuer:
            raise SettingsError(
                "PAYMENTAPP_OIDC_ISSUER is not set, but PAYMENTAPP_OIDC_AUDIENCE is"
            )
