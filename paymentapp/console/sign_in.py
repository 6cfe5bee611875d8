"""Signing in by an API key, and signing out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, g, make_response, redirect, render_template, request, url_for

from paymentapp.api.blueprint import public, services
from paymentapp.console.blueprint import SEE_OTHER, blp, requires
from paymentapp.console.sessions import (
    check_own_page,
    current_session,
    delete_cookie,
    session_secret,
    set_cookie,
)
from paymentapp.errors import NotAuthenticated
from paymentapp.models.actors import SCOPES
from paymentapp.services.api_keys import id_of


@blp.get("/sign-in")
@public
def sign_in() -> Response:
    """Show the form."""
    return _form(200)


@blp.post("/sign-in")
@public
def sign_in_with_key() -> Response:
    """Begin a session by an API key; go to the page that was asked for."""
    check_own_page(request)
    key = request.form.get("key", "")
    try:
        secret = services().console_sessions.begin_with_key(key)
    except NotAuthenticated as error:
        g.refused_key_id = id_of(key) or "-"  # for the log, and counted as a wrong key
        return _form(401, str(error))
    answer = make_response(redirect(_page_after(request.form.get("next", "")), SEE_OTHER))
    set_cookie(answer, secret)
    return answer


@blp.post("/sign-out")
@requires(*SCOPES)
def sign_out() -> Response:
    """End the session, on the server too."""
    services().console_sessions.end(current_session())
    services().rate_limits.forget(session_secret(request))
    answer = make_response(redirect(url_for("console.sign_in"), SEE_OTHER))
    delete_cookie(answer)
    return answer


def _form(status: int, error: str = "") -> Response:
    back = request.values.get("next", "")
    return make_response(render_template("console/sign_in.html", error=error, next=back), status)


def _page_after(wanted: str) -> str:
    """Return where to go after signing in: a path of the console, never another site's."""
    home = url_for("console.today")
    parts = urlsplit(wanted)
    is_own = not parts.scheme and not parts.netloc and wanted.startswith(f"{home.rstrip('/')}/")
    return wanted if is_own and "\\" not in wanted else home
