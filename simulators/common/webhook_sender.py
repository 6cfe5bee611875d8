"""The thread that delivers webhooks, again and again until the listener takes them."""

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

INTERVAL = 0.05  # seconds between two looks at the queue
AT_ONCE = 100  # webhooks of one look
TIMEOUT = 5  # seconds that a listener may take
ATTEMPTS = 25  # PayPal's: "25 times over the course of 3 days"
SLOWEST = 60  # seconds between two attempts


class WebhookSender(Generic[S]):
    """Delivers for one provider. ``build`` makes of a queued webhook what is posted, ``{"headers",
    "body"}``, or None where what it is about is gone."""

    def __init__(
        self,
        provider: ProviderSimulator[S],
        build: Callable[[QueuedWebhook], Mapping[str, Any] | None],
    ) -> None:
        self._provider = provider
        self._build = build
        # A proxy of the environment is not for a listener on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook-sender", daemon=True)

    def start(self) -> None:
        """Begin; whether anybody is to be told, the settings say at any time."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery that is on its way."""
        self._stopping.set()
        self._thread.join(TIMEOUT + 1)

    def deliver_due(self) -> int:
        """Try each webhook that is due once. Returns how many were taken."""
        url = self._provider.settings.webhook_url
        due = self._provider.queue.due(self._provider.now(), AT_ONCE) if url else []
        taken = 0
        for webhook in due:
            if url is None or self._stopping.is_set():
                break
            taken += self._deliver(webhook, url)
        return taken

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL):
            try:
                self.deliver_due()
            except Exception:
                log.exception("webhook events could not be delivered")
                self._stopping.wait(1)

    def _deliver(self, webhook: QueuedWebhook, url: str) -> bool:
        queue = self._provider.queue
        posted = self._build(webhook)
        taken = posted is None or self._post(url, posted)
        if taken or webhook.attempts + 1 >= ATTEMPTS:
            queue.remove(webhook)
        else:
            wait = min(SLOWEST, 0.5 * 2**webhook.attempts)
            queue.put_off(webhook, self._provider.now() + span(wait))
        return taken

    def _post(self, url: str, signed: Mapping[str, Any]) -> bool:
        """Whether the listener answered 2xx."""
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
