"""Faults of OpenACH's calls, before, during or after their execution."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from werkzeug.wrappers import Request, Response

from simulators.common.calls import ApiCall
from simulators.common.faults import FaultLayer
from simulators.openach.api import COOKIE, PREFIX, html_page, sql_error
from simulators.openach.core import OpenAchSimulator
from simulators.openach.settings import OpenAchSimulatorSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_KINDS = {
    "connect": "connect",
    "getPaymentTypes": "types",
    "savePaymentProfile": "profile",
    "saveExternalAccount": "account",
    "savePaymentSchedule": "schedule",
    "savePaymentProfileComplete": "complete",
    "deletePaymentProfile": "delete",
}
_UNAVAILABLE = 503


class OpenAchFaults(FaultLayer[OpenAchSimulatorSettings]):
    """Fault layer of OpenACH; requests outside ``/openach/api`` pass through unchanged."""

    BEFORE = ("html_before", "sql_before")

    def __init__(self, app: WSGIApplication, openach: OpenAchSimulator) -> None:
        super().__init__(app, openach)
        self._openach = openach

    def classify(self, method: str, path: str) -> ApiCall | None:
        """Return the call of a path: its action, whatever the method."""
        if not path.startswith(f"{PREFIX}/"):
            return None
        action = path.removeprefix(f"{PREFIX}/")
        return ApiCall(_KINDS.get(action, "read"), f"{method} {PREFIX}/{action[:40]}")

    def wait(self, call: ApiCall) -> None:
        """Do nothing: a call takes its time while it holds its session."""

    def refuse(self, fault: str) -> Response:
        """Return a page of PHP's, an exception of the database, or a proxy's 503."""
        if fault == "down":
            return Response("<html>503 Service Unavailable</html>", _UNAVAILABLE)
        return html_page() if fault == "html_before" else sql_error()

    def inject(
        self, fault: str, environ: WSGIEnvironment, act: Callable[[], Response]
    ) -> tuple[str, Response]:
        """Let something happen before the call, or act and spoil the answer."""
        sent = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(sent)
        if fault == "session_ended":
            self._openach.end_sessions(Request(environ).cookies.get(COOKIE, ""))
        if fault == "run_before":
            with self._openach.books() as books:
                books.nightly_run()
        answer = act()
        if fault == "html_after":
            return fault, html_page()
        if fault == "sql_after":
            return fault, sql_error(unquote_plus(sent.decode()))
        if fault == "glued":
            more = json.dumps({"success": False, "error": "An error has occurred."})
            answer.set_data(answer.get_data() + more.encode())
        return fault, answer
