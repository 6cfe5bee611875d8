"""What a client has sent of a request so far, and whether it is complete."""

from __future__ import annotations

import os
import re
from enum import Enum
from tempfile import TemporaryFile
from typing import IO

from gunicorn.asgi.parser import ParseError, PythonProtocol
from gunicorn.http.unreader import Unreader

from paymentapp.api.bulk_bodies import BULK_MAX_BYTES

HEAD_LIMIT = 32 * 1024  # bytes; the sum of nginx's large_client_header_buffers
# Bytes of a body that are kept: the API accepts half as many (BODY_MAX_BYTES), and chunks that are
# not tiny add little to them.
BODY_LIMIT = 128 * 1024

_FILE_PART = 64 * 1024

# A request whose body may be a file; where it is long it is kept in one, without a name.
_HAS_FILE = re.compile(rb"POST [^ ?]*/(?:v1/api|console)/bulk(\?[^ ]*)? HTTP/")
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r?\n", re.IGNORECASE)
_CODED = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\nexpect:", re.IGNORECASE)


class Progress(Enum):
    """How much of a request has come."""

    NOTHING = 0
    HEAD = 1  # a part of the head
    BODY = 2  # the head, and not all of the body
    COMPLETE = 3


class MoreAwaited(BaseException):
    """The application has asked for a part of the body that the client has not sent yet.

    It leaves the application, which starts again when the body is complete: so it is no Exception,
    which error handlers would answer. Nothing has been answered, and nothing is written before a
    body is read.
    """


class Incoming:
    """The bytes of a request, and of those after it on the connection.

    `progress` only decides when the request is given to a thread: what the bytes mean is decided
    there, by gunicorn's parser.
    """

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.ended = False  # the client sends no more
        self.expects_continue = False
        self._scanned = 0
        self._head_length = 0
        self._end: int | None = None  # of the body, where its length is declared
        self._chunks: PythonProtocol | None = None
        self._fed = 0
        self._body_limit = BODY_LIMIT
        self._file: IO[bytes] | None = None  # what comes after `data`, where the body is long
        self._in_file = 0

    def feed(self, part: bytes) -> None:
        """Append what has come; nothing means that the client sends no more.

        Raises OSError where a long body cannot be kept in a file.
        """
        self.ended = self.ended or not part
        in_memory = len(self.data) + len(part) <= self._head_length + BODY_LIMIT
        if self._file is None and (in_memory or self._body_limit == BODY_LIMIT):
            self.data += part
            return
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115  # open for as long as the request is
        self._file.write(part)
        self._file.flush()
        self._in_file += len(part)

    def from_file(self, start: int) -> bytes:
        """Return a part of what is kept in the file; nothing where it ends."""
        return b"" if self._file is None else os.pread(self._file.fileno(), _FILE_PART, start)

    def progress(self) -> Progress:
        """Return how much of the request has come."""
        if not self._head_length and not self._find_head():
            return Progress.HEAD if self.data else Progress.NOTHING
        return Progress.COMPLETE if self.ended or self._has_body() else Progress.BODY

    @property
    def too_large(self) -> bool:
        """Whether nobody waits for the rest: the head or the body is larger than any accepted."""
        if not self._head_length:
            return len(self.data) > HEAD_LIMIT
        return max(self._end or 0, self._received) > self._head_length + self._body_limit

    @property
    def _received(self) -> int:
        return len(self.data) + self._in_file

    def _find_head(self) -> bool:
        found = _END_OF_HEAD.search(self.data, self._scanned)
        self._scanned = max(0, len(self.data) - 3)
        if found is None:
            return False
        self._head_length = found.end()
        head = bytes(self.data[: self._head_length])
        self.expects_continue = _EXPECTS.search(head) is not None
        if _CODED.search(head):
            self._chunks = PythonProtocol(proxy_protocol="off")
        elif _HAS_FILE.match(head):
            self._body_limit = BULK_MAX_BYTES
        length = _LENGTH.search(head)
        self._end = self._head_length + (int(length[1]) if length else 0)
        return True

    def _has_body(self) -> bool:
        if self._chunks is None:
            return self._received >= (self._end or 0)
        try:
            self._chunks.feed(bytes(self.data[self._fed :]))
        except ParseError:
            return True  # it is refused where it is read
        self._fed = len(self.data)
        return bool(self._chunks.is_complete)


class IncomingReader(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """Gives gunicorn's parser what has come. Raises MoreAwaited where it asks for more."""

    def __init__(self, incoming: Incoming) -> None:
        super().__init__()
        self._incoming = incoming
        self._given = False
        self._read_of_file = 0

    def chunk(self, size_hint: int | None = None) -> bytes:  # noqa: ARG002 (of gunicorn's interface)
        """Return all bytes in memory, then those in a file, then nothing if nothing more comes."""
        if not self._given:
            self._given = True
            if self._incoming.data:
                return bytes(self._incoming.data)
        part = self._incoming.from_file(self._read_of_file)
        if part or self._incoming.ended:
            self._read_of_file += len(part)
            return part
        raise MoreAwaited
