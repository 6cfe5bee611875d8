"""Request bodies, unparsed and bounded."""

from __future__ import annotations

import flask
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from paymentapp.api.problems import InvalidRequest, body_error

BODY_MAX_BYTES = 64 * 1024


def raw_body(req: flask.Request) -> bytes:
    """Return the request body, unparsed.

    Raises RequestEntityTooLarge over BODY_MAX_BYTES, InvalidRequest if it is cut off or its chunks
    are malformed.
    """
    if (req.content_length or 0) > BODY_MAX_BYTES:
        raise RequestEntityTooLarge  # before the body is waited for
    length = req.environ.get("CONTENT_LENGTH", "")
    try:
        body = _read(req, int(length)) if _is_bounded(req, length) else req.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as error:
        # What the WSGI server's reader raises for a chunked body that is none: each server has its
        # own exceptions for it (gunicorn's are no OSError, so werkzeug does not know them either).
        raise InvalidRequest([body_error((), "The body is not correctly chunked.")]) from error
    if len(body) > BODY_MAX_BYTES:
        raise RequestEntityTooLarge
    if len(body) < (req.content_length or 0):
        raise InvalidRequest([body_error((), "The body is shorter than its Content-Length.")])
    return body


def _is_bounded(req: flask.Request, length: str) -> bool:
    """Return whether the server ends the body after a length, which is one that is accepted.

    Nothing is left for werkzeug to check then, whose stream takes as long as the JSON decoder.
    """
    return (
        req.environ.get("wsgi.input_terminated", False)
        and "HTTP_TRANSFER_ENCODING" not in req.environ
        and length.isascii()
        and length.isdigit()
    )


def _read(req: flask.Request, length: int) -> bytes:
    """Read a body as werkzeug does.

    Raises ClientDisconnected, and what else the server's reader raises.
    """
    try:
        body: bytes = req.environ["wsgi.input"].read(length)
    except (OSError, ValueError) as error:
        raise ClientDisconnected from error
    return body
