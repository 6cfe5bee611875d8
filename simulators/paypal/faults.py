"""What goes wrong with calls of PayPal, before or after they were acted on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from simulators.common.calls import ApiCall
from simulators.common.faults import FaultLayer, garbled
from simulators.paypal.calls import classify, is_payouts
from simulators.paypal.errors import PayPalError
from simulators.paypal.settings import PayPalSimulatorSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PayPalFaults(FaultLayer[PayPalSimulatorSettings]):
    """The faults of PayPal; the page and ``/_simulator`` pass through untouched."""

    BEFORE = ("error_before", "rate_limited")

    def classify(self, method: str, path: str) -> ApiCall | None:
        """A call of PayPal's, by its path."""
        return classify(method, path)

    def wait(self, call: ApiCall) -> None:
        """Latency slows the payouts calls alone."""
        if is_payouts(call) and self._provider.settings.latency:
            time.sleep(self._provider.settings.latency)

    def refuse(self, fault: str) -> Response:
        """An error, as PayPal words it."""
        return _error(_REFUSALS[fault])

    def strike(
        self,
        fault: str,
        environ: WSGIEnvironment,  # noqa: ARG002 - Stripe's faults need it
        act: Callable[[], Response],
    ) -> tuple[str, Response]:
        """Act, then lose or spoil the answer."""
        answer = act()
        if fault == "error_after":
            answer = _error("INTERNAL_SERVER_ERROR")
        elif fault == "garbage":
            garbled(answer)
        return fault, answer


_REFUSALS = {
    "down": "SERVICE_UNAVAILABLE",
    "error_before": "INTERNAL_SERVER_ERROR",
    "rate_limited": "RATE_LIMIT_REACHED",
}


def _error(name: str) -> Response:
    error = PayPalError(name)
    return Response(json.dumps(error.body()), error.status, content_type="application/json")
