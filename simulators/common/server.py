"""HTTP/1.1 server of the simulators, with persistent connections and injected disconnects.

Werkzeug's own handler closes every connection and waits 10 ms after each answer to drain it. This
one reads each request whole and sends each answer in one write, so that pooled clients work and
nothing waits for a delayed acknowledgement.
"""

from __future__ import annotations

import io
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from simulators.common.faults import ConnectionDropped

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# 15,000 items with notes of 4,000 characters.
MAX_BODY = 100 * 1024 * 1024


class KeepAliveHandler(WSGIRequestHandler):
    """One connection: a request at a time, until the client leaves or a fault drops it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        app: Any = self.server.app
        try:
            environ["wsgi.input"] = io.BytesIO(self._read_body(environ))
        except ValueError:
            self.close_connection = True
            app = Response("the body is unreadable or too large\n", 413)
        environ["wsgi.input_terminated"] = True
        try:
            chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
        except ConnectionDropped:
            self._drop()
            return
        except Exception:
            logging.getLogger(__name__).exception("internal error of the simulator")
            self._drop()
            return
        self._send(b"".join(chunks), status, list(headers))

    def _read_body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):
            body: bytes = environ["wsgi.input"].read(MAX_BODY + 1)
        else:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            if not 0 <= length <= MAX_BODY:
                raise ValueError(length)
            body = self.rfile.read(length)
        if len(body) > MAX_BODY:
            raise ValueError(len(body))
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return body

    def _send(self, body: bytes, status: str, headers: list[tuple[str, str]]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def handle_expect_100(self) -> bool:
        """Let a client that waits for it send its body."""
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the page lists the calls."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def build_server(app: WSGIApplication, listener: socket.socket) -> BaseWSGIServer:
    """Return a server on a copy of a socket from ``listen``, with a thread per connection."""
    host, port = listener.getsockname()[:2]
    return make_server(
        host,
        port,
        app,
        threaded=True,
        request_handler=KeepAliveHandler,
        fd=listener.fileno(),
    )
