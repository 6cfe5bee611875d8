"""The public keys of an issuer, found by OpenID Connect Discovery and cached.

https://openid.net/specs/openid-connect-discovery-1_0.html, sections 3 and 4; RFC 7517.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from paymentapp.errors import CannotVerify, InvalidToken
from paymentapp.oidc.fetch import IssuerUnavailable, fetch
from paymentapp.variables import is_safe_address

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

    PublicKey = RSAKey | ECKey
    Fetch = Callable[[str], bytes]

log = logging.getLogger(__name__)

FRESH_SECONDS = 3600  # after which keys are fetched again, while the known ones go on being used
REFETCH_SECONDS = 60  # between two fetches, so that made-up key ids cannot flood the issuer
FIRST_RETRY_SECONDS = 5  # the same, while no key is known at all
WAIT_SECONDS = 2  # for a fetch in another thread
_RSA_BITS = 2048  # at least: RFC 7518, section 3.3
_CURVE = "P-256"  # of ES256: RFC 7518, section 3.4


class IssuerKeys:
    """The keys of one issuer by `kid`. Any number of threads may share it.

    One thread at a time fetches, and waits for the time-outs of `fetch`. The other requests go on
    where their key is known, or wait for WAIT_SECONDS at most.
    """

    def __init__(
        self, issuer: str, get: Fetch = fetch, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._get = get
        self._timer = timer
        self._lock = threading.Lock()
        self._keys: Mapping[str, PublicKey] = {}
        self._failed = False
        self._stale_at = self._next_fetch_at = -math.inf

    def find(self, kid: str) -> PublicKey:
        """Return the key of an id, fetching keys where it is unknown, or where they are old.

        Raises InvalidToken where the issuer has no such key, CannotVerify where that cannot be
        known now.
        """
        known = kid in self._keys
        if not known or self._timer() >= self._stale_at:
            self._refresh(wait=not known)
        key = self._keys.get(kid)
        if key is not None:
            return key
        if self._failed:
            pause = max(1, math.ceil(self._next_fetch_at - self._timer()))
            raise CannotVerify("the OIDC issuer is not reachable", pause)
        raise InvalidToken("The issuer has no key with the id in the token's header.")

    def _refresh(self, wait: bool) -> None:
        """Fetch the keys unless that was tried just now. Raises CannotVerify after a long wait."""
        if not self._lock.acquire(timeout=WAIT_SECONDS if wait else 0):
            if wait:
                raise CannotVerify("the OIDC issuer is slow to answer", WAIT_SECONDS)
            return
        try:
            if self._timer() >= self._next_fetch_at:
                self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        self._failed = True
        try:
            self._keys = fetch_keys(self._issuer, self._get)
            self._failed = False
            self._stale_at = self._timer() + FRESH_SECONDS
        except IssuerUnavailable as error:
            log.warning(
                "keys of the OIDC issuer not fetched: %s; %s known keys stay in use",
                error,
                len(self._keys),
            )
        finally:  # also after an error of our own
            pause = REFETCH_SECONDS if self._keys else FIRST_RETRY_SECONDS
            self._next_fetch_at = self._timer() + pause


def fetch_keys(issuer: str, get: Fetch) -> Mapping[str, PublicKey]:
    """Fetch the discovery document, then the keys that it names. Raises IssuerUnavailable."""
    address = endpoint_of(discover(issuer, get), "jwks_uri", issuer)
    keys = dict(_read_keys(_read_object(get(address))))
    if not keys:
        raise IssuerUnavailable("there is no key for RS256 or ES256 with an id")
    return keys


def discover(issuer: str, get: Fetch) -> Mapping[str, Any]:
    """Fetch the discovery document. Raises IssuerUnavailable."""
    document = _read_object(get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
    if document.get("issuer") != issuer:
        raise IssuerUnavailable("the discovery document is of another issuer")
    return document


def endpoint_of(document: Mapping[str, Any], name: str, issuer: str) -> str:
    """Return an address that a discovery document names. Raises IssuerUnavailable."""
    address = document.get(name)
    if not isinstance(address, str) or not _is_allowed(address, issuer):
        raise IssuerUnavailable(f"the discovery document names no https address as {name}")
    return address


def _is_allowed(address: str, issuer: str) -> bool:
    """Return whether an address may be called: any https one, http if the issuer's is too."""
    secure = address.startswith("https://")
    return is_safe_address(address) and (secure or issuer.startswith("http://"))


def _read_object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise IssuerUnavailable("the answer is not a JSON object")
    return document


def _read_keys(document: Mapping[str, Any]) -> Iterator[tuple[str, PublicKey]]:
    """Yield the usable keys of a set by id; RFC 7517, section 5: others are ignored."""
    listed = document.get("keys")
    for each in listed if isinstance(listed, list) else []:
        key = _read_key(each) if isinstance(each, dict) else None
        if key is not None and key.kid:
            yield key.kid, key


def _read_key(member: dict[str, Any]) -> PublicKey | None:
    """Return a public RSA or EC key for signatures; None for any other, or a malformed one."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    kinds: dict[str, type[PublicKey]] = {"RSA": RSAKey, "EC": ECKey}
    kind = kinds.get(str(member.get("kty")))
    if kind is None or member.get("use", "sig") != "sig":
        return None
    try:
        key = kind.import_key(member)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= _RSA_BITS else None
    return key if key.curve_name == _CURVE else None
