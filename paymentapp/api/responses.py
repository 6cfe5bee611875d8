"""Responses of views, whose headers are made ready with less work than werkzeug takes for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REPLAY = {"Idempotent-Replayed": "true"}  # headers of an answer that repeats an earlier one
_NOTHING_TO_QUOTE = re.compile(r"[A-Za-z0-9/._~:-]*")


def replay_header(what_it_did: str) -> dict[str, Any]:
    """Return the documentation of the header of `REPLAY`."""
    return {
        "Idempotent-Replayed": {
            "description": f"`true`, if an earlier request with this key {what_it_did}.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    }


class ApiResponse(Response):
    """A response whose common headers are complete, so that they are neither parsed nor copied."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers to send.

        As werkzeug does for each response, set the length of the body. Leave the rest to werkzeug,
        unless there is nothing else to do: a success with a body, and no URL to be quoted.
        """
        headers = self.headers
        plain = (
            self.status_code in {200, 201, 202}
            and self.is_sequence
            and _NOTHING_TO_QUOTE.fullmatch(headers.get("Location", ""))
            and "Content-Location" not in headers
        )
        if not plain:
            return super().get_wsgi_headers(environ)
        if "Content-Length" not in headers:
            headers.add("Content-Length", str(sum(map(len, self.iter_encoded()))))
        return headers
