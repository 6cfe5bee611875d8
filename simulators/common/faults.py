"""Fault layer in front of an API: counts calls, delays them, and injects faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, Generic

from werkzeug.wrappers import Response

from simulators.common.calls import ApiCall
from simulators.common.provider import ProviderSimulator, S

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ConnectionDropped(ConnectionError):
    """Ends the connection without an answer; the server closes the socket."""


class FaultLayer(ABC, Generic[S]):
    """WSGI middleware around one provider's API; requests outside that API pass through unchanged.

    A call with an injected fault is counted under the fault's name, any other under its HTTP
    status. ``BEFORE`` names the faults that ``refuse`` answers without acting.
    """

    BEFORE: ClassVar[tuple[str, ...]]

    def __init__(self, app: WSGIApplication, provider: ProviderSimulator[S]) -> None:
        self._app = app
        self._provider = provider

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        call = self.classify(environ["REQUEST_METHOD"], path)
        if call is None:
            return self._app(environ, start_response)
        name, answer = self._answer(
            call, environ, lambda: Response.from_app(self._app, environ, True)
        )
        self._provider.calls.record(call.endpoint, path, name, self._provider.now())
        if answer is None:
            raise ConnectionDropped(name)
        return answer(environ, start_response)

    def _answer(
        self, call: ApiCall, environ: WSGIEnvironment, act: Callable[[], Response]
    ) -> tuple[str, Response | None]:
        """Return what to count the call under, and the answer; None closes the connection."""
        settings = self._provider.settings
        if settings.down != "no":
            answer = None if settings.down == "closed" else self.refuse("down")
            return f"down_{settings.down}", answer
        self.wait(call)
        fault = self._provider.draw_fault(call.kind)
        if fault == "drop_before":
            return fault, None
        if fault in self.BEFORE:
            return fault, self.refuse(fault)
        if fault is None:
            answer = act()
            return str(answer.status_code), answer
        name, answer = self.inject(fault, environ, act)
        return name, None if fault == "drop_after" else answer

    @abstractmethod
    def classify(self, method: str, path: str) -> ApiCall | None:
        """Return the API call that a request is; None where it does not belong to this API."""

    @abstractmethod
    def wait(self, call: ApiCall) -> None:
        """Delay the call, according to the settings."""

    @abstractmethod
    def refuse(self, fault: str) -> Response:
        """Return the answer of a fault that occurs before anything is done."""

    @abstractmethod
    def inject(
        self, fault: str, environ: WSGIEnvironment, act: Callable[[], Response]
    ) -> tuple[str, Response]:
        """Act, and lose or corrupt the answer; return its name in the counts, and the answer."""


def corrupted(answer: Response) -> Response:
    """Return the answer with a body that is neither JSON nor text."""
    answer.set_data(b'{"id": "\xff\x00<html>')
    return answer
