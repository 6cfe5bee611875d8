"""Where each field of each record stands: the record formats as tables.

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


class Kind(Enum):
    """How a value is written. Appendix One, Part 1.2, Data Specifications."""

    TEXT = "alphameric"  # left-justified, filled with blanks
    RIGHT = "right-justified"  # bTTTTAAAAC: text, filled with blanks at the left
    DIGITS = "digits"  # of exactly the field's length; a number that is a name
    NUMBER = "number"  # right-justified, filled with zeros
    CENTS = "cents"  # a Decimal in dollars here, whole cents on the wire
    DATE = "YYMMDD"  # 2000 to 2099
    TIME = "HHMM"
    CONSTANT = "constant"  # or reserved: `constant` is all it may hold


class Inclusion(StrEnum):
    """3.2.1: what happens without the field. A mandatory or required one is never written empty."""

    MANDATORY = "M"  # the ACH operator rejects the entry, batch or file
    REQUIRED = "R"  # the receiving bank may return the entry
    OPTIONAL = "O"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `position` counts from 1, as the specification does."""

    name: str
    position: int
    length: int
    kind: Kind
    inclusion: Inclusion
    constant: str = ""

    @property
    def here(self) -> slice:
        return slice(self.position - 1, self.position - 1 + self.length)


Table = tuple[Field, ...]
M, R, O = Inclusion.MANDATORY, Inclusion.REQUIRED, Inclusion.OPTIONAL  # noqa: E741
_Row = tuple[str, int, Kind, Inclusion] | str | int


def _table(*rows: _Row) -> Table:
    """A table of rows in order: a name, length, kind and inclusion; a constant; or so many
    reserved blanks."""
    fields: list[Field] = []
    position = 1
    for row in rows:
        if isinstance(row, int):
            row = " " * row
        if isinstance(row, str):
            fields.append(Field("reserved", position, len(row), Kind.CONSTANT, M, row))
        else:
            name, length, kind, inclusion = row
            fields.append(Field(name, position, length, kind, inclusion))
        position += fields[-1].length
    return tuple(fields)


