"""Control endpoints of all simulated providers: reading of requests, and errors."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify, request

from simulators.common.provider import ProviderSimulator
from simulators.common.settings import InvalidSetting

MAX_LIMIT = 15_000


class ControlError(Exception):
    """A control call that cannot be performed; ``members`` are added to the problem document."""

    def __init__(self, status: int, text: str, **members: Any) -> None:
        super().__init__(text)
        self.status = status
        self.members = members


def problem(error: ControlError) -> Response:
    """Return the error as a problem document (RFC 9457)."""
    title = "Not found" if error.status == 404 else "Bad request"
    body = {"type": "about:blank", "title": title, "status": error.status, "detail": str(error)}
    answer = jsonify(body | error.members)
    answer.status_code, answer.content_type = error.status, "application/problem+json"
    return answer


def changed_settings(provider: ProviderSimulator[Any]) -> Response:
    """Change the settings that the body names, and return all; 400 names the first invalid key."""
    try:
        settings = provider.change(read_object())
    except InvalidSetting as error:
        raise ControlError(400, str(error), key=error.key) from None
    return jsonify(settings.as_json())


def read_object() -> dict[str, Any]:
    """Read the body as a JSON object; 400 where it is not one."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ControlError(400, "the body must be a JSON object")
    return body


def read_integer(name: str, default: int, high: int) -> int:
    """Read a whole number from the query; 400 where it is not one, or too large."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= high):
        raise ControlError(400, f"{name} must be a whole number from 0 to {high}", key=name)
    return int(text)
