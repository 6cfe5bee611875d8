"""Thread that delivers webhooks, with retries until the listener accepts them."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Generic

from simulators.common.provider import ProviderSimulator, S
from simulators.common.times import span
from simulators.common.webhook_queue import QueuedWebhook

log = logging.getLogger(__name__)

INTERVAL = 0.05  # seconds between two reads of the queue
READ_LIMIT = 100  # webhooks of one read
TIMEOUT = 5  # seconds that a listener may take
ATTEMPTS = 25  # PayPal's: "25 times over the course of 3 days"
MAX_BACKOFF = 60  # seconds between two attempts


class WebhookSender(Generic[S]):
    """Delivers the webhooks of one provider.

    ``build`` turns a queued webhook into the request to post, ``{"headers", "body"}``, or None
    where its subject no longer exists.
    """

    def __init__(
        self,
        provider: ProviderSimulator[S],
        build: Callable[[QueuedWebhook], Mapping[str, Any] | None],
    ) -> None:
        self._provider = provider
        self._build = build
        # The environment's proxy does not apply to a listener on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook-sender", daemon=True)

    def start(self) -> None:
        """Start the thread; the settings decide at any time whether it delivers."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after the delivery in progress."""
        self._stopping.set()
        self._thread.join(TIMEOUT + 1)

    def deliver_due(self) -> int:
        """Attempt each due webhook once. Returns the number accepted."""
        url = self._provider.settings.webhook_url
        due = self._provider.queue.due(self._provider.now(), READ_LIMIT) if url else []
        accepted = 0
        for webhook in due:
            if url is None or self._stopping.is_set():
                break
            accepted += self._deliver(webhook, url)
        return accepted

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL):
            try:
                self.deliver_due()
            except Exception:
                log.exception("webhook delivery failed; retried in a second")
                self._stopping.wait(1)

    def _deliver(self, webhook: QueuedWebhook, url: str) -> bool:
        queue = self._provider.queue
        posted = self._build(webhook)
        accepted = posted is None or self._post(url, posted)
        if accepted or webhook.attempts + 1 >= ATTEMPTS:
            queue.remove(webhook)
        else:
            wait = min(MAX_BACKOFF, 0.5 * 2**webhook.attempts)
            queue.put_off(webhook, self._provider.now() + span(wait))
        return accepted

    def _post(self, url: str, signed: Mapping[str, Any]) -> bool:
        """Post an event, and return whether the listener answered 2xx."""
        request = urllib.request.Request(  # noqa: S310 - the settings allow http and https alone
            url,
            data=signed["body"].encode(),
            headers=signed["headers"],
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT):
                return True
        except (urllib.error.URLError, OSError, ValueError):
            return False
