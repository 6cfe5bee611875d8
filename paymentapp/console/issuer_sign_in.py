"""Signing in at the OIDC issuer: away to it, and back with what it answers."""

from __future__ import annotations

import hashlib
from typing import cast

from flask import Response, make_response, redirect, request
from itsdangerous import BadData, URLSafeSerializer

from paymentapp.api.blueprint import public, services
from paymentapp.console.blueprint import SEE_OTHER, blp
from paymentapp.console.cookies import delete_cookie, read_cookie, set_cookie
from paymentapp.console.sign_in import show_form, signed_in
from paymentapp.errors import InvalidToken, NotFound
from paymentapp.models.actors import Actor
from paymentapp.oidc.sign_in import IssuerSignIn, SignInAttempt, SignInRefused
from paymentapp.oidc.tokens import AccessTokens

_COOKIE = "paymentapp_sign_in"
_SECONDS = 600  # for which a person may be at the issuer
_NO_RIGHTS = (
    "The issuer knows you as {name}, but gives you no right here: PAYMENTAPP_OIDC_SCOPES_CLAIM and "
    "PAYMENTAPP_OIDC_SCOPES_MAP say which groups or scopes do."
)


@blp.get("/sign-in/issuer")
@public
def sign_in_at_issuer() -> Response:
    """Send the browser to the issuer, with a cookie that knows the answer to this one request."""
    attempt, url = _issuer().begin()
    until = services().clock().timestamp() + _SECONDS
    kept = [*attempt, request.args.get("next", ""), until]
    answer = make_response(redirect(url, SEE_OTHER))
    set_cookie(answer, _COOKIE, _signer().dumps(kept), _SECONDS)
    return answer


# The path of `paymentapp.oidc.settings.CALLBACK`.
@blp.get("/sign-in/callback")
@public
def sign_in_callback() -> Response:
    """Begin a session with what the issuer answered; the attempt is used up, however it ends."""
    attempt, back = _attempt()
    try:
        actor = _actor(attempt)
    except (SignInRefused, InvalidToken) as error:
        answer = show_form(401, str(error), back)
    else:
        authority, longest = _tokens().authority, _issuer().longest
        secret = services().console_sessions.begin(actor, authority, longest)
        answer = signed_in(secret, actor, back)
    delete_cookie(answer, _COOKIE)
    return answer


def _actor(attempt: SignInAttempt | None) -> Actor:
    """Return who comes back from the issuer. Raises SignInRefused, InvalidToken, CannotVerify."""
    token = _issuer().finish(attempt, request.args)
    actor = _tokens().actor(token)
    if not actor.scopes:
        raise SignInRefused(_NO_RIGHTS.format(name=actor.name))
    return actor


def _attempt() -> tuple[SignInAttempt | None, str]:
    """Return what this browser has begun, and where it goes then; None where that is not valid."""
    try:
        state, verifier, back, until = _signer().loads(read_cookie(request, _COOKIE))
    except (BadData, ValueError, TypeError):
        return None, ""
    is_over = services().clock().timestamp() >= until
    return (None if is_over else SignInAttempt(state, verifier)), back


def _issuer() -> IssuerSignIn:
    found = services().issuer_sign_in
    if found is None or not services().settings.auth:
        raise NotFound("Signing in at an issuer is not set up: see docs/oidc.md.")
    return found


def _tokens() -> AccessTokens:
    return cast(AccessTokens, services().access_tokens)  # its settings require those of tokens


def _signer() -> URLSafeSerializer:
    """Return what signs the cookie: all processes have the client's secret, and nobody else."""
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(
        _issuer().settings.client_secret, "paymentapp console sign-in", signer_kwargs=options
    )
