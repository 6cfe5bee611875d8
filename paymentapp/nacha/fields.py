"""The record formats as tables: the position, length and kind of each field of each record.

NACHA Operating Rules (2013), Appendix Three, 3.1.1 (file), 3.1.2 (batch), 3.1.8 and 3.1.17 (entry
and addenda 05 of CCD and PPD); Appendix Four, 4.3 to 4.5 (returns); Appendix Five, 5.4 (changes);
Appendix Six, 6.4 (acknowledgments). A copy is in moov-io/ach, `docs/`. The names are those of
`models.py`; two fields that are one noun there (a routing number and its check digit) are one here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

RECORD_LENGTH = 94
BLOCKING_FACTOR = 10


class FieldKind(Enum):
    """How a value is formatted (Appendix One, Part 1.2, Data Specifications)."""

    TEXT = "alphameric"  # left-justified, filled with blanks
    RIGHT = "right-justified"  # bTTTTAAAAC: text, filled with blanks at the left
    DIGITS = "digits"  # of exactly the field's length; a number that is a name
    NUMBER = "number"  # right-justified, filled with zeros
    CENTS = "cents"  # a Decimal in dollars here, whole cents on the wire
    DATE = "YYMMDD"  # 2000 to 2099
    TIME = "HHMM"
    CONSTANT = "constant"  # or reserved: `constant` is all it may hold


class Inclusion(StrEnum):
    """What happens without the field (3.2.1). A mandatory or required one is never left empty."""

    MANDATORY = "M"  # the ACH operator rejects the entry, batch or file
    REQUIRED = "R"  # the receiving bank may return the entry
    OPTIONAL = "O"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `position` counts from 1, as in the specification."""

    name: str
    position: int
    length: int
    kind: FieldKind
    inclusion: Inclusion
    constant: str = ""

    @property
    def here(self) -> slice:
        """Return the field's place in a line."""
        return slice(self.position - 1, self.position - 1 + self.length)


Table = tuple[Field, ...]
M, R, O = Inclusion.MANDATORY, Inclusion.REQUIRED, Inclusion.OPTIONAL  # noqa: E741
_Row = tuple[str, int, FieldKind, Inclusion] | str | int


def _table(*rows: _Row) -> Table:
    """Make a table of rows in order.

    A row is (name, length, kind, inclusion), the text of a constant, or a number of reserved
    blanks.
    """
    fields: list[Field] = []
    position = 1
    for row in rows:
        if isinstance(row, int):
            row = " " * row
        if isinstance(row, str):
            fields.append(Field("reserved", position, len(row), FieldKind.CONSTANT, M, row))
        else:
            name, length, kind, inclusion = row
            fields.append(Field(name, position, length, kind, inclusion))
        position += fields[-1].length
    return tuple(fields)


