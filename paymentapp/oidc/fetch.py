"""Fetch a document of the issuer over HTTP, bounded in time and size.

urllib and not requests: the providers' HTTP helper is the only module that may use requests, and
two documents an hour need no pool of connections. It is imported at the first call.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paymentapp.errors import PaymentAppError
from paymentapp.loopback import is_loopback

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

TIMEOUT_SECONDS = 3.0  # to connect, for each read, and for the body in all
MAX_BYTES = 256 * 1024  # a set of ten RSA keys, each with its certificates, has about 50,000
_CHUNK = 16 * 1024


class IssuerUnavailable(PaymentAppError):
    """The issuer did not answer, or not with what it should. The message quotes no answer."""


def fetch(url: str) -> bytes:
    """Return the body of an https address (http on loopback); redirects are not followed.

    Raises IssuerUnavailable.
    """
    from http import HTTPStatus
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request

    headers = {"Accept": "application/json", "User-Agent": "paymentapp"}
    # S310 warns of file: addresses; callers pass only what `is_safe_address` accepts.
    request = Request(url, headers=headers)  # noqa: S310
    try:
        with _opener(url).open(request, timeout=TIMEOUT_SECONDS) as response:
            if response.status != HTTPStatus.OK:
                raise IssuerUnavailable(f"HTTP status {response.status}")
            return _read(response)
    except HTTPError as error:  # any status but 2xx, a redirect too
        with error:
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


def _read(response: HTTPResponse) -> bytes:
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
