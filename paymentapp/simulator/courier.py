"""The thread that delivers webhook events, again and again until the listener takes them."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from paymentapp.simulator.core import Simulator
from paymentapp.simulator.outbox import Letter
from paymentapp.simulator.times import span
from paymentapp.simulator.webhooks import event_of, sign_event

log = logging.getLogger(__name__)

INTERVAL = 0.05  # seconds between two looks at the outbox
AT_ONCE = 100  # letters of one look
PATIENCE = 5  # seconds that a listener may take
ATTEMPTS = 25  # PayPal's: "25 times over the course of 3 days"
SLOWEST = 60  # seconds between two attempts


class Courier:
    """Delivers for one simulator, whose own address is ``base``."""

    def __init__(self, simulator: Simulator, base: str) -> None:
        self._simulator = simulator
        self._base = base
        # A proxy of the environment is not for a listener on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin; whether anybody is to be told, the settings say at any time."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery that is on its way."""
        self._stopping.set()
        self._thread.join(PATIENCE + 1)

    def deliver_due(self) -> int:
        """Try each letter that is due once. Returns how many were taken."""
        url = self._simulator.settings.webhook_url
        letters = self._simulator.outbox.due(self._simulator.now(), AT_ONCE) if url else []
        taken = 0
        for letter in letters:
            if url is None or self._stopping.is_set():
                break
            taken += self._deliver(letter, url)
        return taken

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL):
            try:
                self.deliver_due()
            except Exception:
                log.exception("webhook events could not be delivered")
                self._stopping.wait(1)

    def _deliver(self, letter: Letter, url: str) -> bool:
        outbox = self._simulator.outbox
        event = event_of(self._simulator, letter, self._base)
        taken = event is None or self._post(url, sign_event(self._simulator, event, self._base))
        if taken or letter.attempts + 1 >= ATTEMPTS:
            outbox.remove(letter)
        else:
            wait = min(SLOWEST, 0.5 * 2**letter.attempts)
            outbox.put_off(letter, self._simulator.now() + span(wait))
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
            with self._opener.open(request, timeout=PATIENCE):
                return True
        except (urllib.error.URLError, OSError, ValueError):
            return False
