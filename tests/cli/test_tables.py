"""Tables fit a terminal of 80 columns, and are plain lines elsewhere."""

from __future__ import annotations

from importlib import import_module

import pytest

from paymentapp.cli import tables
from paymentapp.cli.payments import _COLUMNS
from paymentapp.cli.tables import TableColumn, echo_table, fitted

PAYMENT_ID = "2026-03-01T12:00:00.123456Z"
MOMENT = "2026-03-01T12:00:00Z"
ROW = (PAYMENT_ID, "c" * 50, "1,234,567.50 USD", "paypal", "awaiting_approval", "payroll", "x" * 90)


def test_a_row_fits_80_columns_and_nothing_in_it_is_cut() -> None:
    text = fitted(_COLUMNS, [ROW], 80)
    assert max(map(len, text.splitlines())) <= 80
    for whole in (PAYMENT_ID, "1,234,567.50 USD", "awaiting_approval"):
        assert whole in text
    assert text.count("c") == 50
    assert "REFERENCE" not in text


def test_a_wide_terminal_has_every_column() -> None:
    text = fitted(_COLUMNS, [ROW], 160)
    assert max(map(len, text.splitlines())) <= 160
    assert "REFERENCE" in text
    assert text.count("x") == 90


def test_a_cell_is_text_and_no_markup() -> None:
    assert "[red]:smile:[/red]" in fitted((TableColumn("A"),), [("[red]:smile:[/red]",)], 80)


def test_elsewhere_a_row_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table(_COLUMNS, [ROW, ROW])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["PAYMENT", "CUSTOMER"]
    assert len(rows) == 2
    assert all(row.endswith("x" * 90) for row in rows)


def test_no_rows_are_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table(_COLUMNS, [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("library", [True, False])
def test_a_terminal_without_the_library_has_plain_lines(
    library: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(tables, "find_spec", lambda _name: object() if library else None)
    echo_table(_COLUMNS, [ROW])
    assert (max(map(len, capsys.readouterr().out.splitlines())) <= 80) == library


LISTS: dict[str, tuple[str, ...]] = {
    "keys": (
        *("0123456789abcdef", "payroll-2", "payroll", MOMENT, "-", MOMENT, "valid"),
        "customers:read payments:read reports:read",
    ),
    "holds": (
        *("20260102T030406000000-5f0c2b9e", "customer", "unixuser1", MOMENT, "eve"),
        "The bank details changed by phone.",
    ),
    "approvals": (
        *(f"ada/{PAYMENT_ID}", MOMENT, "5,000.00 USD", "payroll", "0 of 1"),
        "USD 5000..: 1  paypal to a***@example.com",
    ),
    "customers": ("unixuser1", "u***@example.com", MOMENT, "paypal, stripe", "country=DE vip=true"),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_fits_80_columns(name: str) -> None:
    columns = vars(import_module(f"paymentapp.cli.{name}"))["_COLUMNS"]
    text = fitted(columns, [LISTS[name]], 80)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 8
    assert LISTS[name][0][:16] in text
