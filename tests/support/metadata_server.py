"""A metadata endpoint of a cloud on loopback, as Google Cloud and Azure have it, for tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SCOPE = "https://www.googleapis.com/auth/sqlservice.login"
RESOURCE = "https://ossrdbms-aad.database.windows.net"
VAULT_RESOURCE = "https://vault.azure.net"
IDENTITY_HEADER = "a header that the platform made"
_GOOGLE = "/computeMetadata/v1/instance/service-accounts/default/token"


@dataclass
class MetadataServer:
    """Gives `token` for `seconds`, or what `answer` has: a status and a body."""

    address: str = ""
    token: str = "token-1"
    seconds: int = 3600
    answer: tuple[int, bytes] | None = None
    delay: float = 0.0
    asked: list[tuple[str, Mapping[str, str], Mapping[str, str]]] = field(default_factory=list)
    kept: list[tuple[str, str, Any]] = field(default_factory=list)  # by a store of secrets

    def google(self) -> dict[str, str]:
        """Return the environment of an instance of Google Cloud."""
        return {"GCE_METADATA_HOST": self.address}

    def azure(self) -> dict[str, str]:
        """Return the environment of a replica of Azure Container Apps."""
        return {
            "IDENTITY_ENDPOINT": f"http://{self.address}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
            "AZURE_CLIENT_ID": "an-id",
        }

    def reply(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Answer a request for a token; refuse one that a real endpoint would refuse."""
        self.asked.append((path, query, headers))
        time.sleep(self.delay)
        if self.answer is not None:
            return self.answer
        if path == _GOOGLE and headers.get("Metadata-Flavor") == "Google":
            return self._token({"expires_in": self.seconds})
        # Azure writes numbers as texts.
        given = {name.lower(): value for name, value in headers.items()}
        right = given.get("x-identity-header") == IDENTITY_HEADER
        if path == "/msi/token" and right and query.get("resource") in (RESOURCE, VAULT_RESOURCE):
            return self._token({"expires_on": str(int(time.time()) + self.seconds)})
        return 403, b"{}"

    def _token(self, ends: Mapping[str, object]) -> tuple[int, bytes]:
        body = {"access_token": self.token, "token_type": "Bearer", **ends}
        return 200, json.dumps(body).encode()


def _handler(server: MetadataServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            self._send(
                *server.reply(target.path, dict(parse_qsl(target.query)), dict(self.headers))
            )

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.kept.append((self.path, self.headers.get("Authorization", ""), body))
            self._send(*(server.answer or (200, b"{}")))

        def do_PUT(self) -> None:
            self.do_POST()

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def metadata_server(**answers: Any) -> Iterator[MetadataServer]:
    """Run an endpoint until the end of the `with` statement."""
    server = MetadataServer(**answers)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as running:
        server.address = f"127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        running.shutdown()
        thread.join()
