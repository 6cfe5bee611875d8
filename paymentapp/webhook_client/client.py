"""Posts webhooks: over kept connections, within a time limit, following no redirect."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from http.client import HTTPException

from paymentapp.errors import PaymentAppError
from paymentapp.webhook_client.addresses import ForbiddenUrl, WebhookTarget, check_url
from paymentapp.webhook_client.connections import (
    Resolve,
    WebhookConnection,
    connect,
    resolve,
)

IDLE_SECONDS = 20.0  # then a connection is not used again, and the name resolved again
_Key = tuple[str, str, int]


class NotDelivered(PaymentAppError):
    """No answer arrived. The message is a kind of error; it quotes no address and no body."""


class WebhookClient:
    """Posts to public addresses. Any number of threads may share it.

    No proxy is used: it would resolve the names, and its addresses would not be checked.
    """

    def __init__(
        self,
        *,
        timeout: float,
        idle_max: int,
        allow_loopback: bool = False,
        resolve: Resolve = resolve,
        ca_file: str | None = None,
    ) -> None:
        """Make a client; `timeout` is for a request as a whole, `idle_max` for each host."""
        self._timeout = timeout
        self._idle_max = idle_max
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._idle: dict[_Key, list[WebhookConnection]] = {}

    def check(self, url: str) -> WebhookTarget:
        """Return the parts of a URL that may be posted to. Raises ForbiddenUrl."""
        return check_url(url, allow_loopback=self._allow_loopback)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer, whatever it is. Raises NotDelivered."""
        deadline = time.monotonic() + self._timeout
        try:
            target = self.check(url)
            sent = {"Host": target.authority, "User-Agent": "paymentapp", **headers}
            return self._post(target, sent, body, deadline)
        except ForbiddenUrl as error:
            raise NotDelivered(str(error)) from None
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._timeout:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            raise NotDelivered(f"no answer: {type(error).__name__}") from None

    def _post(
        self, target: WebhookTarget, headers: dict[str, str], body: bytes, deadline: float
    ) -> int:
        kept = self._take(target)
        if kept is not None:
            try:
                return self._exchange(kept, target, headers, body, deadline)
            except (ConnectionError, HTTPException, ssl.SSLError):
                pass  # the server has closed it meanwhile: a new one; a webhook may come twice
        tls = self._tls if target.scheme == "https" else None
        fresh = connect(
            target, deadline, tls, allow_loopback=self._allow_loopback, resolve=self._resolve
        )
        return self._exchange(fresh, target, headers, body, deadline)

    def _exchange(
        self,
        connection: WebhookConnection,
        target: WebhookTarget,
        headers: dict[str, str],
        body: bytes,
        deadline: float,
    ) -> int:
        try:
            status = connection.post(target.path, headers, body, deadline)
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._keep(target, connection)
        return status

    def _take(self, target: WebhookTarget) -> WebhookConnection | None:
        """Return a kept connection that is young enough, if there is one."""
        oldest = time.monotonic() - IDLE_SECONDS
        with self._lock:
            idle = self._idle.get(target[:3], [])
            while idle:
                connection = idle.pop()
                if connection.used_at > oldest:
                    return connection
                connection.close()
        return None

    def _keep(self, target: WebhookTarget, connection: WebhookConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(target[:3], [])
            idle.append(connection)
            for surplus in idle[: -self._idle_max]:
                surplus.close()
            del idle[: -self._idle_max]

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            kept = [each for idle in self._idle.values() for each in idle]
            self._idle.clear()
        for connection in kept:
            connection.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        import certifi

        return ssl.create_default_context(cafile=self._ca_file or certifi.where())
