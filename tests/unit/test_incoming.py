"""When a request is complete, as far as the worker's loop has to know it."""

from __future__ import annotations

import pytest

from paymentapp.web.incoming import Incoming, IncomingReader, MoreAwaited, Progress

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "progress"),
    [
        (b"", Progress.NOTHING),
        (b"GET", Progress.HEAD),
        (HEAD, Progress.HEAD),
        (HEAD + b"\r\n", Progress.COMPLETE),
        (HEAD + b"Content-Length: 2\r\n\r\n", Progress.BODY),
        (HEAD + b"content-length:2 \r\n\r\n{", Progress.BODY),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", Progress.COMPLETE),
        (HEAD + b"Content-Length: 2\r\n\r\n{}GET", Progress.COMPLETE),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", Progress.BODY),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", Progress.COMPLETE),
        (CHUNKED + b"2;a=b\r\n{}\r\n0\r\nX-Trailer: a\r\n\r\nGET", Progress.COMPLETE),
        # Refused where they are read:
        (HEAD + b"Content-Length: many\r\n\r\n", Progress.COMPLETE),
        (CHUNKED + b"zz", Progress.BODY),
        (CHUNKED + b"zz\r\n", Progress.COMPLETE),
        (b"GET / HTTP/1.1\n\n", Progress.COMPLETE),
    ],
)
def test_progress_is_the_same_in_one_piece_and_byte_by_byte(
    data: bytes, progress: Progress
) -> None:
    whole, pieces = Incoming(data), Incoming()
    for place in range(len(data)):
        pieces.feed(data[place : place + 1])
        pieces.progress()
    assert (whole.progress(), pieces.progress()) == (progress, progress)


def test_what_has_ended_is_complete() -> None:
    incoming = Incoming(HEAD + b"Content-Length: 2\r\n\r\n{")
    incoming.feed(b"")
    assert incoming.progress() is Progress.COMPLETE


@pytest.mark.parametrize(
    ("data", "too_large"),
    [
        (b"G" * 32_768, False),
        (b"G" * 32_769, True),
        (HEAD + b"Content-Length: 65536\r\n\r\n", False),
        (HEAD + b"Content-Length: 999999\r\n\r\n", True),
        (CHUNKED + b"1\r\n \r\n" * 10_000, False),
        (CHUNKED + b"1\r\n \r\n" * 30_000, True),
    ],
)
def test_what_nobody_would_accept_is_too_large_to_wait_for(data: bytes, too_large: bool) -> None:
    incoming = Incoming(data)
    incoming.progress()
    assert incoming.too_large is too_large


def test_a_reader_says_when_more_has_to_come() -> None:
    incoming = Incoming(b"abc")
    reader = IncomingReader(incoming)
    assert reader.read(2) == b"ab"
    with pytest.raises(MoreAwaited):
        reader.read(2)
    incoming.feed(b"")
    assert IncomingReader(incoming).read(9) == b"abc"
