"""An OpenID Connect issuer at which people sign in: the authorization code flow with PKCE."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.oidc_issuer import AUDIENCE, CLIENT, Issuer

AUTHORIZE, TOKEN = "/authorize", "/token"
SECRET = "a secret of the console's client"
CALLBACK = "http://127.0.0.1:8000/console/sign-in/callback"


@dataclass
class SignInIssuer(Issuer):
    """An issuer at which `person` (claims of the access token) is signed in already.

    `error` is what `/authorize` answers instead of a code. `asked` and `exchanged` are the
    parameters of the requests to the two endpoints.
    """

    redirect_uri: str = CALLBACK
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "grace"})
    error: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    exchanged: list[dict[str, str]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)  # codes and tokens: what no log may have
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)  # further ones of the document

    @property
    def environ(self) -> dict[str, str]:
        """Return the settings with which people sign in here."""
        return {
            "PAYMENTAPP_OIDC_ISSUER": self.url,
            "PAYMENTAPP_OIDC_AUDIENCE": AUDIENCE,
            "PAYMENTAPP_OIDC_CLIENT_ID": CLIENT,
            "PAYMENTAPP_OIDC_CLIENT_SECRET": SECRET,
            "PAYMENTAPP_OIDC_REDIRECT_URI": self.redirect_uri,
        }

    def document(self) -> dict[str, Any]:
        endpoints = {
            "authorization_endpoint": f"{self.url}{AUTHORIZE}",
            "token_endpoint": f"{self.url}{TOKEN}",
        }
        return super().document() | endpoints | self.members

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path == AUTHORIZE and parts.path not in self.replies:
            self._send_back(request, self.authorize(dict(parse_qsl(parts.query))))
        elif parts.path == TOKEN and parts.path not in self.replies:
            form = request.rfile.read(int(request.headers["Content-Length"])).decode()
            given = request.headers.get("Authorization", "")
            self._reply(request, *self.exchange(dict(parse_qsl(form)), given))
        else:
            super().answer(request)

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser is sent back to, as `/authorize` does it at once."""
        self.asked.append(query)
        assert query["client_id"] == CLIENT
        assert query["redirect_uri"] == self.redirect_uri
        assert query["response_type"] == "code"
        if self.error:
            answer = {"error": self.error, "error_description": "<b>hush</b>"}
        else:
            code = secrets.token_urlsafe(16)
            self.given.append(code)
            self.codes[code] = query
            answer = {"code": code}
        answer |= {"state": query["state"], "iss": self.url}
        return f"{self.redirect_uri}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of the answer of `/token`."""
        self.exchanged.append(form)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        by_form = form.get("client_secret") == SECRET and form.get("client_id") == CLIENT
        if authorization != f"Basic {basic}" and not by_form:
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(form["code"], None)  # a code is good for once
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
        if begun is None or begun["code_challenge"] != shown:
            return 400, {"error": "invalid_grant", "error_description": "hush"}
        token = self.token(**self.person)
        self.given.append(token)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 600}

    def _send_back(self, request: BaseHTTPRequestHandler, location: str) -> None:
        request.send_response(302)
        request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _reply(self, request: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


@contextmanager
def running_sign_in_issuer(**options: Any) -> Iterator[SignInIssuer]:
    """Start an issuer, and stop it."""
    issuer = SignInIssuer(**options)
    issuer.start()
    try:
        yield issuer
    finally:
        issuer.stop()
