"""Access tokens of a cloud as the password of PostgreSQL, from the cloud's metadata endpoint.

Google Cloud (cloud.google.com/sql/docs/postgres/iam-authentication): the metadata server of the
instance gives a token of its service account, here one that is good for nothing but to log in.
Azure (learn.microsoft.com/azure/container-apps/managed-identity): the endpoint that the platform
names gives a token of a managed identity; on a virtual machine the metadata service does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import requests

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.postgresql.failures import failed

log = logging.getLogger(__name__)

GOOGLE, AZURE = "google", "azure"
_RENEWED_SECONDS = 300  # before its end a token is renewed; the clouds give a new one by then
_CALL_SECONDS = 3  # that the endpoint, which is on this machine, is given
_RETRY_SECONDS = 5  # after which a failed renewal is tried again while the old token is valid
_GOOGLE_HOST = "metadata.google.internal"
_GOOGLE_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/sqlservice.login"
_AZURE_MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
_REFUSED = "the metadata endpoint gives no token for it"
_AZURE_RESOURCE = "https://ossrdbms-aad.database.windows.net"


class TokenRequest(NamedTuple):
    """A GET of a metadata endpoint."""

    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]


class AccessToken(NamedTuple):
    """A token, and when it ends, by the clock of `time.time()`."""

    text: str
    ends_at: float


def token_password(cloud: str, environ: Mapping[str, str]) -> Callable[[], str]:
    """Return what gives a valid token of `google` or `azure` for each new connection.

    It raises StoreUnavailable where the endpoint gives none.
    """
    request = _google(environ) if cloud == GOOGLE else _azure(environ)
    return CachedToken(lambda: fetch_token(request))


class CachedToken:
    """A token that is kept until shortly before it ends; threads that need one share one call."""

    def __init__(
        self, fetch: Callable[[], AccessToken], clock: Callable[[], float] = time.time
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token = AccessToken("", 0.0)
        self._renew_at = 0.0
        self._failures = 0

    def __call__(self) -> str:
        """Return a valid token. Raises StoreUnavailable."""
        before = self._failures
        with self._lock:
            if self._clock() >= self._renew_at:
                if self._failures != before:  # while this thread waited, as long as a call takes
                    raise failed(_REFUSED)
                self._renew()
            return self._token.text

    def _renew(self) -> None:
        """Fetch a token. Where that fails, the one that is still valid is used meanwhile."""
        now = self._clock()
        try:
            self._token = self._fetch()
        except StoreUnavailable:
            if now >= self._token.ends_at:
                self._failures += 1
                raise
            log.warning("the token for PostgreSQL is not renewed; the present one is still valid")
            self._renew_at = min(now + _RETRY_SECONDS, self._token.ends_at)
        else:
            # One that ends sooner is used at once, and asked for again at the next connection.
            self._renew_at = self._token.ends_at - _RENEWED_SECONDS


def fetch_token(request: TokenRequest) -> AccessToken:
    """Ask a metadata endpoint once. Raises StoreUnavailable, without what it has answered."""
    url, headers, query = request
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy must not see it, and would not reach this machine
            answer = session.get(
                url,
                headers=dict(headers),
                params=dict(query),
                timeout=_CALL_SECONDS,
                allow_redirects=False,
            )
        answer.raise_for_status()
        return _token(answer.json())
    except (requests.RequestException, ValueError, KeyError, TypeError):
        raise failed(_REFUSED) from None


def _token(body: Mapping[str, object]) -> AccessToken:
    """Read an answer: Google has `expires_in`; Azure has `expires_on`, a time, and maybe both."""
    text = body["access_token"]
    if not isinstance(text, str) or not text:
        raise ValueError("no token")
    if "expires_on" in body:
        return AccessToken(text, int(str(body["expires_on"])))
    return AccessToken(text, time.time() + int(str(body["expires_in"])))


def _google(environ: Mapping[str, str]) -> TokenRequest:
    # Google's own libraries read this variable too.
    host = environ.get("GCE_METADATA_HOST") or _GOOGLE_HOST
    headers = {"Metadata-Flavor": "Google"}
    return TokenRequest(f"http://{host}{_GOOGLE_PATH}", headers, {"scopes": _GOOGLE_SCOPE})


def _azure(environ: Mapping[str, str]) -> TokenRequest:
    # Of several identities the one is used that Azure's own libraries use.
    identity = environ.get("AZURE_CLIENT_ID", "")
    query = {"resource": _AZURE_RESOURCE, **({"client_id": identity} if identity else {})}
    endpoint = environ.get("IDENTITY_ENDPOINT", "")
    if endpoint:
        headers = {"X-IDENTITY-HEADER": environ.get("IDENTITY_HEADER", "")}
        return TokenRequest(endpoint, headers, {**query, "api-version": "2019-08-01"})
    return TokenRequest(
        _AZURE_MACHINE, {"Metadata": "true"}, {**query, "api-version": "2018-02-01"}
    )
