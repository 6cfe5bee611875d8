"""Who is signed in: the cookie, and the token that forms repeat (CSRF).

OWASP, Session Management and Cross-Site Request Forgery Prevention cheat sheets.
"""

from __future__ import annotations

import hmac
from typing import cast

from flask import Request, Response, after_this_request, g

from paymentapp.api.auth import admit, check_loopback
from paymentapp.api.blueprint import services
from paymentapp.api.local_requests import is_of_another_page
from paymentapp.console import cookies
from paymentapp.errors import NotAllowed, NotAuthenticated
from paymentapp.models.actors import LOCAL
from paymentapp.models.console_sessions import LONGEST, THIS_MACHINE, ConsoleSession

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
SIGN_IN_FORM = "console.sign_in_with_key"
_COOKIE = "paymentapp_console"
_SAFE = frozenset({"GET", "HEAD"})


def current_session() -> ConsoleSession:
    """Return the session of the current request, which `check_session` has found."""
    return cast(ConsoleSession, g.console_session)


def session_secret(req: Request) -> str:
    """Return what the session's cookie of a request holds; empty where there is none."""
    return cookies.read_cookie(req, _COOKIE)


def presented_secret(req: Request) -> str:
    """Return what a request authenticates with, for rate limits.

    The form for signing in presents the key in it: whoever has a session guesses no more keys.
    """
    return "" if req.endpoint == SIGN_IN_FORM else session_secret(req)


def check_session(req: Request, scopes: tuple[str, ...]) -> Response | None:
    """Let a request pass of who is signed in and has one of the scopes.

    Where authentication is off, requests from this machine are signed in by themselves. Raises
    NotAuthenticated, NotAllowed, RateLimited, StoreUnavailable.
    """
    here = services()
    if not here.settings.auth:
        check_loopback(req)
        _sign_in_locally(req)
        check_form(req, g.console_session)
        return None
    secret = session_secret(req)
    try:
        session, actor = here.console_sessions.find(secret)
    except NotAuthenticated:
        here.rate_limits.forget(secret)
        raise
    here.rate_limits.remember(secret)
    g.console_session = session
    admit(req, actor, scopes)
    check_form(req, session)
    return None


def check_form(req: Request, session: ConsoleSession) -> None:
    """Raise NotAllowed for a form that no page of this session has sent."""
    if req.method in _SAFE:
        return
    check_own_page(req)
    given = req.headers.get(CSRF_HEADER) or req.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
        raise NotAllowed("The form is of an earlier session. Go back, reload the page, try again.")


def check_own_page(req: Request) -> None:
    """Raise NotAllowed where the browser says that a page of another origin sends a form."""
    if is_of_another_page(req):
        raise NotAllowed("The form was sent by a page of another site.")


def set_session_cookie(response: Response, secret: str) -> None:
    """Give the browser a session."""
    cookies.set_cookie(response, _COOKIE, secret, int(LONGEST.total_seconds()))


def delete_session_cookie(response: Response) -> None:
    """Have the browser forget the session."""
    cookies.delete_cookie(response, _COOKIE)


def end_session(req: Request) -> None:
    """End the session that a request has, if it has one: another one begins, or none."""
    secret = session_secret(req)
    try:
        session = services().console_sessions.find(secret).session
    except NotAuthenticated:
        return
    services().console_sessions.end(session)
    services().rate_limits.forget(secret)


def _sign_in_locally(req: Request) -> None:
    sessions = services().console_sessions
    secret = session_secret(req)
    try:
        g.console_session = sessions.find(secret).session
    except NotAuthenticated:
        secret = sessions.begin(LOCAL, THIS_MACHINE)
        g.console_session = sessions.find(secret).session
        _set_cookie_later(secret)


def _set_cookie_later(secret: str) -> None:
    @after_this_request
    def _(response: Response) -> Response:
        set_session_cookie(response, secret)
        return response
