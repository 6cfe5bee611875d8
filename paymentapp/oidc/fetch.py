"""Calls of the issuer over HTTP, bounded in time and size.

urllib and not requests: the providers' HTTP helper is the only module that may use requests, and
two documents an hour need no pool of connections. It is imported at the first call.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paymentapp.errors import PaymentAppError
from paymentapp.loopback import is_loopback

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.error import HTTPError
    from urllib.request import OpenerDirector, Request

TIMEOUT_SECONDS = 3.0  # to connect, for each read, and for the body in all
MAX_BYTES = 256 * 1024  # a set of ten RSA keys, each with its certificates, has about 50,000
_CHUNK = 16 * 1024
_ACCEPTS = {"Accept": "application/json", "User-Agent": "paymentapp"}
_EXPLAINED = (400, 401)  # with a JSON body: RFC 6749, section 5.2


class IssuerUnavailable(PaymentAppError):
    """The issuer did not answer, or not with what it should. The message quotes no answer."""


def fetch(url: str) -> bytes:
    """Return the body of an https address (http on loopback); redirects are not followed.

    Raises IssuerUnavailable.
    """
    from urllib.request import Request

    # S310 warns of file: addresses; callers pass only what `is_safe_address` accepts.
    return _call(Request(url, headers=_ACCEPTS), ())  # noqa: S310


def post(url: str, form: str, headers: Mapping[str, str]) -> bytes:
    """Return the body of the answer to a form, also of one that refuses it (400, 401).

    Raises IssuerUnavailable.
    """
    from urllib.request import Request

    sent = {**headers, **_ACCEPTS, "Content-Type": "application/x-www-form-urlencoded"}
    request = Request(url, form.encode(), sent, method="POST")  # noqa: S310 (see above)
    return _call(request, _EXPLAINED)


def _call(request: Request, explained: tuple[int, ...]) -> bytes:
    """Return the body of an answer that is 200, or one of some other statuses."""
    from http import HTTPStatus
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with _opener(request.full_url).open(request, timeout=TIMEOUT_SECONDS) as response:
            if response.status != HTTPStatus.OK:
                raise IssuerUnavailable(f"HTTP status {response.status}")
            return _read(response)
    except HTTPError as error:  # any status but 2xx, a redirect too
        with error:
            if error.code in explained:
                return _read(error)
            raise IssuerUnavailable(f"HTTP status {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise IssuerUnavailable(_kind_of(error)) from None


def _opener(url: str) -> OpenerDirector:
    """Return an opener without redirects; loopback is never reached through a proxy."""
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class NoRedirects(HTTPRedirectHandler):
        """Refuse redirects: they could lead to http, or into the network of the service."""

        def redirect_request(self, *_: object) -> None:
            """Return no request, upon which urllib raises the redirect as an HTTPError."""

    local = is_loopback(urlsplit(url).hostname or "")
    return build_opener(NoRedirects, ProxyHandler({} if local else None))


def _read(response: HTTPResponse | HTTPError) -> bytes:
    """Read the body; `read1` returns what has arrived, so the deadline is checked in between."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise IssuerUnavailable(f"more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise IssuerUnavailable("the answer takes too long")
    return bytes(body)


def _kind_of(error: Exception) -> str:
    """Return the names of the exceptions, which say enough and quote nothing."""
    reason = getattr(error, "reason", None)
    inner = f" ({type(reason).__name__})" if isinstance(reason, Exception) else ""
    return type(error).__name__ + inner
