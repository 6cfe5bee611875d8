"""Calls of OpenACH's API: a form is posted, and the first JSON object of the answer counts.

Every answer is HTTP 200, whatever happened. Anything else, or anything that is no such object, is
an unknown outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from paymentapp.errors import Misconfigured, NotSent
from paymentapp.providers.http import Http
from paymentapp.providers.openach.answers import OpenAchAnswer, OpenAchProblem, read_answer
from paymentapp.providers.openach.sessions import Sessions, is_session
from paymentapp.providers.openach.settings import OpenAchSettings
from paymentapp.providers.openach.tables import OpenAchError

log = logging.getLogger(__name__)

_HEADERS = {"Accept": "application/json, text/html"}
# Errors that say that the server is not the one of the settings, or that our call is wrong:
# nothing was done.
_OURS = {OpenAchError.NO_SUCH_ACTION, OpenAchError.INVALID_REQUEST}


class OpenAchApi:
    """Makes calls, each in a session of its own. Any number of threads may share it."""

    def __init__(self, http: Http, settings: OpenAchSettings) -> None:
        self._http = http
        self._credentials = {
            "user_api_token": settings.token,
            "user_api_key": settings.secret_key,
        }
        self._sessions = Sessions(self._connect)

    def save(self, action: str, form: Mapping[str, str]) -> OpenAchAnswer | None:
        """Make a call that moves money; None where its answer cannot be read.

        Raises OutcomeUnknown where there was no answer. Raises NotSent and Misconfigured where it
        certainly did nothing.
        """
        return self._call(action, form, moves_money=True)

    def read(self, action: str, form: Mapping[str, str]) -> object:
        """Return the data of a call that changes nothing; None where there is no such record.

        Raises NotSent, Misconfigured.
        """
        answer = self._call(action, form, moves_money=False)
        if answer is None:
            raise NotSent("UNREADABLE_ANSWER", action)
        if answer.problem is None:
            return answer.data
        if answer.problem.error is OpenAchError.NOT_FOUND:
            return None
        raise NotSent(answer.problem.code, action)

    def check(self) -> None:
        """Connect anew. Raises NotSent, Misconfigured."""
        self._sessions.forget()
        self._sessions.give_back(self._connect())

    def _call(
        self, action: str, form: Mapping[str, str], *, moves_money: bool
    ) -> OpenAchAnswer | None:
        """Make a call, and once more in a new session where the first one had ended.

        A call in a session that has ended does nothing. A session without a whole answer is not
        used again: the server may be at work in it for a while.
        """
        for _ in range(2):
            session = self._sessions.take()
            answer = self._post(action, form, moves_money=moves_money, session=session)
            if answer is None:
                return None
            problem = answer.problem
            if problem is None or problem.error is not OpenAchError.NOT_CONNECTED:
                self._sessions.give_back(session)
                self._check_ours(action, problem)
                return answer
            self._sessions.forget()
        raise NotSent(OpenAchError.NOT_CONNECTED, "a new session has ended at once")

    def _check_ours(self, action: str, problem: OpenAchProblem | None) -> None:
        if problem is not None and problem.error in _OURS:
            raise Misconfigured(problem.error, action)

    def _connect(self) -> str:
        if not all(self._credentials.values()):
            raise Misconfigured(
                "NO_CREDENTIALS",
                "set PAYMENTAPP_OPENACH_TOKEN and PAYMENTAPP_OPENACH_SECRET_KEY",
            )
        answer = self._post("connect", self._credentials, moves_money=False)
        if answer is None:
            raise NotSent("UNREADABLE_ANSWER", "connect")
        if answer.problem is not None:
            wrong = answer.problem.error is not OpenAchError.UNKNOWN
            raise (Misconfigured if wrong else NotSent)(answer.problem.code, "connect")
        if not is_session(answer.session_id):
            raise NotSent("UNREADABLE_ANSWER", "connect gave no session")
        return answer.session_id

    def _post(
        self, action: str, form: Mapping[str, str], *, moves_money: bool, session: str = ""
    ) -> OpenAchAnswer | None:
        cookie = {"Cookie": f"PHPSESSID={session}"} if session else {}
        answer = self._http.call(
            "POST", f"/{action}", moves_money=moves_money, headers=_HEADERS | cookie, body=form
        )
        found = read_answer(answer.body) if answer.status == 200 else None
        if found is None:
            log.warning("OpenACH's answer to %s is not readable: HTTP %d", action, answer.status)
        elif found.is_double:
            log.info("OpenACH answered %s twice: the first answer counts", action)
        return found
