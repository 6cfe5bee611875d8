"""Faults of PayPal's calls, before or after they were acted on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from simulators.common.calls import ApiCall
from simulators.common.faults import FaultLayer, corrupted
from simulators.paypal.calls import classify, is_payouts
from simulators.paypal.errors import PayPalError
from simulators.paypal.settings import PayPalSimulatorSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PayPalFaults(FaultLayer[PayPalSimulatorSettings]):
    """Fault layer of PayPal; the page and ``/_simulator`` pass through unchanged."""

    BEFORE = ("error_before", "rate_limited")

    def classify(self, method: str, path: str) -> ApiCall | None:
        """Return PayPal's call for a path."""
        return classify(method, path)

    def wait(self, call: ApiCall) -> None:
        """Delay payouts calls by the latency."""
        if is_payouts(call) and self._provider.settings.latency:
            time.sleep(self._provider.settings.latency)

    def refuse(self, fault: str) -> Response:
        """Return an error in PayPal's words."""
        return _error(_REFUSALS[fault])

    def inject(
        self,
        fault: str,
        environ: WSGIEnvironment,  # noqa: ARG002 - Stripe's faults need it
        act: Callable[[], Response],
    ) -> tuple[str, Response]:
        """Act, then lose or corrupt the answer."""
        answer = act()
        if fault == "error_after":
            answer = _error("INTERNAL_SERVER_ERROR")
        elif fault == "garbage":
            corrupted(answer)
        return fault, answer


_REFUSALS = {
    "down": "SERVICE_UNAVAILABLE",
    "error_before": "INTERNAL_SERVER_ERROR",
    "rate_limited": "RATE_LIMIT_REACHED",
}


def _error(name: str) -> Response:
    error = PayPalError(name)
    return Response(json.dumps(error.body()), error.status, content_type="application/json")
