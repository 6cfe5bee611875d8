"""HTTP client of the providers: a pooled session whose calls are bounded in time and size.

requests is imported at the first call: it takes a tenth of a cold start, and a process that only
accepts payments never calls a provider.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING

from paymentapp.correlation import traceparent
from paymentapp.errors import NotSent, OutcomeUnknown, ProviderError
from paymentapp.providers.json_answers import parse_json

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 3
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # a page of 1,000 payouts, each with a long note, is about 6
_CHUNK = 64 * 1024
_LONGEST_WAIT = 3600  # seconds; a longer Retry-After is cut to it


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. The body stays out of `repr`: it may hold a token or an address."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """Parse the body as JSON, with fractions as Decimal; None where it is not JSON."""
        try:
            return parse_json(self.body)
        except ValueError:
            return None

    def retry_after(self, now: datetime) -> int | None:
        """Return the seconds of Retry-After, in either form (RFC 9110, 10.2.3), an hour at most."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return min(int(value[:9]), _LONGEST_WAIT)
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(0, int((moment - now).total_seconds())), _LONGEST_WAIT)


class Http:
    """HTTP client of one provider. Any number of threads may share it.

    It never retries and follows no redirect: only the provider knows which calls are safe to retry.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        read_timeout: float,
        max_bytes: int | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._timeout = read_timeout
        self._max_bytes = max_bytes
        self._connections = connections

    @cached_property
    def _session(self) -> requests.Session:
        from http.cookiejar import DefaultCookiePolicy

        import requests
        from requests.adapters import HTTPAdapter
        from requests.utils import get_environ_proxies

        session = requests.Session()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=self._connections, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)  # the settings allow it on loopback alone
        # With trust_env, requests reads ~/.netrc at every call and lets it replace our
        # Authorization header. Of the environment only the proxy variables apply; they are read
        # here, once, and not for loopback.
        session.trust_env = False
        if self._base.startswith("https:"):
            session.proxies = dict(get_environ_proxies(self._base))
        session.headers["User-Agent"] = "paymentapp"
        # Refuse cookies: they would be state shared between threads.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return session

    def call(
        self,
        method: str,
        path: str,
        *,
        moves_money: bool,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read its whole answer, whatever its status.

        Raises NotSent where the request had no effect: it never left, or its method moves no money.
        Raises OutcomeUnknown where it may have been acted on.
        """
        from urllib3.exceptions import HTTPError

        try:
            with self._session.request(
                method,
                self._base + path,
                params=params,
                data=body,
                headers=_traced(headers),
                timeout=(CONNECT_SECONDS, self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, response.headers, self._read(response))
        except (OSError, ValueError, HTTPError) as error:  # requests' own are OSErrors
            # `from None`: these texts can quote a header or a URL.
            raise _classified(error, moves_money) from None

    def _read(self, response: requests.Response) -> bytes:
        """Read the body, decoded; at most `_timeout` seconds in all.

        `read1` returns what has arrived, so the deadline is checked even when the server sends one
        byte at a time.
        """
        from requests import ReadTimeout

        deadline = time.monotonic() + self._timeout
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > (self._max_bytes or MAX_ANSWER_BYTES):
                raise _AnswerTooLarge
            if time.monotonic() > deadline:
                raise ReadTimeout
        return bytes(body)

    def close(self) -> None:
        """Close the idle connections."""
        if "_session" in vars(self):
            self._session.close()


def _traced(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers with the traceparent of the current span, where there is one."""
    current = traceparent()
    return headers if current is None else {**headers, "traceparent": current}


class _AnswerTooLarge(ValueError):
    """The server sent more than `max_bytes`."""


def _classified(error: Exception, moves_money: bool) -> ProviderError:
    if _never_left(error):
        return NotSent("NOT_CONNECTED", _kind_of(error))
    if moves_money:
        return OutcomeUnknown("NO_ANSWER", _kind_of(error))
    return NotSent("NO_ANSWER", _kind_of(error))


def _never_left(error: Exception) -> bool:
    """Return whether not one byte of the request was sent.

    A connection that breaks later proves nothing: even one that the server had already closed may
    have delivered the request.
    """
    from requests.exceptions import ConnectTimeout, ProxyError
    from urllib3.exceptions import NewConnectionError
    from urllib3.exceptions import SSLError as HandshakeError

    if isinstance(error, ConnectTimeout | ProxyError):
        return True
    reason = _reason(error)
    if isinstance(reason, HandshakeError):
        return any(isinstance(each, ssl.SSLCertVerificationError) for each in reason.args)
    return isinstance(reason, NewConnectionError)  # also raised where a name does not resolve


def _reason(error: Exception) -> object:
    """Return urllib3's own error, which requests wraps twice."""
    wrapped = error.args[0] if error.args else None
    return getattr(wrapped, "reason", None)


def _kind_of(error: Exception) -> str:
    """Return the names of the exceptions, which say enough and quote nothing."""
    reason = _reason(error)
    inner = f" ({type(reason).__name__})" if isinstance(reason, Exception) else ""
    return type(error).__name__.lstrip("_") + inner
