"""Bodies of a known length are read without werkzeug's stream, with the same outcome."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from paymentapp.api.bodies import BODY_MAX_BYTES, raw_body
from paymentapp.api.problems import InvalidRequest

# The second one is read by werkzeug's stream.
LENGTHS = ({"CONTENT_LENGTH": "4"}, {"CONTENT_LENGTH": "4", "HTTP_TRANSFER_ENCODING": "identity"})


class Broken(io.RawIOBase):
    """A connection whose reader raises an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise self.error

    def read(self, _: int = -1) -> bytes:
        raise self.error


def request(stream: Any, **environ: str) -> Request:
    found = Request({"wsgi.input": stream, "wsgi.input_terminated": True, **environ})
    found.max_content_length = BODY_MAX_BYTES + 1
    return found


@pytest.mark.parametrize("environ", LENGTHS)
def test_a_body_is_read(environ: dict[str, str]) -> None:
    assert raw_body(request(io.BytesIO(b"body"), **environ)) == b"body"


@pytest.mark.parametrize("environ", LENGTHS)
def test_a_short_body_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        raw_body(request(io.BytesIO(b"bod"), **environ))


@pytest.mark.parametrize("environ", LENGTHS)
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ConnectionResetError(), ClientDisconnected),
        (ValueError(), ClientDisconnected),
        (KeyError(), InvalidRequest),
    ],
)
def test_a_reader_that_fails_is_the_clients_fault(
    environ: dict[str, str], error: Exception, raised: type[Exception]
) -> None:
    with pytest.raises(raised):
        raw_body(request(Broken(error), **environ))


@pytest.mark.parametrize("length", [BODY_MAX_BYTES + 1, BODY_MAX_BYTES + 2])
def test_a_body_that_is_too_large_is_refused(length: int) -> None:
    with pytest.raises(RequestEntityTooLarge):
        raw_body(request(io.BytesIO(b"x" * length), CONTENT_LENGTH=str(length)))


@pytest.mark.parametrize("length", ["", "-4", "+4", "4 ", "٤", "four"])
def test_a_length_that_is_none_is_left_to_werkzeug(length: str) -> None:
    assert raw_body(request(io.BytesIO(b"body"), CONTENT_LENGTH=length)) == b"body"
