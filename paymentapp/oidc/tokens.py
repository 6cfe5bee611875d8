"""Access tokens: verify a signed token (JWT) of the issuer, and tell who presents it.

RFC 7519 (JWT), RFC 8725 (best practices), RFC 9068 (access tokens), and the access tokens of Amazon
Cognito, which have no `aud`:
https://docs.aws.amazon.com/cognito/latest/developerguide/
amazon-cognito-user-pools-using-the-access-token.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paymentapp.clock import Clock
from paymentapp.errors import InvalidToken
from paymentapp.models.actors import Actor
from paymentapp.oidc.scopes import values_of

if TYPE_CHECKING:
    from joserfc.jwk import GuestProtocol
    from joserfc.jws import JWSRegistry

    from paymentapp.oidc.keys import IssuerKeys, PublicKey
    from paymentapp.oidc.settings import OidcSettings

MAX_LENGTH = 8192  # characters; a server in front accepts about as much in a header
SKEW_SECONDS = 60
NAME_MAX_LENGTH = 255  # OIDC Core 1.0, section 2: of a `sub`, in ASCII
ALGORITHMS = ("RS256", "ES256")
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
_ALIASES = ("username", "preferred_username")  # of Cognito, of OIDC Core 1.0, section 5.1


class AccessTokens:
    """Verify access tokens of one issuer."""

    def __init__(self, settings: OidcSettings, keys: IssuerKeys, clock: Clock) -> None:
        self._settings = settings
        self.issuer = settings.issuer
        self._keys = keys
        self._clock = clock

    @property
    def authority(self) -> str:
        """Return whose tokens for whom are accepted: what ends with a change of either."""
        return " ".join((self.issuer, *sorted(self._settings.audiences)))

    def actor(self, token: str) -> Actor:
        """Return who presents a token, with the scopes that it grants; there may be none.

        Raises InvalidToken, whose message is for the caller and quotes nothing of the token, and
        CannotVerify where the issuer's key is needed and cannot be fetched now.
        """
        claims = self._verified_claims(token)
        self._check_claims(claims)
        values = values_of(claims, self._settings.scopes_claims)
        name, identities = _names(claims)
        return Actor(name, identities, self._settings.scopes_map.granted(values))

    def warm_up(self) -> None:
        """Load the library, so that the first token need not wait for it."""
        import_module("joserfc.jwt")

    def _verified_claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature is valid."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        if len(token) > MAX_LENGTH:
            raise InvalidToken(f"The token has more than {MAX_LENGTH} characters.")
        try:
            return jwt.decode(token, self._key, registry=self._registry).claims
        except (JoseError, ValueError, TypeError, RecursionError):  # a header may be any JSON
            raise InvalidToken(
                "The token is not a JWT with a valid RS256 or ES256 signature of the issuer."
            ) from None

    def _key(self, presented: GuestProtocol) -> PublicKey:
        """Return the key for a token's header, which names an allowed algorithm.

        joserfc refuses a key of another type than the algorithm's.
        """
        header = presented.headers()
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise InvalidToken("The token is of another type than JWT or at+jwt.")
        if "crit" in header or "b64" in header:
            raise InvalidToken("The token's header has an extension that is not supported.")
        kid = header.get("kid")
        if not kid or len(kid) > NAME_MAX_LENGTH:
            raise InvalidToken("The token's header has no key id (kid).")
        return self._keys.find(kid)

    @cached_property
    def _registry(self) -> JWSRegistry:
        """Return joserfc's rules for signatures; it is imported with the first token."""
        from joserfc.jws import JWSRegistry

        # Issuers add members to the header; those that matter are listed in `crit`.
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        registry.max_header_length = 2048
        return registry

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        """Raise InvalidToken unless the token is valid now, of our issuer, and for us."""
        from joserfc.errors import ExpiredTokenError, JoseError
        from joserfc.jwt import JWTClaimsRegistry

        rules = JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self._settings.issuer},
            exp={"essential": True},
        )
        try:
            rules.validate(dict(claims))
        except ExpiredTokenError:
            raise InvalidToken("The token has expired.") from None
        except JoseError:
            raise InvalidToken(
                "The token is not valid now (exp, nbf, iat), or is of another issuer (iss)."
            ) from None
        if not _audiences(claims) & set(self._settings.audiences):
            raise InvalidToken("The token is for another audience.")
        # An ID token says who signed in, and is no permission. These have a hash of the access
        # token or of the code (OIDC Core 1.0, 3.1.3.6 and 3.3.2.11), or Cognito's word for it.
        if claims.get("token_use", "access") != "access" or claims.keys() & {"at_hash", "c_hash"}:
            raise InvalidToken("The token is an ID token; send the access token.")


def _audiences(claims: Mapping[str, Any]) -> set[str]:
    """Return a token's audiences: `aud`, a text or a list of texts, else `client_id`."""
    audience = claims["aud"] if "aud" in claims else _text(claims, "client_id")
    return {audience} if isinstance(audience, str) else set(audience or ())


def _names(claims: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """Return the name and the identities of the person or the program of a token.

    A program has a token of its own where there is no `sub`, or where `sub` is the client's id
    (RFC 9068, section 2.2), also with Auth0's suffix. Otherwise the client is only the application
    by which a person signed in: it is shared with others, so it is no identity of this person.
    """
    client = _text(claims, "client_id") or _text(claims, "azp")
    subject = _text(claims, "sub") if "sub" in claims else client
    own = client if subject in {client, f"{client}@clients"} else None
    name = own or subject
    if name is None:
        raise InvalidToken("The token has no usable name: sub, or else client_id or azp.")
    aliases = (_text(claims, alias) for alias in _ALIASES)
    return name, frozenset(each for each in (subject, own, *aliases) if each)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    """Return a claim that can stand in histories and logs as a name, else None."""
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= NAME_MAX_LENGTH:
        return None
    return value if value.isascii() and value.isprintable() and value == value.strip() else None
