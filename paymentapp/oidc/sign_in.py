"""Sign a person in at the issuer: the authorization code flow with PKCE.

RFC 6749, section 4.1; RFC 7636 (PKCE); RFC 9207 (`iss` in the answer); RFC 9700 (best practices).
Authlib makes and reads the messages; how they are sent, and what is believed, is decided here. The
access token says who signed in and what they may do, as it does at the API. An ID token is not
used, so there is no nonce: PKCE binds the code to the browser in which the sign-in began.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from paymentapp.errors import CannotVerify, NotAuthenticated
from paymentapp.oidc.fetch import IssuerUnavailable, fetch, post
from paymentapp.oidc.keys import discover, endpoint_of

if TYPE_CHECKING:
    from paymentapp.oidc.settings import OidcSettings

log = logging.getLogger(__name__)

FRESH_SECONDS = 3600  # for which the issuer's addresses are kept
# Requests that may call the issuer at once: anybody may begin a sign-in, and an issuer that hangs
# holds a thread for the time-outs of `fetch`.
_AT_ONCE = 2
_BUSY_SECONDS = 2
_ANSWERS = {
    "access_denied": "The issuer has refused the sign-in, or it was cancelled there.",
    "login_required": "The issuer asks you to sign in there first.",
    "interaction_required": "The issuer asks for something that it could not show.",
    "consent_required": "The issuer asks for a consent that was not given.",
    "invalid_scope": "The issuer does not know the scopes of PAYMENTAPP_OIDC_SIGN_IN_SCOPES.",
    "unauthorized_client": "The issuer does not let the console's client sign people in.",
    "invalid_client": "The issuer does not accept the console's client id and secret.",
    "invalid_grant": "The sign-in was finished before, or took too long. Begin again.",
    "temporarily_unavailable": "The issuer is busy. Try again in a moment.",
    "server_error": "The issuer had an error of its own. Try again in a moment.",
}
_OTHER = "The issuer did not sign you in."
_ANOTHER = "The sign-in was not begun in this browser, or more than ten minutes ago. Begin again."


class SignInRefused(NotAuthenticated):
    """The issuer did not sign the person in, or the answer is not to what this browser began.

    The message is for the person, and quotes nothing of the answer.
    """


class SignInAttempt(NamedTuple):
    """What a browser keeps while the person is at the issuer; the verifier proves who began."""

    state: str
    verifier: str


@dataclass
class IssuerSignIn:
    """Signs people in at one issuer. Any number of threads may share it."""

    settings: OidcSettings
    get: Callable[[str], bytes] = fetch
    send: Callable[[str, str, Mapping[str, str]], bytes] = post
    timer: Callable[[], float] = time.monotonic
    _calls: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE)
    )
    _found: tuple[float, Mapping[str, Any]] | None = None  # until when, and the document

    @property
    def longest(self) -> timedelta:
        """Return how long a session lasts at most."""
        return timedelta(minutes=self.settings.session_minutes)

    def begin(self) -> tuple[SignInAttempt, str]:
        """Begin a sign-in. Return what the browser keeps, and the address that it goes to.

        Raises CannotVerify.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        attempt = SignInAttempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        with self._calling():
            address = endpoint_of(self._document(), "authorization_endpoint", self.settings.issuer)
        url: str = prepare_grant_uri(
            address,
            self.settings.client_id,
            "code",
            redirect_uri=self.settings.redirect_uri,
            scope=list(self.settings.sign_in_scopes),
            state=attempt.state,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return attempt, url

    def finish(self, attempt: SignInAttempt | None, answer: Mapping[str, str]) -> str:
        """Return the access token for the answer that the browser brings from the issuer.

        `answer` is the query of the redirect. Raises SignInRefused, CannotVerify.
        """
        given = answer.get("state", "").encode()
        if attempt is None or not hmac.compare_digest(given, attempt.state.encode()):
            raise SignInRefused(_ANOTHER)
        if answer.get("iss", self.settings.issuer) != self.settings.issuer:
            raise SignInRefused("The answer is of another issuer.")
        if "error" in answer or not answer.get("code"):
            raise SignInRefused(_ANSWERS.get(answer.get("error", ""), _OTHER))
        with self._calling():
            return self._token(answer["code"], attempt.verifier)

    def _token(self, code: str, verifier: str) -> str:
        """Exchange a code for an access token. Raises SignInRefused, IssuerUnavailable."""
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        document, settings = self._document(), self.settings
        form = prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=settings.redirect_uri,
            code_verifier=verifier,
        )
        url = endpoint_of(document, "token_endpoint", settings.issuer)
        client = ClientAuth(settings.client_id, settings.client_secret, _auth_method(document))
        url, headers, body = client.prepare("POST", url, {}, form)
        return _access_token(self.send(url, body, headers))

    def _document(self) -> Mapping[str, Any]:
        """Return the issuer's discovery document, fetched once in an hour."""
        found = self._found
        if found is None or self.timer() >= found[0]:
            document = discover(self.settings.issuer, self.get)
            self._found = found = self.timer() + FRESH_SECONDS, document
        return found[1]

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Allow a few calls of the issuer at once. Raises CannotVerify."""
        if not self._calls.acquire(blocking=False):
            raise CannotVerify("the OIDC issuer is slow to answer", _BUSY_SECONDS)
        try:
            yield
        except IssuerUnavailable as error:
            log.warning("a person could not sign in at the OIDC issuer: %s", error)
            raise CannotVerify("the OIDC issuer is not reachable", _BUSY_SECONDS) from None
        finally:
            self._calls.release()


def _auth_method(document: Mapping[str, Any]) -> str:
    """Return how the client authenticates: OpenID Connect Discovery 1.0, section 3."""
    offered = document.get("token_endpoint_auth_methods_supported")
    only_post = isinstance(offered, list) and "client_secret_basic" not in offered
    return "client_secret_post" if only_post else "client_secret_basic"


def _access_token(body: bytes) -> str:
    """Return the access token of an answer. Raises SignInRefused, IssuerUnavailable."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise IssuerUnavailable("the answer of the token endpoint is not a JSON object")
    if "error" in answer:
        code = str(answer["error"])
        log.warning("the OIDC issuer gave no token: %s", code if code in _ANSWERS else "other")
        raise SignInRefused(_ANSWERS.get(code, _OTHER))
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise IssuerUnavailable("the answer of the token endpoint has no access token")
    return token
