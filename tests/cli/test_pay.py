"""The command that pays the rows of a file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.conftest import Desk

TEXT = (
    "customer_id,email,amount,currency\nada,ada@example.com,12.50,USD\nbob,bob@example.com,3,USD\n"
)
WRONG = TEXT + 'eve,eve@example.com,1,USD\nada,ada@example.com,"1,234",USD\n'


@pytest.fixture
def file(desk: Desk, tmp_path: Path) -> Path:
    """Return a file that pays two customers."""
    with desk.service() as services:
        for name in ("ada", "bob"):
            services.customers.register(name, f"{name}@example.com", {})
    path = tmp_path / "june.csv"
    path.write_text(TEXT)
    return path


def results(file: Path) -> list[dict[str, str]]:
    text = file.with_name("june.result.csv").read_text("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def paid(desk: Desk) -> list[str]:
    return [each["amount"] for each in desk.json("payments", "list")["payments"]]


def test_every_row_is_paid_and_its_payment_written_beside_the_file(desk: Desk, file: Path) -> None:
    result = desk.run("pay", str(file))
    assert result.exit_code == 0, result.output
    assert "15.50 USD\n2 of 2 rows fine, 0 not; done\n" in result.stdout
    found = results(file)
    assert [(row["line"], row["status"], row["customer_id"]) for row in found] == [
        ("2", "accepted", "ada"),
        ("3", "accepted", "bob"),
    ]
    assert all(row["payment_id"] for row in found)
    assert sorted(paid(desk)) == ["12.5", "3"]


def test_sums_have_the_decimals_of_their_currency(desk: Desk, file: Path) -> None:
    file.write_text("customer_id,email,amount,currency\nada,ada@example.com,1500,JPY\n")
    assert "1,500 JPY\n1 of 1 row fine" in desk.run("pay", str(file)).stdout


def test_a_file_that_is_run_again_is_the_same_run(desk: Desk, file: Path) -> None:
    first, second = desk.run("pay", str(file)), desk.run("pay", str(file))
    assert first.stdout == second.stdout
    assert "this file was taken in before" in second.stderr
    assert len(paid(desk)) == 2
    assert desk.run("pay", str(file), "--again", "july").exit_code == 0
    assert len(paid(desk)) == 4


def test_one_row_that_is_not_fine_stops_all_of_them(desk: Desk, file: Path) -> None:
    file.write_text(WRONG)
    result = desk.run("pay", str(file))
    assert result.exit_code == 1
    assert "line 4, customer_id: " in result.stdout
    assert "line 5, amount: The value can be read as 1234 or as 1.234" in result.stdout
    assert "nothing is paid" in result.stdout
    assert paid(desk) == []
    assert [row["status"] for row in results(file)] == ["fine", "fine", "rejected", "rejected"]


def test_each_row_that_is_fine_is_paid_where_that_is_wanted(desk: Desk, file: Path) -> None:
    file.write_text(WRONG)
    assert desk.run("pay", str(file), "--mode", "each").exit_code == 1
    assert sorted(paid(desk)) == ["12.5", "3"]


def test_a_dry_run_pays_nothing_and_does_not_stand_in_the_way(desk: Desk, file: Path) -> None:
    result = desk.run("pay", str(file), "--dry-run")
    assert (result.exit_code, paid(desk)) == (0, [])
    assert "nothing is paid in a dry run" in result.stdout
    assert desk.run("pay", str(file)).exit_code == 0
    assert len(paid(desk)) == 2


def test_a_file_that_cannot_be_read_is_a_wrong_use(desk: Desk, file: Path) -> None:
    file.write_text("customer_id;email;amount\n")
    result = desk.run("pay", str(file))
    assert result.exit_code == 2
    assert "line 1, column currency: The column is missing" in result.stderr
    assert desk.run("pay").exit_code == 2


def test_the_template_is_the_first_line_of_a_file(desk: Desk, file: Path) -> None:
    header = desk.run("pay", "--template").stdout
    assert header.startswith("customer_id,email,amount,currency,payment_method,")
    file.write_text(f"{header}ada,ada@example.com,1,USD\n")
    assert desk.run("pay", str(file)).exit_code == 0
