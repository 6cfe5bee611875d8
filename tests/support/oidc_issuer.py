"""An OpenID Connect issuer on loopback: discovery, keys that rotate, tokens, downtime."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "payments-api"
CLIENT = "app-1"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"

Key = RSAKey | ECKey


@cache
def _rsa_key(_name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the key of a name, always the same: making one takes longer than a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def rsa_key(kid: str, bits: int = 2048, **members: str) -> RSAKey:
    """Return an RSA key with its id, and with further members of its JWK."""
    parameters: Any = {"kid": kid, **members}
    return RSAKey.import_key(_rsa_key(kid, bits), parameters)


def ec_key(kid: str, curve: str = "P-256") -> ECKey:
    """Return a new EC key with its id."""
    return ECKey.generate_key(curve, {"kid": kid})


@dataclass
class Issuer:
    """A running issuer. `replies` are answers by path that replace its own: bytes, or a status.

    `seen` are the paths that were requested. With a `delay`, an answer's bytes arrive one by one,
    so many seconds apart. With `tls`, it speaks TLS.
    """

    clock: Any = field(default=lambda: datetime.now(UTC))
    keys: list[Key] = field(default_factory=lambda: [rsa_key("rsa-1"), ec_key("ec-1")])
    replies: dict[str, bytes | int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    delay: float = 0.0
    port: int = 0
    tls: SSLContext | None = None

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.seen.append(self.path)
                issuer.answer(self)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Be down: refuse connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """Return the settings that accept this issuer's tokens."""
        return {"PAYMENTAPP_OIDC_ISSUER": self.url, "PAYMENTAPP_OIDC_AUDIENCE": AUDIENCE}

    def document(self) -> dict[str, Any]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"}

    def key_set(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        own = {DISCOVERY: self.document, KEYS: self.key_set}.get(request.path)
        reply = self.replies.get(request.path, 404 if own is None else json.dumps(own()).encode())
        status, body = (reply, b"") if isinstance(reply, int) else (200, reply)
        request.send_response(status)
        if 300 <= status < 400:
            request.send_header("Location", f"{self.url}/elsewhere")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        try:
            for piece in [body[i : i + 1] for i in range(len(body))] if self.delay else [body]:
                request.wfile.write(piece)
                time.sleep(self.delay)
        except OSError:
            request.close_connection = True

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return a person's claims, valid for ten minutes; `...` leaves a claim out."""
        now = int(self.clock().timestamp())
        usual: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "client_id": CLIENT,
        }
        usual |= {"scope": "payments:read payments:write", "iat": now, "exp": now + 600}
        return {name: value for name, value in {**usual, **changes}.items() if value is not ...}

    def token(self, key: Key | None = None, header: Any = None, **changes: Any) -> str:
        """Sign a token, by the first key unless another is given."""
        key = key or self.keys[0]
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        members = {"alg": algorithm, "kid": key.kid, **(header or {})}
        members = {name: value for name, value in members.items() if value is not ...}
        # As what the issuer has, and not as what the service accepts: a test may sign anything.
        return jwt.encode(
            members, self.claims(**changes), key, algorithms=[members["alg"]], registry=_signer()
        )


def _signer() -> Any:
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)


def forged(token: str, **header: Any) -> str:
    """Return a token with another header, and with its signature as it was."""
    _, payload, signature = token.split(".")
    return f"{_part(header)}.{payload}.{signature}"


def unsigned(token: str) -> str:
    """Return a token with `alg` none, which needs no signature (RFC 7518, section 3.6)."""
    return forged(token, alg="none", kid="rsa-1").rpartition(".")[0] + "."


def hmac_signed(token: str, key: RSAKey) -> str:
    """Return a token with `alg` HS256, its secret being the public key that everybody knows."""
    begun = forged(token, alg="HS256", kid=key.kid).rpartition(".")[0]
    public = key.as_pem(private=False)
    return f"{begun}.{_base64(hmac.digest(public, begun.encode(), hashlib.sha256))}"


def _part(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextmanager
def running_issuer(clock: Any = None) -> Iterator[Issuer]:
    """Start an issuer, and stop it."""
    issuer = Issuer(clock) if clock else Issuer()
    issuer.start()
    try:
        yield issuer
    finally:
        issuer.stop()
