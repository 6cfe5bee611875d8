"""When a request is complete, as far as the worker's loop has to know it."""

from __future__ import annotations

import pytest

from paymentapp.web.incoming import BODY_LIMIT, Incoming, IncomingReader, MoreAwaited, Progress

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


def list_of_file(incoming: Incoming) -> list[bytes]:
    """Return the parts of what is kept in a file."""
    parts: list[bytes] = []
    while part := incoming.from_file(sum(map(len, parts))):
        parts.append(part)
    return parts


@pytest.mark.parametrize("path", [b"/v1/api/bulk?mode=each", b"/console/bulk"])
def test_a_long_file_is_kept_on_disk_and_read_from_there(path: bytes) -> None:
    body = bytes(range(256)) * 4096
    incoming = Incoming(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n")
    incoming.feed(f"Content-Length: {len(body)}\r\n\r\n".encode())
    for start in range(0, len(body), 50_000):
        assert incoming.progress() is Progress.BODY
        incoming.feed(body[start : start + 50_000])
    assert (incoming.progress(), incoming.too_large) == (Progress.COMPLETE, False)
    assert len(incoming.data) <= BODY_LIMIT + 1000
    for _ in range(2):  # an application may begin again
        reader = IncomingReader(incoming)
        found = b"".join(reader.chunk() for _ in range(1 + len(list_of_file(incoming))))
        with pytest.raises(MoreAwaited):
            reader.chunk()
        assert found.partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    "start",
    [
        *(b"GET /v1/api/bulk", b"POST /v1/api/payment", b"POST /v1/api/bulk/x/cancel"),
        *(b"POST /console/bulk/x/pay", b"POST /console/sign-in", b"POST /x?/console/bulk"),
    ],
)
def test_no_other_request_has_a_long_body(start: bytes) -> None:
    incoming = Incoming(start + b" HTTP/1.1\r\nContent-Length: 999999\r\n\r\n")
    incoming.progress()
    assert incoming.too_large


def test_a_file_has_a_bound_and_a_declared_length() -> None:
    head = b"POST /v1/api/bulk HTTP/1.1\r\n"
    for framing, too_large in (
        (b"Content-Length: 33554432\r\n", False),
        (b"Content-Length: 33554433\r\n", True),
    ):
        incoming = Incoming(head + framing + b"\r\n")
        incoming.progress()
        assert incoming.too_large is too_large
    chunked = Incoming(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 30_000)
    chunked.progress()
    assert chunked.too_large


def test_a_reader_says_when_more_has_to_come() -> None:
    incoming = Incoming(b"abc")
    reader = IncomingReader(incoming)
    assert reader.read(2) == b"ab"
    with pytest.raises(MoreAwaited):
        reader.read(2)
    incoming.feed(b"")
    assert IncomingReader(incoming).read(9) == b"abc"
