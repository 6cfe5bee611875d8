"""A scripted PayPal server on loopback, over real sockets."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from paymentapp.clock import to_text
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision
from paymentapp.providers.paypal.settings import PayPalSettings

CLIENT_ID = "client-id-of-the-tests"
CLIENT_SECRET = "secret-of-the-tests"
ACCESS_TOKEN = "A21AAtoken-of-the-tests"
DEBUG_ID = "f701090abdcb2"
PAYOUTS = "/v1/payments/payouts"
ITEMS = "/v1/payments/payouts-item"
TOKEN = "/v1/oauth2/token"


class FakeClock:
    """A clock that moves when a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass(frozen=True)
class Seen:
    """A received request."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """A scripted answer. A `body` that is not bytes is sent as JSON."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0  # seconds before the first byte
    promise: int | None = None  # a Content-Length that is not kept
    trickle: float = 0.0  # seconds between one byte and the next

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Resets:
    """Resets the connection after reading the request, without an answer."""


Reply = Says | Resets
Script = Reply | Callable[[Seen], Reply]


class PayPalServer:
    """A server that answers each path from its own script; the last answer of a script repeats."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._scripts: dict[tuple[str, str], deque[Script]] = {}
        self._lock = threading.Lock()
        self._httpd = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._httpd.server_port}"
        self.forget()

    def forget(self) -> None:
        """Reset the scripts: tokens are issued, and nothing else is known."""
        self.seen.clear()
        self._scripts.clear()
        self.says("POST", TOKEN, token())

    def says(self, method: str, path: str, *script: Script) -> None:
        """Set the answers of a path from now on."""
        self._scripts[method, path] = deque(script)

    def asked(self, method: str, path: str) -> list[Seen]:
        """Return the requests to a path, in order."""
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    def reply(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            script = self._scripts.get((seen.method, seen.path))
            if script is None:
                return problem(404, "INVALID_RESOURCE_ID")
            line = script.popleft() if len(script) > 1 else script[0]
        return line(seen) if callable(line) else line

    @contextmanager
    def running(self) -> Iterator[PayPalServer]:
        thread = threading.Thread(target=self._httpd.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._httpd.shutdown()
            self._httpd.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a handler may still be telling its slow answer
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error: clients that hang up are part of many tests."""


def _handler(server: PayPalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece

        def answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = dict(parse_qsl(url.query))
            reply = server.reply(Seen(self.command, url.path, query, dict(self.headers), body))
            if isinstance(reply, Resets):
                _reset(self.connection)
                self.close_connection = True
            else:
                self.say(reply)

        def say(self, says: Says) -> None:
            time.sleep(says.after)
            content = says.content
            self.send_response(says.status)
            headers = {
                "Content-Type": "application/json",
                "PayPal-Debug-Id": DEBUG_ID,
                "Content-Length": str(len(content) if says.promise is None else says.promise),
                "Set-Cookie": "ts=1; Path=/",
            }
            for name, value in (headers | dict(says.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            if says.trickle:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(says.trickle)
            else:
                self.wfile.write(content)
            self.wfile.flush()
            self.close_connection = says.promise is not None or "Connection" in says.headers

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Log nothing: the tests check their own log."""

    return Handler


def _reset(connection: socket.socket) -> None:
    """Close the connection with RST, like a machine that has lost it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def token(value: str = ACCESS_TOKEN, expires_in: Any = 32_400) -> Says:
    """Return the answer of the token endpoint."""
    return Says(
        200, {"scope": "x", "access_token": value, "token_type": "Bearer", "expires_in": expires_in}
    )


def problem(
    status: int,
    name: str,
    *details: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Says:
    """Return an error in PayPal's format."""
    body = {
        "name": name,
        "message": "Something about ann@example.com",
        "debug_id": DEBUG_ID,
        "information_link": "https://developer.paypal.com/docs/api/payments.payouts-batch/#errors",
        "details": list(details),
        "links": [],
    }
    return Says(status, body, headers or {})


def created(reference: str, batch_id: str) -> Says:
    """Return the answer to a create call that PayPal accepts."""
    return Says(201, {"batch_header": header(reference, batch_id)})


def header(reference: str, batch_id: str, status: str = "PENDING") -> dict[str, Any]:
    """Return a batch header."""
    return {
        "payout_batch_id": reference,
        "batch_status": status,
        "sender_batch_header": {"sender_batch_id": batch_id, "email_subject": "You have money"},
    }


def duplicate(href: str) -> Says:
    """Return the refusal of a used `sender_batch_id`, in the words of PayPal's sandbox."""
    link = {"href": href, "rel": "self", "method": "GET", "encType": "application/json"}
    return problem(
        400,
        "USER_BUSINESS_ERROR",
        {
            "field": "SENDER_BATCH_ID",
            "location": "body",
            "issue": "Batch with given sender_batch_id already exists",
            "link": [link],
        },
    )


def payout_item(
    item_id: str, status: str | None, number: int = 1, error: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an item as PayPal reports it."""
    item: dict[str, Any] = {
        "payout_item_id": f"ITEM{number}",
        "payout_batch_id": "BATCH1",
        "payout_item": {
            "recipient_type": "EMAIL",
            "amount": {"currency": "USD", "value": "1.00"},
            "receiver": "ann@example.com",
            "sender_item_id": item_id,
        },
    }
    if status is not None:
        item["transaction_status"] = status
    if status == "SUCCESS":
        item["transaction_id"] = f"TX{number}"
    if error is not None:
        item["errors"] = dict(error)
    return item


def settings_for(url: str, **changes: Any) -> PayPalSettings:
    """Return settings for a test server."""
    made: dict[str, Any] = {
        "base_url": url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "provider_timeout": 1,
    }
    return PayPalSettings(**made | changes)


def a_batch(
    batch_id: str = "20260301T093000000000-0123456789abcdef", currency: str = "USD"
) -> Batch:
    """Return a frozen batch."""
    now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    return Batch(batch_id, "paypal", currency, BatchState.FROZEN, 1, now, new_revision())


def members(
    *emails: str, amount: str = "12.5", currency: str = "USD", start: int = 0
) -> list[Member]:
    """Return one member for each address, each of its own customer."""
    moment = datetime(2026, 3, 1, 9, 29, tzinfo=UTC)
    money = Money(Decimal(amount), currency)
    return [
        Member(f"customer-{number}", to_text(moment.replace(microsecond=number)), money, email)
        for number, email in enumerate(emails, start)
    ]
