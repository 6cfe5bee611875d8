"""Bodies of bulk runs, read piece by piece: as long as a file is, and never held as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import flask
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

from paymentapp.api.json import BadJSON
from paymentapp.api.json_stream import list_members
from paymentapp.api.problems import EncodedBody, InvalidRequest, body_error
from paymentapp.models.bulk import BulkRow
from paymentapp.payment_files.text import UnreadableFile
from paymentapp.schemas.bulk_rows import row_of_member, rows_of_table

BULK_MAX_BYTES = 32 * 1024 * 1024  # 100,000 rows of 300 bytes
_PIECE = 64 * 1024


class LongBulkBody(RequestEntityTooLarge):
    """The body of a run is longer than any."""

    detail = f"The body of a bulk run may have at most {BULK_MAX_BYTES:,} bytes."


class NoBulkBody(UnsupportedMediaType):
    """The body of a run is of a type that is not read."""

    detail = "Send text/csv, or application/json."


def bulk_rows(req: flask.Request) -> Iterator[BulkRow]:
    """Yield the rows of a request's body: `text/csv`, or a list in `application/json`.

    Raises NoBulkBody, LongBulkBody and EncodedBody at once; while rows are read LongBulkBody and
    InvalidRequest, which names the line and the column.
    """
    coding: str = req.environ.get("HTTP_CONTENT_ENCODING", "identity")
    if coding.strip().lower() != "identity":
        raise EncodedBody
    if (req.content_length or 0) > BULK_MAX_BYTES:
        raise LongBulkBody  # before the body is waited for
    if req.mimetype == "text/csv":
        return _of_table(req)
    if req.mimetype == "application/json":
        return _of_list(req)
    raise NoBulkBody


def _of_table(req: flask.Request) -> Iterator[BulkRow]:
    try:
        yield from rows_of_table(_pieces(req))
    except UnreadableFile as error:
        place = f"Line {error.line}" + (f", column {error.column}" if error.column else "")
        raise InvalidRequest([body_error((), f"{place}: {error.message}")]) from error


def _of_list(req: flask.Request) -> Iterator[BulkRow]:
    try:
        for number, member in enumerate(list_members(_pieces(req), "payments"), start=1):
            yield row_of_member(number, member)
    except BadJSON as error:
        raise InvalidRequest([body_error((), str(error))]) from error


def _pieces(req: flask.Request) -> Iterator[bytes]:
    """Yield a body. Raises RequestEntityTooLarge; InvalidRequest where it is cut off."""
    req.max_content_length = BULK_MAX_BYTES + 1
    length = 0
    while True:
        try:
            piece = req.stream.read(_PIECE)
        except (OSError, ValueError) as error:
            raise ClientDisconnected from error
        if not piece:
            break
        length += len(piece)
        if length > BULK_MAX_BYTES:
            raise LongBulkBody
        yield piece
    if length < (req.content_length or 0):
        raise InvalidRequest([body_error((), "The body is shorter than its Content-Length.")])
