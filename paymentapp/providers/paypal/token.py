"""PayPal's OAuth 2.0 access token, shared by all threads and renewed before it expires."""

from __future__ import annotations

import base64
import re
import threading
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import Misconfigured, NotSent
from paymentapp.providers.http import Http
from paymentapp.providers.json_answers import dig, matching
from paymentapp.providers.paypal.answers import read_problem

_PATH = "/v1/oauth2/token"
_FORM = re.compile(r"[\x21-\x7e]{1,8192}")  # characters that a header can hold
_A_YEAR = 366 * 86_400


class _Issued(NamedTuple):
    value: str
    renew_at: datetime
    expires_at: datetime


class Token:
    """Access token of one account, obtained by its client credentials (RFC 6749, 4.4).

    "Rather than generate an OAuth 2.0 access token for each transaction, cache tokens":
    https://developer.paypal.com/reference/guidelines/rate-limiting
    """

    def __init__(self, http: Http, client_id: str, client_secret: str, clock: Clock) -> None:
        self._http = http
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._configured = bool(client_id and client_secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._issued: _Issued | None = None

    def get(self) -> str:
        """Return a token that is valid for a while yet.

        One thread renews it; the others keep using the old one while that is valid, and otherwise
        wait. Raises NotSent where PayPal does not answer, Misconfigured where it refuses the
        credentials.
        """
        now = self._clock()
        seen = self._issued
        if seen and now < seen.renew_at:
            return seen.value
        if not self._lock.acquire(blocking=not (seen and now < seen.expires_at)):
            return seen.value if seen else ""
        try:
            issued = self._issued
            if issued is None or issued is seen:
                issued = self._issued = self._renewed(seen, now)
            return issued.value
        finally:
            self._lock.release()

    def drop(self, value: str) -> None:
        """Discard a token that PayPal refused, unless another has replaced it."""
        if self._issued and self._issued.value == value:
            self._issued = None

    def _renewed(self, old: _Issued | None, now: datetime) -> _Issued:
        try:
            return self._fetch(now)
        except NotSent:
            if old is None or now >= old.expires_at:
                raise
            # The old one is still valid; retry a little later.
            return old._replace(renew_at=min(old.expires_at, now + timedelta(seconds=30)))

    def _fetch(self, now: datetime) -> _Issued:
        """Request a new token; this moves nothing."""
        if not self._configured:
            raise Misconfigured("NO_CREDENTIALS", "set PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET")
        answer = self._http.call(
            "POST",
            _PATH,
            moves_money=False,
            headers={"Authorization": f"Basic {self._basic}", "Accept": "application/json"},
            body={"grant_type": "client_credentials"},
        )
        if not answer.ok:
            refused = 400 <= answer.status < 500 and answer.status != 429
            raise read_problem(answer, now).error(Misconfigured if refused else NotSent)
        body = answer.json()
        value, seconds = matching(_FORM, dig(body, "access_token")), dig(body, "expires_in")
        if not value:
            raise NotSent("UNREADABLE_ANSWER", "no access token")
        # A token whose lifetime is missing or implausible is used once.
        life = seconds if isinstance(seconds, int) and 0 < seconds < _A_YEAR else 0
        margin = max(60, life // 10)
        expires_at = now + timedelta(seconds=life)
        return _Issued(value, expires_at - timedelta(seconds=margin), expires_at)
