"""A gunicorn worker in which a thread works on complete requests alone.

The loop of the process reads requests and sends answers, without blocking and with a deadline for
each part. So a client that sends or reads slowly holds a connection, but never a thread. Why not
another server: docs/decisions/0041-slow-clients.md.
"""

from __future__ import annotations

import errno
import logging
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from socket import SHUT_WR, socket
from typing import Any

from gunicorn import sock as gunicorn_sock
from gunicorn.workers.gthread import ThreadWorker

from paymentapp.config import load_settings
from paymentapp.web.accept_pace import AcceptPace
from paymentapp.web.answering import Outcome, answer, informed
from paymentapp.web.connection import Connection, Stage
from paymentapp.web.incoming import Progress
from paymentapp.web.options import check_options
from paymentapp.web.refusals import refusal
from paymentapp.web.slow_count import SlowCount
from paymentapp.web.waits import Waits

log = logging.getLogger(__name__)

# Seconds. A body in the packet after the head comes within a fraction of the first; what a client
# still sends is read for the second, so that it gets the answer and no reset (RFC 9112, 9.6).
_SETTLING, _CLOSING = 0.1, 2.0
_DISCARDED_MAX = 256 * 1024  # bytes
# Seconds after SIGTERM: for requests that are on their way, and for those that are worked on. The
# dispatcher stops after that, all within gunicorn's `graceful_timeout`.
_LAST_REQUESTS, _LAST_ANSWERS = 1.0, 4.0
_UNREAD_MAX = 64 * 1024 * 1024  # bytes of answers that clients have not read, in one process
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HEALTH = b"GET /healthz "


class BufferingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Reads requests and sends answers in its loop; `threads` threads run the application.

    At the bound of connections, one that is idle or slow makes room for a new one. `/healthz` has
    a thread of its own, so that it is answered while all others wait for the store.
    """

    wsgi: Any  # the application, which the base class loads

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = load_settings()
        self._answer_timeout = settings.answer_timeout
        self._waits = Waits(
            {
                Stage.IDLE: self.cfg.keepalive,
                Stage.HEAD: settings.head_timeout,
                Stage.SETTLING: _SETTLING,
                Stage.BODY: settings.body_timeout,
                Stage.ANSWERING: settings.answer_timeout,
                Stage.CLOSING: _CLOSING,
            }
        )
        self._stopping = threading.Event()
        self._slow_count = SlowCount()
        self._pace = AcceptPace()
        self._health_thread: ThreadPoolExecutor
        self._tls: ssl.SSLContext | None = None
        self._steps: dict[Stage, Callable[[Connection], None]] = {
            Stage.ANSWERING: self._send,
            Stage.CLOSING: self._discard,
        }

    # Start and end.

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Raise SystemExit where an option asks for what this worker does not do."""
        super().check_config(cfg, log)
        check_options(cfg, log)

    def init_process(self) -> None:
        """Make what belongs to this process, then serve until it is to end."""
        self._health_thread = ThreadPoolExecutor(1)
        if self.cfg.is_ssl:
            self._tls = gunicorn_sock.ssl_context(self.cfg)
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, and have each environ say what the server knows."""
        super().load_wsgi()
        self.wsgi = informed(self.wsgi, self._stopping)

    def run(self) -> None:
        """Serve until SIGTERM or the end of the parent, then finish what has begun."""
        self.poller.register(
            self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks
        )
        while self.alive and self.is_parent_alive():
            pause = self._pace.pause()
            self.set_accept_enabled(not pause and self._has_room())
            self._turn(pause or 1.0)
        self._finish()

    def _turn(self, most: float = 1.0) -> None:
        """Wait for events, for some seconds at most, and take the steps that they allow."""
        self.notify()
        self.wait_for_and_dispatch_events(self._waits.next_deadline(most))
        for connection in self._waits.overdue():
            self._take(self._expire, connection)
        self._slow_count.report()

    def _finish(self) -> None:
        """Answer what has been accepted, for some seconds, and accept nothing else."""
        self._stopping.set()
        self.set_accept_enabled(False)
        for listener in self.sockets:
            while self._has_room() and self.accept(listener):
                pass
            listener.close()
        for stage in (Stage.IDLE, Stage.HEAD, Stage.BODY):
            self._waits.shorten(stage, _LAST_REQUESTS)
        end = time.monotonic() + _LAST_ANSWERS
        while self._waits and time.monotonic() < end:
            self._turn()
        for connection in self._waits:
            self._close(connection)
        self.tpool.shutdown(wait=False)
        self._health_thread.shutdown(wait=False)

    # Connections come and go.

    def _has_room(self) -> bool:
        return len(self._waits) < self.worker_connections or self._waits.expendable() is not None

    def accept(self, listener: socket) -> bool:
        """Accept a connection, and close another one at the bound; return whether there was one."""
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._make_room()
            elif error.errno not in {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}:
                raise
            return False
        self._pace.accepted()
        if len(self._waits) >= self.worker_connections:
            self._make_room()
        accepted.setblocking(False)
        with suppress(OSError):  # the client has gone already
            if self._tls is not None:
                accepted = self._tls.wrap_socket(
                    accepted, server_side=True, do_handshake_on_connect=False
                )
            address = listener.getsockname()
            connection = Connection(accepted, client, address, self._answer_timeout)
            self._wait(connection, Stage.HEAD, EVENT_READ)
            if self._tls is None:
                self._ready(connection, accepted)  # the request has mostly come by now
        return True

    def _make_room(self) -> None:
        connection = self._waits.expendable()
        if connection is None:
            time.sleep(0.05)  # all files are open, and threads work on each connection
        else:
            self._slow_count.displaced += 1
            self._close(connection)

    def _wait(self, connection: Connection, stage: Stage, events: int) -> None:
        """Put a connection into a stage, and watch it for events."""
        self._waits.enter(connection, stage)
        if connection.events == events:
            return
        if not events:
            self.poller.unregister(connection.socket)
        elif connection.events:
            self.poller.modify(connection.socket, events, partial(self._ready, connection))
        else:
            self.poller.register(connection.socket, events, partial(self._ready, connection))
        connection.events = events

    def _close(self, connection: Connection) -> None:
        self._wait(connection, Stage.CLOSED, 0)
        with suppress(OSError):
            connection.socket.close()

    # What happens on a connection.

    def _ready(self, connection: Connection, _socket: object) -> None:
        """Do the next step of a connection whose socket is ready for it."""
        if connection.stage is not Stage.CLOSED:  # by an earlier event of the same turn
            self._take(self._steps.get(connection.stage, self._receive), connection)

    def _take(self, step: Callable[[Connection], None], connection: Connection) -> None:
        """Take a step; whatever fails, it is the end of this connection alone."""
        try:
            step(connection)
        except OSError:
            self._close(connection)
        except Exception:
            log.exception("a connection is closed after an unexpected error")
            self._close(connection)

    def _receive(self, connection: Connection) -> None:
        if connection.receive():
            self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Give a request to a thread as soon as it is complete, or too large to wait for it."""
        incoming, stage = connection.incoming, connection.stage
        progress = incoming.progress()
        if progress is Progress.COMPLETE or (incoming.ended and progress is Progress.HEAD):
            self._submit(connection)
        elif progress is Progress.NOTHING:
            if incoming.ended:
                self._close(connection)
        elif progress is Progress.HEAD:
            if incoming.too_large:
                self._refuse(connection, 431)
            elif stage is Stage.IDLE:
                self._wait(connection, Stage.HEAD, EVENT_READ)
        elif stage is Stage.BODY:
            if incoming.too_large:
                self._refuse(connection, 413)
        elif incoming.too_large or incoming.expects_continue:
            self._submit(connection)
        elif stage is not Stage.SETTLING:
            self._wait(connection, Stage.SETTLING, EVENT_READ)

    def _expire(self, connection: Connection) -> None:
        """Do what the end of a stage's time asks for."""
        stage = connection.stage
        if stage is Stage.SETTLING:
            self._submit(connection)
            return
        if stage not in {Stage.IDLE, Stage.CLOSING}:
            self._slow_count.slow += 1
        if stage is Stage.BODY or (stage is Stage.HEAD and connection.incoming.data):
            self._refuse(connection, 408)
        else:
            self._close(connection)

    def _refuse(self, connection: Connection, status: int) -> None:
        connection.keep = False
        connection.sock.sendall(refusal(status))
        self._send(connection)

    def _submit(self, connection: Connection) -> None:
        self._wait(connection, Stage.RUNNING, 0)
        healthy = connection.incoming.data.startswith(_HEALTH)
        pool = self._health_thread if healthy else self.tpool
        done = pool.submit(self.handle, connection)
        done.add_done_callback(
            lambda future: self.method_queue.defer(self._handled, connection, future)
        )

    def _handled(self, connection: Connection, future: Future[Outcome]) -> None:
        """Go on with a connection that a thread is done with."""
        outcome = Outcome.CLOSE if future.exception() else future.result()
        connection.resumed = outcome is Outcome.AWAIT_BODY
        connection.keep = outcome is Outcome.KEEP
        self._take(self._await_body if connection.resumed else self._send, connection)

    def _await_body(self, connection: Connection) -> None:
        if connection.incoming.too_large:
            self._refuse(connection, 413)
            return
        if connection.incoming.expects_continue:
            connection.sock.sendall(_CONTINUE)
            connection.sock.flush()
        self._wait(connection, Stage.BODY, EVENT_READ)

    def _send(self, connection: Connection) -> None:
        """Send what the client reads of its answer, then wait for its next request or its end."""
        if not connection.sock.flush():
            if connection.stage is not Stage.ANSWERING:
                self._wait(connection, Stage.ANSWERING, EVENT_WRITE)
                self._bound_unread()
        elif connection.keep:
            self._wait(connection, Stage.IDLE, EVENT_READ)
            self._advance(connection)
        else:
            connection.socket.shutdown(SHUT_WR)
            self._wait(connection, Stage.CLOSING, EVENT_READ)

    def _bound_unread(self) -> None:
        """Close the oldest connections whose answers, all together, take too much memory."""
        answering = self._waits.at(Stage.ANSWERING)
        unread = sum(len(each.sock) for each in answering)
        for connection in answering:
            if unread <= _UNREAD_MAX:
                return
            unread -= len(connection.sock)
            self._close(connection)

    def _discard(self, connection: Connection) -> None:
        if not connection.discard(_DISCARDED_MAX):
            self._close(connection)

    def handle(self, connection: Connection) -> Outcome:
        """Have the application answer a request, in a thread. Raises nothing."""
        return answer(self, connection)
