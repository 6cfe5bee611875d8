"""Rows of bulk runs, read from tables and lists: the fields are those of a payment request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from paymentapp.models.bulk import BulkRow, RowProblem
from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.payment_files.amounts import read_amount
from paymentapp.payment_files.table import Columns, TableRow, read_table
from paymentapp.schemas.payment_orders import PaymentOrderSchema
from paymentapp.services.payment_orders import PaymentOrder

METADATA_PREFIX = "metadata."
OPTIONS_PREFIX = "options."
_REQUIRED = frozenset({"customer_id", "email", "amount", "currency"})
COLUMNS = Columns(
    known=(
        "customer_id",
        "email",
        "amount",
        "currency",
        "payment_method",
        "scheduled_at",
        "reference",
        "description",
        "allow_duplicate",
    ),
    required=_REQUIRED,
    prefixes=(METADATA_PREFIX, OPTIONS_PREFIX),
)
_MISSING = "Missing: fill in this column."
_SCIENTIFIC = "Looks like a number that a spreadsheet has shortened: format the column as text."
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_NO_FLAG = "Must be true or false."
_NO_OBJECT = "Must be an object."
_PROBLEMS_MAX = 10  # of one row
_schema = PaymentOrderSchema()


def rows_of_table(pieces: Iterable[bytes]) -> Iterator[BulkRow]:
    """Yield the rows of a file in CSV, those that are not fine with their problems.

    Raises UnreadableFile where the rest of the file cannot be read.
    """
    for row in read_table(pieces, COLUMNS):
        yield _of_table_row(row)


def row_of_member(number: int, member: Any) -> BulkRow:
    """Return the row of a member of a list, by its number from 1."""
    if not isinstance(member, dict):
        return BulkRow(number, problems=(RowProblem("", _NO_OBJECT),))
    return _row(number, member, ())


def _of_table_row(row: TableRow) -> BulkRow:
    if row.problem:
        return BulkRow(row.line, problems=(RowProblem("", row.problem),))
    body: dict[str, Any] = {}
    problems: list[RowProblem] = []
    for name, text in row.values.items():
        try:
            _put(body, name, text)
        except ValueError as error:
            problems.append(RowProblem(name, _sentence(str(error))))
    if not row.values.keys() >= _REQUIRED:
        problems += [RowProblem(n, _MISSING) for n in COLUMNS.known if _lacks(row.values, n)]
    return _row(row.line, body, problems)


def _lacks(values: Mapping[str, str], name: str) -> bool:
    return name in COLUMNS.required and name not in values


def _put(body: dict[str, Any], name: str, text: str) -> None:
    """Put the value of a cell into the body of a request. Raises ValueError, with what would do."""
    if name.startswith(METADATA_PREFIX):
        body.setdefault("metadata", {})[name.removeprefix(METADATA_PREFIX)] = text
    elif name.startswith(OPTIONS_PREFIX):
        body.setdefault("options", {})[name.removeprefix(OPTIONS_PREFIX)] = text
    elif name == "amount":
        body[name] = read_amount(text)
    elif name == "currency":
        body[name] = text.upper()
    elif name == "allow_duplicate":
        if text.lower() not in _FLAGS:
            raise ValueError(_NO_FLAG)
        body[name] = _FLAGS[text.lower()]
    elif name == "customer_id" and re.fullmatch(r"[0-9][.,][0-9]+E\+[0-9]+", text):
        raise ValueError(_SCIENTIFIC)
    else:
        body[name] = text


def _row(line: int, body: Mapping[str, Any], known: Iterable[RowProblem]) -> BulkRow:
    """Return the row of a body; what is known to be wrong is not said again in other words."""
    problems = list(known)
    try:
        order = _schema.load(dict(body))
    except ValidationError as error:
        named = {problem.column for problem in problems}
        problems += [each for each in _problems(error) if each.column not in named]
    if problems:
        return BulkRow(line, _known_id(body), problems=tuple(problems[:_PROBLEMS_MAX]))
    return _fine_row(line, order)


def _fine_row(line: int, order: PaymentOrder) -> BulkRow:
    return BulkRow(
        line,
        order.customer_id,
        order.email,
        order.money,
        order.payment_method,
        order.scheduled_at,
        order.allow_duplicate,
        order.texts,
    )


def _known_id(body: Mapping[str, Any]) -> str:
    """Return the customer id of a body that is not fine; empty where it is none itself."""
    found = body.get("customer_id")
    is_id = isinstance(found, str) and re.fullmatch(CUSTOMER_ID_PATTERN, found)
    return str(found) if is_id else ""


def _problems(error: ValidationError) -> Iterator[RowProblem]:
    """Yield the problems of a body, each with the name of its column."""
    messages_by_name: Mapping[Any, Any] = error.messages_dict
    for name, found in messages_by_name.items():
        if isinstance(found, dict):
            for key, messages in found.items():
                yield RowProblem(f"{name}.{key}"[:80], " ".join(map(str, messages)))
        else:
            column = "" if name == "_schema" else str(name)[:80]
            yield RowProblem(column, " ".join(map(str, found)))


def _sentence(text: str) -> str:
    return text if text[:1].isupper() else f"The value {text}"
