"""Requests to the application by WSGI, one after the other: the API without a server."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from werkzeug.test import create_environ

from bench.say import Failed


class WSGIRequests:
    """Sends requests to an application; raises Failed on an answer that is not the wanted one."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._environ = create_environ(base_url="http://127.0.0.1:8000")
        self._environ["REMOTE_ADDR"] = "127.0.0.1"

    def get(self, path: str, query: str = "") -> None:
        """Read what is at a path."""
        self._send("200 OK", {"PATH_INFO": path, "QUERY_STRING": query})

    def pay(self, order: Mapping[str, Any], key: str) -> None:
        """Request a payment under a key."""
        body = json.dumps(order).encode()
        request = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/v1/api/payment",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_IDEMPOTENCY_KEY": f'"{key}"',
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
        }
        self._send("202 ACCEPTED", request)

    def _send(self, wanted: str, request: dict[str, Any]) -> None:
        statuses: list[str] = []

        def start_response(status: str, *_: Any) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda _: None

        answer = self._app.wsgi_app(self._environ | request, start_response)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if statuses != [wanted]:
            raise Failed(f"{request['PATH_INFO']}: {statuses}, not {wanted}: {body[:500]!r}")
