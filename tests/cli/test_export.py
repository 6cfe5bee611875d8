"""The command that writes payments to a file."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from paymentapp.cli import commands
from tests.cli.conftest import Desk


@pytest.fixture
def paid(desk: Desk) -> Desk:
    desk.pay("ada", "bob")
    desk.pay("eve", follow=False)
    return desk


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_all_payments_are_written_as_csv_with_masked_payees(paid: Desk) -> None:
    found = rows(paid.run("export").stdout)
    assert [row["customer_id"] for row in found] == ["eve", "bob", "ada"]
    assert {row["amount"] for row in found} == {"12.50"}
    assert found[0]["payee"] == "e***@example.com"


def test_filters_narrow_what_is_written(paid: Desk) -> None:
    found = rows(paid.run("export", "--status", "submitting", "--format", "csv").stdout)
    assert [row["customer_id"] for row in found] == ["eve"]
    nothing = paid.run("export", "--from", "2100-01-01", "--format", "jsonl")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert paid.run("export", "--status", "lost").exit_code == 2


def test_whole_addresses_are_written_where_they_are_asked_for(paid: Desk) -> None:
    done = CliRunner().invoke(commands, ["export", "--full-payees"], env=paid.environ)
    assert {row["payee"] for row in rows(done.stdout)} == {
        f"{name}@example.com" for name in ("ada", "bob", "eve")
    }


def test_a_file_has_the_format_of_its_ending_and_is_for_its_user_alone(
    paid: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "march.jsonl"
    done = paid.run("export", "--output", str(file))
    assert done.stdout == ""
    assert done.stderr == f"3 payments in {file}\n"
    assert [json.loads(line)["amount"] for line in file.read_text().splitlines()] == [12.5] * 3
    assert [path.name for path in tmp_path.glob("march*")] == ["march.jsonl"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("ending", "first"), [("xlsx", b"PK"), ("parquet", b"PAR1")])
def test_workbooks_and_parquet_are_files(
    paid: Desk, tmp_path: Path, ending: str, first: bytes
) -> None:
    file = tmp_path / f"march.{ending}"
    assert paid.run("export", "--output", str(file)).stderr == f"3 payments in {file}\n"
    assert file.read_bytes().startswith(first)
    refused = paid.run("export", "--format", ending)
    assert refused.exit_code == 2
    assert f"--format {ending} needs --output FILE" in " ".join(refused.stderr.split())


def test_a_file_that_exists_is_kept(paid: Desk, tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text("mine")
    done = paid.run("export", "--output", str(file))
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert file.read_text() == "mine"
    assert not list(tmp_path.glob("*.part"))


def test_an_ending_that_names_no_format_asks_for_one(paid: Desk, tmp_path: Path) -> None:
    done = paid.run("export", "--output", str(tmp_path / "march.txt"))
    assert done.exit_code == 2
    assert "say the --format" in done.stderr


def test_a_file_that_cannot_be_written_is_an_error_in_one_line(paid: Desk, tmp_path: Path) -> None:
    done = paid.run("export", "--output", str(tmp_path / "nowhere" / "march.csv"))
    assert done.exit_code == 2
    assert "cannot be written: No such file or directory" in " ".join(done.stderr.split())


def test_a_file_system_without_links_gets_its_file_all_the_same(
    paid: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    file = tmp_path / "march.csv"
    assert paid.run("export", "--output", str(file)).exit_code == 0
    assert len(rows(file.read_text())) == 3
    assert [path.name for path in tmp_path.glob("march*")] == ["march.csv"]
