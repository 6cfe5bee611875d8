"""The layer in front of an API that counts calls, waits, and makes them go wrong on purpose."""

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
    """Ends the connection with no answer; the server turns it into a closed socket."""


class FaultLayer(ABC, Generic[S]):
    """WSGI middleware around one provider's API; what is not that API passes through untouched.

    A struck call is counted under the fault's name, any other under its HTTP status. ``BEFORE``
    names the faults that ``refuse`` answers without anything having been done.
    """

    BEFORE: ClassVar[tuple[str, ...]]

    def __init__(self, app: WSGIApplication, provider: ProviderSimulator[S]) -> None:
        self._app = app
        self._provider = provider

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
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
        """What to count the call under, and the answer; None closes the connection."""
        settings = self._provider.settings
        if settings.down != "no":
            answer = None if settings.down == "closed" else self.refuse("down")
            return f"down_{settings.down}", answer
        self.wait(call)
        fault = self._provider.deal_fault(call.kind)
        if fault == "drop_before":
            return fault, None
        if fault in self.BEFORE:
            return fault, self.refuse(fault)
        if fault is None:
            answer = act()
            return str(answer.status_code), answer
        name, answer = self.strike(fault, environ, act)
        return name, None if fault == "drop_after" else answer

    @abstractmethod
    def classify(self, method: str, path: str) -> ApiCall | None:
        """The API call that a request is, or None for what is no part of this API."""

    @abstractmethod
    def wait(self, call: ApiCall) -> None:
        """Be slow, where the settings say so."""

    @abstractmethod
    def refuse(self, fault: str) -> Response:
        """The answer of a fault that strikes before anything is done."""

    @abstractmethod
    def strike(
        self, fault: str, environ: WSGIEnvironment, act: Callable[[], Response]
    ) -> tuple[str, Response]:
        """Act, and spoil the answer; its name in the counts, and the answer."""


def garbled(answer: Response) -> Response:
    """The answer with a body that is no JSON and no text."""
    answer.set_data(b'{"id": "\xff\x00<html>')
    return answer
