"""The lines of a file of text: its encoding, and its ends of lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from io import IncrementalNewlineDecoder

LINE_MAX = 64 * 1024  # characters
_SAVE_AS = "save the file as CSV UTF-8"
# The first bytes of a file, the longer ones first: UTF-32's begin as UTF-16's do.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class UnreadableFile(ValueError):
    """A file that cannot be read beyond a line; the message says why, and what would do."""

    def __init__(self, line: int, message: str, column: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.column = column


def read_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    r"""Yield the lines of a file, each with `\n` at its end; the last one may have none.

    Reads UTF-8, UTF-16 and UTF-32, with or without a byte order mark where that is clear, and ends
    of lines of all systems. Holds one piece and one line. Raises UnreadableFile.
    """
    line, rest = 1, ""
    for text in _texts(pieces):
        *complete, rest = (rest + text).split("\n")
        for each in complete:
            yield f"{each}\n"
            line += 1
        if len(rest) > LINE_MAX:
            raise UnreadableFile(line, f"The line has more than {LINE_MAX} characters.")
    if rest:
        yield rest


def _texts(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of a file, with one kind of line end."""
    source = iter(pieces)
    start = b""
    for piece in source:
        start += piece
        if len(start) >= 4:
            break
    mark, encoding = _encoding(start)
    text_decoder = codecs.getincrementaldecoder(encoding)()
    decoder = IncrementalNewlineDecoder(text_decoder, translate=True)
    line, piece = 1, start[len(mark) :]
    while True:
        text = _decoded(decoder, piece, line, encoding)
        line += text.count("\n")
        yield text
        found = next(source, None)
        if found is None:
            yield _decoded(decoder, b"", line, encoding, final=True)
            return
        piece = found


def _encoding(start: bytes) -> tuple[bytes, str]:
    """Return the byte order mark at the start of a file, possibly none, and its encoding."""
    for mark, name in _MARKS:
        if start.startswith(mark):
            return mark, name
    if start[1:2] == b"\0":
        return b"", "utf-16-le"
    if start[:1] == b"\0":
        return b"", "utf-16-be"
    return b"", "utf-8"


def _decoded(
    decoder: IncrementalNewlineDecoder,
    piece: bytes,
    line: int,
    encoding: str,
    *,
    final: bool = False,
) -> str:
    try:
        return decoder.decode(piece, final=final)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(encoding, "replace")
        raise UnreadableFile(
            line + before.replace("\r\n", "\n").replace("\r", "\n").count("\n"),
            f"The file is not text in {encoding.upper()}: {_SAVE_AS}.",
        ) from error