FILE_HEADER = _table(
    "1",
    "01",  # priority code
    ("destination", 10, FieldKind.RIGHT, M),
    ("origin", 10, FieldKind.RIGHT, M),
    ("created_on", 6, FieldKind.DATE, M),
    ("created_at", 4, FieldKind.TIME, O),
    ("modifier", 1, FieldKind.TEXT, M),
    "094",  # record size
    "10",  # blocking factor
    "1",  # format code
    ("destination_name", 23, FieldKind.TEXT, O),
    ("origin_name", 23, FieldKind.TEXT, O),
    ("reference", 8, FieldKind.TEXT, O),
)
BATCH_HEADER = _table(
    "5",
    ("service_class", 3, FieldKind.DIGITS, M),
    ("company_name", 16, FieldKind.TEXT, M),
    ("discretionary_data", 20, FieldKind.TEXT, O),
    ("company_id", 10, FieldKind.TEXT, M),
    ("sec_code", 3, FieldKind.TEXT, M),
    ("description", 10, FieldKind.TEXT, M),
    ("descriptive_date", 6, FieldKind.TEXT, O),
    # R in the specification; a bank's returns and changes may have zeros or nothing here.
    ("effective_date", 6, FieldKind.DATE, O),
    ("settlement_day", 3, FieldKind.NUMBER, O),
    ("originator_status", 1, FieldKind.TEXT, M),
    ("odfi", 8, FieldKind.DIGITS, M),
    ("number", 7, FieldKind.NUMBER, M),
)
ENTRY = _table(
    "6",
    ("transaction_code", 2, FieldKind.DIGITS, M),
    ("routing", 9, FieldKind.DIGITS, M),  # Receiving DFI Identification, and Check Digit
    ("account", 17, FieldKind.TEXT, R),
    ("amount", 10, FieldKind.CENTS, M),
    ("individual_id", 15, FieldKind.TEXT, O),  # of an ACK: Original Entry Trace Number
    ("name", 22, FieldKind.TEXT, R),
    ("discretionary", 2, FieldKind.TEXT, O),
    ("addenda_indicator", 1, FieldKind.DIGITS, M),
    ("trace", 15, FieldKind.DIGITS, M),
)
ADDENDA_05 = _table(
    "7",
    "05",
    ("information", 80, FieldKind.TEXT, O),
    ("sequence", 4, FieldKind.NUMBER, M),
    ("entry_sequence", 7, FieldKind.DIGITS, M),  # the last seven digits of the entry's trace number
)
ADDENDA_98 = _table(
    "7",
    "98",
    ("code", 3, FieldKind.TEXT, M),
    ("original_trace", 15, FieldKind.DIGITS, M),
    6,
    ("original_rdfi", 8, FieldKind.DIGITS, R),
    ("corrected_data", 29, FieldKind.TEXT, M),
    15,
    ("trace", 15, FieldKind.DIGITS, M),
)
ADDENDA_98_REFUSED = _table(
    "7",
    "98",
    ("code", 3, FieldKind.TEXT, M),
    ("original_trace", 15, FieldKind.DIGITS, M),
    6,
    ("original_rdfi", 8, FieldKind.DIGITS, R),
    ("corrected_data", 29, FieldKind.TEXT, M),
    ("change_code", 3, FieldKind.TEXT, M),
    ("change_sequence", 7, FieldKind.DIGITS, M),
    5,
    ("trace", 15, FieldKind.DIGITS, M),
)
ADDENDA_99 = _table(
    "7",
    "99",
    ("code", 3, FieldKind.TEXT, M),
    ("original_trace", 15, FieldKind.DIGITS, M),
    ("date_of_death", 6, FieldKind.DATE, O),
    ("original_rdfi", 8, FieldKind.DIGITS, R),
    ("information", 44, FieldKind.TEXT, O),
    ("trace", 15, FieldKind.DIGITS, M),
)
ADDENDA_99_DISHONORED = _table(
    "7",
    "99",
    ("code", 3, FieldKind.TEXT, M),
    ("original_trace", 15, FieldKind.DIGITS, M),
    6,
    ("original_rdfi", 8, FieldKind.DIGITS, R),
    3,
    ("return_trace", 15, FieldKind.DIGITS, M),
    ("return_settlement_day", 3, FieldKind.NUMBER, M),
    ("return_code", 2, FieldKind.TEXT, M),
    ("information", 21, FieldKind.TEXT, O),
    ("trace", 15, FieldKind.DIGITS, M),
)
ADDENDA_99_CONTESTED = _table(
    "7",
    "99",
    ("code", 3, FieldKind.TEXT, M),
    ("original_trace", 15, FieldKind.DIGITS, M),
    ("returned_on", 6, FieldKind.DATE, O),
    ("original_rdfi", 8, FieldKind.DIGITS, R),
    ("settlement_day", 3, FieldKind.NUMBER, M),
    ("return_trace", 15, FieldKind.DIGITS, M),
    ("return_settlement_day", 3, FieldKind.NUMBER, M),
    ("return_code", 2, FieldKind.TEXT, M),
    ("dishonored_trace", 15, FieldKind.DIGITS, M),
    ("dishonored_settlement_day", 3, FieldKind.NUMBER, M),
    ("dishonored_code", 2, FieldKind.TEXT, M),
    1,
    ("trace", 15, FieldKind.DIGITS, M),
)
BATCH_CONTROL = _table(
    "8",
    ("service_class", 3, FieldKind.DIGITS, M),
    ("entry_count", 6, FieldKind.NUMBER, M),  # entries and addenda
    ("entry_hash", 10, FieldKind.NUMBER, M),
    ("debits", 12, FieldKind.CENTS, M),
    ("credits", 12, FieldKind.CENTS, M),
    ("company_id", 10, FieldKind.TEXT, R),
    ("authentication", 19, FieldKind.TEXT, O),
    6,
    ("odfi", 8, FieldKind.DIGITS, M),
    ("number", 7, FieldKind.NUMBER, M),
)
FILE_CONTROL = _table(
    "9",
    ("batch_count", 6, FieldKind.NUMBER, M),
    ("block_count", 6, FieldKind.NUMBER, M),
    ("entry_count", 8, FieldKind.NUMBER, M),
    ("entry_hash", 10, FieldKind.NUMBER, M),
    ("debits", 12, FieldKind.CENTS, M),
    ("credits", 12, FieldKind.CENTS, M),
    39,
)
