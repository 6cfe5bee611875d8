"""What a thread does with a request: the application answers it, or asks for more of its body."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

from gunicorn.http.errors import NoMoreData
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from paymentapp.api.environ import RESUMED, STOPPING
from paymentapp.web.connection import Connection
from paymentapp.web.incoming import Incoming, IncomingReader, MoreAwaited, Progress

Application = Callable[[dict[str, Any], Any], Any]


class Outcome(Enum):
    """What becomes of a connection when a thread is done with it."""

    KEEP = 0
    CLOSE = 1
    AWAIT_BODY = 2


def informed(application: Application, stopping: threading.Event) -> Application:
    """Return an application whose environ says what the server knows (api/environ.py)."""

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        environ[STOPPING] = stopping
        environ[RESUMED] = environ["gunicorn.socket"].resumed

        def start(*args: Any) -> Any:
            if stopping.is_set():  # since the request came, so gunicorn has not announced it
                start_response.__self__.force_close()
            return start_response(*args)

        return application(environ, start)

    return serve


def answer(worker: ThreadWorker, connection: Connection) -> Outcome:
    """Have the application answer a request; the answer is queued. Raises nothing."""
    request = None
    parser = RequestParser(worker.cfg, (), connection.client)
    parser.unreader = IncomingReader(connection.incoming)
    connection.sock.begun, connection.sock.resumed = False, connection.resumed
    try:
        request = next(parser)
        request._expected_100_continue = False  # it is sent when the application asks for more
        if connection.incoming.progress() is not Progress.COMPLETE:
            request.force_close()  # an answer now means that nobody reads the body
        if not worker.handle_request(request, connection):
            return Outcome.CLOSE
        return _next_request(parser, connection)
    except MoreAwaited:
        # After an answer, what is missing is only the rest of a body that nobody reads.
        return Outcome.CLOSE if connection.sock.begun else Outcome.AWAIT_BODY
    except (NoMoreData, StopIteration, OSError) as error:
        worker.log.debug("a connection closed: %r", error)
    except Exception as error:
        worker.handle_error(request, connection.sock, connection.client, error)
    return Outcome.CLOSE


def _next_request(parser: RequestParser, connection: Connection) -> Outcome:
    """Prepare for what follows a request on its connection."""
    if not parser.finish_body():
        return Outcome.CLOSE
    following = Incoming(parser.unreader.take_buffered())
    following.ended = connection.incoming.ended
    connection.incoming = following
    return Outcome.KEEP
