"""The layer in front of the API that counts calls, waits, and makes them go wrong on purpose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from paymentapp.simulator.calls import Call, classify
from paymentapp.simulator.core import Simulator
from paymentapp.simulator.errors import PayPalError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ConnectionDropped(ConnectionError):
    """Ends the connection with no answer; the server turns it into a closed socket."""


class FaultLayer:
    """WSGI middleware around the API; the page and ``/_simulator`` pass through untouched.

    A struck call is counted under the fault's name, any other under its HTTP status.
    """

    def __init__(self, app: WSGIApplication, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        call = classify(environ["REQUEST_METHOD"], path)
        if call is None:
            return self._app(environ, start_response)
        name, answer = self._answer(call, lambda: Response.from_app(self._app, environ, True))
        self._simulator.state.record_call(call.endpoint, path, name, self._simulator.now())
        if answer is None:
            raise ConnectionDropped(name)
        return answer(environ, start_response)

    def _answer(self, call: Call, act: Callable[[], Response]) -> tuple[str, Response | None]:
        """What to count the call under, and the answer; None closes the connection."""
        settings = self._simulator.settings
        if settings.down != "no":
            answer = None if settings.down == "closed" else _error("SERVICE_UNAVAILABLE")
            return f"down_{settings.down}", answer
        if call.is_payouts and settings.latency:
            time.sleep(settings.latency)
        fault = self._simulator.deal_fault(call.kind)
        if fault == "drop_before":
            return fault, None
        if fault == "error_before":
            return fault, _error("INTERNAL_SERVER_ERROR")
        if fault == "rate_limited":
            return fault, _error("RATE_LIMIT_REACHED")
        answer = act()
        if fault == "drop_after":
            return fault, None
        if fault == "error_after":
            return fault, _error("INTERNAL_SERVER_ERROR")
        if fault == "garbage":
            answer.set_data(b'{"batch_header": {"payout_ba\xff\x00<html>')
            return fault, answer
        return str(answer.status_code), answer


def _error(name: str) -> Response:
    error = PayPalError(name)
    return Response(json.dumps(error.body()), error.status, content_type="application/json")
