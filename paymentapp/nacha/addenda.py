"""The field table by which each kind of addenda record is written and read."""

from __future__ import annotations

import dataclasses
from typing import Any

from paymentapp.banking.changes import CHANGE_CODES
from paymentapp.banking.returns import ReturnKind, return_reason
from paymentapp.nacha import fields, models
from paymentapp.nacha.fields import Table
from paymentapp.nacha.records import parse

TABLES: dict[type, Table] = {  # of all kinds but OtherAddenda, which is never written
    models.PaymentAddenda: fields.ADDENDA_05,
    models.ChangeAddenda: fields.ADDENDA_98,
    models.RefusedChangeAddenda: fields.ADDENDA_98_REFUSED,
    models.ReturnAddenda: fields.ADDENDA_99,
    models.DishonoredAddenda: fields.ADDENDA_99_DISHONORED,
    models.ContestedAddenda: fields.ADDENDA_99_CONTESTED,
}
_BY_RETURN_KIND: dict[ReturnKind, type] = {
    ReturnKind.RETURN: models.ReturnAddenda,
    ReturnKind.UNKNOWN: models.ReturnAddenda,
    ReturnKind.DISHONORED: models.DishonoredAddenda,
    ReturnKind.CONTESTED: models.ContestedAddenda,
}

RETURNS = (models.ReturnAddenda, models.DishonoredAddenda, models.ContestedAddenda)
CHANGES = (models.ChangeAddenda, models.RefusedChangeAddenda)


def values_of(record: Any) -> dict[str, Any]:
    """Return the fields of a record by name."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def read_addenda(line: str) -> tuple[models.Addenda, list[tuple[str, str]]]:
    """Read the addenda in a line of 94 characters; also return the problem of each bad field.

    The return code decides whether an addenda 99 is a return, a dishonored or a contested one, and
    the change code whether an addenda 98 is a refused one (Appendix Five: "denoted by a valid
    code").
    """
    kind = _addenda_class(line[1:3], line[3:6])
    if kind is None:
        return models.OtherAddenda(line[1:3], line[3:].rstrip()), []
    values, problems = parse(TABLES[kind], line)
    values.pop("entry_sequence", None)
    addenda: models.Addenda = kind(**values)
    return addenda, problems


def _addenda_class(type_code: str, code: str) -> type | None:
    if type_code == "05":
        return models.PaymentAddenda
    if type_code == "98":
        known = CHANGE_CODES.get(code)
        return models.RefusedChangeAddenda if known and known.refused else models.ChangeAddenda
    if type_code == "99":
        return _BY_RETURN_KIND[return_reason(code).kind]
    return None
