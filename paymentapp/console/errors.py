"""Errors as pages: what is wrong, and what would do."""

from __future__ import annotations

from collections.abc import Callable

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException

from paymentapp import correlation
from paymentapp.console.blueprint import SEE_OTHER
from paymentapp.console.sessions import session_secret
from paymentapp.errors import (
    CannotVerify,
    ChangedSince,
    Conflict,
    KeyReused,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NothingToHold,
    NotPayable,
    StoreUnavailable,
    Unprocessable,
)
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.references import ReferenceUsed
from paymentapp.rate_limits.limits import RateLimited

# Errors whose page says what their message says.
_PAGES: dict[type[Exception], tuple[int, str]] = {
    NotAllowed: (403, "You may not do that"),
    NotFound: (404, "There is no such record"),
    Conflict: (409, "That cannot be done now"),
    ChangedSince: (409, "It has changed meanwhile"),
    KeyReused: (409, "That was sent before"),
    PossibleDuplicate: (409, "There is such a payment already"),
    ReferenceUsed: (409, "The reference is used already"),
    NothingToHold: (422, "There is nothing to hold"),
    NotPayable: (422, "That cannot be paid"),
    LimitExceeded: (422, "A limit would be exceeded"),
    Unprocessable: (422, "That cannot be done"),
}


def error_page(status: int, title: str, detail: str, retry_after: int | None = None) -> Response:
    """Return the page of an error."""
    page = render_template(
        "console/error.html",
        title=title,
        detail=detail,
        request_id=correlation.current().get("request", ""),
    )
    answer = make_response(page, status)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def register_errors(blp: Blueprint) -> None:
    """Register handlers of the errors that views raise; the API has others for the same."""
    for kind, (status, title) in _PAGES.items():
        blp.register_error_handler(kind, _said(status, title))

    @blp.errorhandler(NotAuthenticated)
    def not_authenticated(_: NotAuthenticated) -> Response:
        if request.method != "GET" or session_secret(request):
            g.security_event = "unauthenticated"  # answered by a redirect, not by 401
        back = request.full_path.rstrip("?") if request.method == "GET" else None
        return make_response(redirect(url_for("console.sign_in", next=back), SEE_OTHER))

    @blp.errorhandler(StoreUnavailable)
    def unavailable(error: StoreUnavailable) -> Response:
        current_app.logger.warning("the store is unavailable: %s", error)
        return _later("The records cannot be read now", error.retry_after)

    @blp.errorhandler(CannotVerify)
    def cannot_verify(error: CannotVerify) -> Response:
        return _later("Your sign-in cannot be checked now", error.retry_after)

    @blp.errorhandler(RateLimited)
    def rate_limited(error: RateLimited) -> Response:
        g.quota_state = error.state
        seconds = error.state.resets_in
        return error_page(429, "Too many requests", f"Wait {seconds} seconds.", seconds)

    @blp.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        return error if status < 400 else error_page(status, error.name, error.description or "")


def _said(status: int, title: str) -> Callable[[Exception], Response]:
    return lambda error: error_page(status, title, str(error))


def _later(title: str, seconds: int) -> Response:
    return error_page(503, title, "Try again in a moment.", seconds)
