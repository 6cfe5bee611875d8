"""Signing in by an API key, and signing out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, g, make_response, redirect, render_template, request, url_for

from paymentapp.api.auth import admit
from paymentapp.api.blueprint import public, services
from paymentapp.console.blueprint import SEE_OTHER, blp, requires
from paymentapp.console.layout import first_page
from paymentapp.console.sessions import (
    check_own_page,
    current_session,
    delete_session_cookie,
    end_session,
    session_secret,
    set_session_cookie,
)
from paymentapp.errors import NotAuthenticated
from paymentapp.models.actors import SCOPES, Actor
from paymentapp.services.api_keys import id_of


@blp.get("/sign-in")
@public
def sign_in() -> Response:
    """Show the form. Where authentication is off, there is nothing to sign in to."""
    if not services().settings.auth:
        return make_response(redirect(url_for("console.today"), SEE_OTHER))
    return show_form(200)


@blp.post("/sign-in")
@public
def sign_in_with_key() -> Response:
    """Begin a session by an API key; go to the page that was asked for."""
    check_own_page(request)
    key = request.form.get("key", "")
    try:
        secret, actor = services().console_sessions.begin_with_key(key)
    except NotAuthenticated as error:
        g.refused_key_id = id_of(key) or "-"  # for the log, and counted as a wrong key
        return show_form(401, str(error))
    return signed_in(secret, actor, request.form.get("next", ""))


@blp.post("/sign-out")
@requires(*SCOPES)
def sign_out() -> Response:
    """End the session, on the server too."""
    services().console_sessions.end(current_session())
    services().rate_limits.forget(session_secret(request))
    answer = make_response(redirect(url_for("console.sign_in"), SEE_OTHER))
    delete_session_cookie(answer)
    return answer


def signed_in(secret: str, actor: Actor, wanted: str) -> Response:
    """Return the answer that gives the browser its session, instead of one that it had.

    Raises RateLimited where the client has used up its quota.
    """
    admit(request, actor, tuple(SCOPES))  # counted as the client's
    g.security_event = "sign-in"
    end_session(request)
    answer = make_response(redirect(_page_after(wanted, actor), SEE_OTHER))
    set_session_cookie(answer, secret)
    return answer


def show_form(status: int, error: str = "", back: str = "") -> Response:
    """Return the page with the ways to sign in."""
    tokens = services().access_tokens
    issuer = urlsplit(tokens.issuer).netloc if tokens and services().issuer_sign_in else ""
    back = back or request.values.get("next", "")
    page = render_template("console/sign_in.html", error=error, next=back, issuer=issuer)
    return make_response(page, status)


def _page_after(wanted: str, actor: Actor) -> str:
    """Return where to go after signing in: a path of the console, never another site's."""
    home = url_for("console.today")
    parts = urlsplit(wanted)
    is_own = not parts.scheme and not parts.netloc and wanted.startswith(f"{home.rstrip('/')}/")
    return wanted if is_own and wanted != home and "\\" not in wanted else first_page(actor)
