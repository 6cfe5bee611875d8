"""The tables against the specification: no overlap, no gap."""

from __future__ import annotations

import pytest

from paymentapp.nacha import fields
from paymentapp.nacha.fields import RECORD_LENGTH, Table

TABLES = {name: table for name, table in vars(fields).items() if isinstance(table, tuple)}


def test_there_is_a_table_for_each_record() -> None:
    assert set(TABLES) == {
        "FILE_HEADER",
        "BATCH_HEADER",
        "ENTRY",
        "ADDENDA_05",
        "ADDENDA_98",
        "ADDENDA_98_REFUSED",
        "ADDENDA_99",
        "ADDENDA_99_DISHONORED",
        "ADDENDA_99_CONTESTED",
        "BATCH_CONTROL",
        "FILE_CONTROL",
    }


@pytest.mark.parametrize("name", TABLES)
def test_a_record_has_94_characters_without_gaps(name: str) -> None:
    position = 1
    for field in TABLES[name]:
        assert field.position == position
        position += field.length
    assert position == RECORD_LENGTH + 1


@pytest.mark.parametrize(
    ("table", "name", "first", "last"),
    [
        # Appendix Three, 3.1.1
        (fields.FILE_HEADER, "destination", 4, 13),
        (fields.FILE_HEADER, "origin", 14, 23),
        (fields.FILE_HEADER, "created_on", 24, 29),
        (fields.FILE_HEADER, "created_at", 30, 33),
        (fields.FILE_HEADER, "modifier", 34, 34),
        (fields.FILE_HEADER, "destination_name", 41, 63),
        (fields.FILE_HEADER, "origin_name", 64, 86),
        (fields.FILE_HEADER, "reference", 87, 94),
        (fields.FILE_CONTROL, "batch_count", 2, 7),
        (fields.FILE_CONTROL, "block_count", 8, 13),
        (fields.FILE_CONTROL, "entry_count", 14, 21),
        (fields.FILE_CONTROL, "entry_hash", 22, 31),
        (fields.FILE_CONTROL, "debits", 32, 43),
        (fields.FILE_CONTROL, "credits", 44, 55),
        # 3.1.2
        (fields.BATCH_HEADER, "service_class", 2, 4),
        (fields.BATCH_HEADER, "company_name", 5, 20),
        (fields.BATCH_HEADER, "discretionary_data", 21, 40),
        (fields.BATCH_HEADER, "company_id", 41, 50),
        (fields.BATCH_HEADER, "sec_code", 51, 53),
        (fields.BATCH_HEADER, "description", 54, 63),
        (fields.BATCH_HEADER, "descriptive_date", 64, 69),
        (fields.BATCH_HEADER, "effective_date", 70, 75),
        (fields.BATCH_HEADER, "settlement_day", 76, 78),
        (fields.BATCH_HEADER, "originator_status", 79, 79),
        (fields.BATCH_HEADER, "odfi", 80, 87),
        (fields.BATCH_HEADER, "number", 88, 94),
        (fields.BATCH_CONTROL, "service_class", 2, 4),
        (fields.BATCH_CONTROL, "entry_count", 5, 10),
        (fields.BATCH_CONTROL, "entry_hash", 11, 20),
        (fields.BATCH_CONTROL, "debits", 21, 32),
        (fields.BATCH_CONTROL, "credits", 33, 44),
        (fields.BATCH_CONTROL, "company_id", 45, 54),
        (fields.BATCH_CONTROL, "authentication", 55, 73),
        (fields.BATCH_CONTROL, "odfi", 80, 87),
        (fields.BATCH_CONTROL, "number", 88, 94),
        # 3.1.17
        (fields.ENTRY, "transaction_code", 2, 3),
        (fields.ENTRY, "routing", 4, 12),
        (fields.ENTRY, "account", 13, 29),
        (fields.ENTRY, "amount", 30, 39),
        (fields.ENTRY, "individual_id", 40, 54),
        (fields.ENTRY, "name", 55, 76),
        (fields.ENTRY, "discretionary", 77, 78),
        (fields.ENTRY, "addenda_indicator", 79, 79),
        (fields.ENTRY, "trace", 80, 94),
        (fields.ADDENDA_05, "information", 4, 83),
        (fields.ADDENDA_05, "sequence", 84, 87),
        (fields.ADDENDA_05, "entry_sequence", 88, 94),
        # Appendix Five, 5.4.5 and 5.4.11
        (fields.ADDENDA_98, "code", 4, 6),
        (fields.ADDENDA_98, "original_trace", 7, 21),
        (fields.ADDENDA_98, "original_rdfi", 28, 35),
        (fields.ADDENDA_98, "corrected_data", 36, 64),
        (fields.ADDENDA_98, "trace", 80, 94),
        (fields.ADDENDA_98_REFUSED, "corrected_data", 36, 64),
        (fields.ADDENDA_98_REFUSED, "change_code", 65, 67),
        (fields.ADDENDA_98_REFUSED, "change_sequence", 68, 74),
        # Appendix Four, 4.3, 4.4.4 and 4.5.6
        (fields.ADDENDA_99, "code", 4, 6),
        (fields.ADDENDA_99, "original_trace", 7, 21),
        (fields.ADDENDA_99, "date_of_death", 22, 27),
        (fields.ADDENDA_99, "original_rdfi", 28, 35),
        (fields.ADDENDA_99, "information", 36, 79),
        (fields.ADDENDA_99, "trace", 80, 94),
        (fields.ADDENDA_99_DISHONORED, "return_trace", 39, 53),
        (fields.ADDENDA_99_DISHONORED, "return_settlement_day", 54, 56),
        (fields.ADDENDA_99_DISHONORED, "return_code", 57, 58),
        (fields.ADDENDA_99_DISHONORED, "information", 59, 79),
        (fields.ADDENDA_99_CONTESTED, "returned_on", 22, 27),
        (fields.ADDENDA_99_CONTESTED, "settlement_day", 36, 38),
        (fields.ADDENDA_99_CONTESTED, "return_trace", 39, 53),
        (fields.ADDENDA_99_CONTESTED, "dishonored_trace", 59, 73),
        (fields.ADDENDA_99_CONTESTED, "dishonored_settlement_day", 74, 76),
        (fields.ADDENDA_99_CONTESTED, "dishonored_code", 77, 78),
    ],
)
def test_where_a_field_stands(table: Table, name: str, first: int, last: int) -> None:
    field = next(field for field in table if field.name == name)
    assert (field.position, field.position + field.length - 1) == (first, last)
