"""The settings for access tokens, which `PAYMENTAPP_OIDC_ISSUER` enables, and for signing in."""

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
    number,
    text,
    variable,
)

CALLBACK = "/console/sign-in/callback"  # where the issuer sends people back to


def _is_issuer(address: str) -> bool:
    """Return whether a text is an issuer's URL, or empty (OIDC Core 1.0, section 2)."""
    parts = urlsplit(address)
    extra = parts.query or parts.fragment or parts.username is not None
    return not address or (is_safe_address(address) and not extra)


def _is_callback(address: str) -> bool:
    parts = urlsplit(address)
    own = parts.path.endswith(CALLBACK) and not parts.query and not parts.fragment
    return not address or (is_safe_address(address) and own)


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

    client_id: str = variable(
        "PAYMENTAPP_OIDC_CLIENT_ID",
        text(),
        "",
        "the client as which the console is registered with the issuer, so that people sign in "
        "there: see *Sign in to the console* in docs/oidc.md",
    )
    client_secret: str = variable(
        "PAYMENTAPP_OIDC_CLIENT_SECRET", text(), "", "that client's secret", secret=True
    )
    redirect_uri: str = variable(
        "PAYMENTAPP_OIDC_REDIRECT_URI",
        matching(_is_callback, f"an https:// address (http:// only on loopback) with {CALLBACK}"),
        "",
        "that client's redirect URI, as browsers and the issuer know it: "
        f"`https://pay.example.com{CALLBACK}`",
    )
    sign_in_scopes: tuple[str, ...] = variable(
        "PAYMENTAPP_OIDC_SIGN_IN_SCOPES",
        text().then(_read_words),
        "openid",
        "the scopes that the console asks the issuer for when a person signs in",
    )
    session_minutes: int = variable(
        "PAYMENTAPP_OIDC_SESSION_MINUTES",
        number(1, 720),
        "60",
        "minutes after which who signed in at the issuer has to do so again, which reads anew "
        "what they may do",
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
        needed = {
            "PAYMENTAPP_OIDC_ISSUER": self.issuer,
            "PAYMENTAPP_OIDC_CLIENT_SECRET": self.client_secret,
            "PAYMENTAPP_OIDC_REDIRECT_URI": self.redirect_uri,
        }
        missing = [name for name, value in needed.items() if not value]
        if self.client_id and missing:
            raise SettingsError(f"{missing[0]} is not set, but PAYMENTAPP_OIDC_CLIENT_ID is")
        if (self.client_secret or self.redirect_uri) and not self.client_id:
            raise SettingsError(
                "PAYMENTAPP_OIDC_CLIENT_ID is not set, but PAYMENTAPP_OIDC_CLIENT_SECRET or "
                "PAYMENTAPP_OIDC_REDIRECT_URI is"
            )