FILE_HEADER = _table(
    "1",
    "01",  # priority code
    ("destination", 10, Kind.RIGHT, M),
    ("origin", 10, Kind.RIGHT, M),
    ("created_on", 6, Kind.DATE, M),
    ("created_at", 4, Kind.TIME, O),
    ("modifier", 1, Kind.TEXT, M),
    "094",  # record size
    "10",  # blocking factor
    "1",  # format code
    ("destination_name", 23, Kind.TEXT, O),
    ("origin_name", 23, Kind.TEXT, O),
    ("reference", 8, Kind.TEXT, O),
)
BATCH_HEADER = _table(
    "5",
    ("service_class", 3, Kind.DIGITS, M),
    ("company_name", 16, Kind.TEXT, M),
    ("discretionary_data", 20, Kind.TEXT, O),
    ("company_id", 10, Kind.TEXT, M),
    ("sec_code", 3, Kind.TEXT, M),
    ("description", 10, Kind.TEXT, M),
    ("descriptive_date", 6, Kind.TEXT, O),
    # R in the specification; a bank's returns and changes may have zeros or nothing here.
    ("effective_date", 6, Kind.DATE, O),
    ("settlement_day", 3, Kind.NUMBER, O),
    ("originator_status", 1, Kind.TEXT, M),
    ("odfi", 8, Kind.DIGITS, M),
    ("number", 7, Kind.NUMBER, M),
)
ENTRY = _table(
    "6",
    ("transaction_code", 2, Kind.DIGITS, M),
    ("routing", 9, Kind.DIGITS, M),  # Receiving DFI Identification, and Check Digit
    ("account", 17, Kind.TEXT, R),
    ("amount", 10, Kind.CENTS, M),
    ("individual_id", 15, Kind.TEXT, O),  # of an ACK: Original Entry Trace Number
    ("name", 22, Kind.TEXT, R),
    ("discretionary", 2, Kind.TEXT, O),
    ("addenda_indicator", 1, Kind.DIGITS, M),
    ("trace", 15, Kind.DIGITS, M),
)
ADDENDA_05 = _table(
    "7",
    "05",
    ("information", 80, Kind.TEXT, O),
    ("sequence", 4, Kind.NUMBER, M),
    ("entry_sequence", 7, Kind.DIGITS, M),  # the last seven digits of the entry's trace number
)
ADDENDA_98 = _table(
    "7",
    "98",
    ("code", 3, Kind.TEXT, M),
    ("original_trace", 15, Kind.DIGITS, M),
    6,
    ("original_rdfi", 8, Kind.DIGITS, R),
    ("corrected_data", 29, Kind.TEXT, M),
    15,
    ("trace", 15, Kind.DIGITS, M),
)
ADDENDA_98_REFUSED = _table(
    "7",
    "98",
    ("code", 3, Kind.TEXT, M),
    ("original_trace", 15, Kind.DIGITS, M),
    6,
    ("original_rdfi", 8, Kind.DIGITS, R),
    ("corrected_data", 29, Kind.TEXT, M),
    ("change_code", 3, Kind.TEXT, M),
    ("change_sequence", 7, Kind.DIGITS, M),
    5,
    ("trace", 15, Kind.DIGITS, M),
)
ADDENDA_99 = _table(
    "7",
    "99",
    ("code", 3, Kind.TEXT, M),
    ("original_trace", 15, Kind.DIGITS, M),
    ("date_of_death", 6, Kind.DATE, O),
    ("original_rdfi", 8, Kind.DIGITS, R),
    ("information", 44, Kind.TEXT, O),
    ("trace", 15, Kind.DIGITS, M),
)
ADDENDA_99_DISHONORED = _table(
    "7",
    "99",
    ("code", 3, Kind.TEXT, M),
    ("original_trace", 15, Kind.DIGITS, M),
    6,
    ("original_rdfi", 8, Kind.DIGITS, R),
    3,
    ("return_trace", 15, Kind.DIGITS, M),
    ("return_settlement_day", 3, Kind.NUMBER, M),
    ("return_code", 2, Kind.TEXT, M),
    ("information", 21, Kind.TEXT, O),
    ("trace", 15, Kind.DIGITS, M),
)
ADDENDA_99_CONTESTED = _table(
    "7",
    "99",
    ("code", 3, Kind.TEXT, M),
    ("original_trace", 15, Kind.DIGITS, M),
    ("returned_on", 6, Kind.DATE, O),
    ("original_rdfi", 8, Kind.DIGITS, R),
    ("settlement_day", 3, Kind.NUMBER, M),
    ("return_trace", 15, Kind.DIGITS, M),
    ("return_settlement_day", 3, Kind.NUMBER, M),
    ("return_code", 2, Kind.TEXT, M),
    ("dishonored_trace", 15, Kind.DIGITS, M),
    ("dishonored_settlement_day", 3, Kind.NUMBER, M),
    ("dishonored_code", 2, Kind.TEXT, M),
    1,
    ("trace", 15, Kind.DIGITS, M),
)
BATCH_CONTROL = _table(
    "8",
    ("service_class", 3, Kind.DIGITS, M),
    ("entry_count", 6, Kind.NUMBER, M),  # entries and addenda
    ("entry_hash", 10, Kind.NUMBER, M),
    ("debits", 12, Kind.CENTS, M),
    ("credits", 12, Kind.CENTS, M),
    ("company_id", 10, Kind.TEXT, R),
    ("authentication", 19, Kind.TEXT, O),
    6,
    ("odfi", 8, Kind.DIGITS, M),
    ("number", 7, Kind.NUMBER, M),
)
FILE_CONTROL = _table(
    "9",
    ("batch_count", 6, Kind.NUMBER, M),
    ("block_count", 6, Kind.NUMBER, M),
    ("entry_count", 8, Kind.NUMBER, M),
    ("entry_hash", 10, Kind.NUMBER, M),
    ("debits", 12, Kind.CENTS, M),
    ("credits", 12, Kind.CENTS, M),
    39,
)
