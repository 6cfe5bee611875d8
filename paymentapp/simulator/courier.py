"""The thread that delivers webhook events, again and again until the listener takes them."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Generic

from paymentapp.simulator.core import Simulator
from paymentapp.simulator.outbox import Letter
from paymentapp.simulator.settings import Settings
from paymentapp.simulator.side import S, Side
from paymentapp.simulator.times import span
from paymentapp.simulator.webhooks import event_of, sign_event

log = logging.getLogger(__name__)

INTERVAL = 0.05  # seconds between two looks at the outbox
AT_ONCE = 100  # letters of one look
PATIENCE = 5  # seconds that a listener may take
ATTEMPTS = 25  # PayPal's: "25 times over the course of 3 days"
SLOWEST = 60  # seconds between two attempts


class Carrier(Generic[S]):
    """Delivers for one side. ``write`` makes a letter what is posted, ``{"headers", "body"}``, or
    None where what it is about is gone."""

    def __init__(self, side: Side[S], write: Callable[[Letter], Mapping[str, Any] | None]) -> None:
        self._side = side
        self._write = write
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
        url = self._side.settings.webhook_url
        letters = self._side.outbox.due(self._side.now(), AT_ONCE) if url else []
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
        outbox = self._side.outbox
        written = self._write(letter)
        taken = written is None or self._post(url, written)
        if taken or letter.attempts + 1 >= ATTEMPTS:
            outbox.remove(letter)
        else:
            wait = min(SLOWEST, 0.5 * 2**letter.attempts)
            outbox.put_off(letter, self._side.now() + span(wait))
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


class Courier(Carrier[Settings]):
    """PayPal's; ``base`` is the simulator's own address."""

    def __init__(self, simulator: Simulator, base: str) -> None:
        def write(letter: Letter) -> Mapping[str, Any] | None:
            event = event_of(simulator, letter, base)
            return None if event is None else sign_event(simulator, event, base)

        super().__init__(simulator, write)
