"""What the worker answers itself, where a request does not reach the application."""

from __future__ import annotations

import json

_REASONS = {
    408: ("Request Timeout", "The request did not arrive in time. Send it again."),
    413: ("Content Too Large", "A body may have at most 65,536 bytes."),
    431: ("Request Header Fields Too Large", "The head of the request is too large."),
}


def refusal(status: int) -> bytes:
    """Return a whole response: a problem document (RFC 9457), after which the connection closes."""
    reason, detail = _REASONS[status]
    problem = {"type": "about:blank", "title": reason, "status": status, "detail": detail}
    body = json.dumps(problem).encode()
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
    )
    return "\r\n".join([*head, "", ""]).encode() + body
