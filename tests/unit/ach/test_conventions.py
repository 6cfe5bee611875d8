"""The bank's own conventions: line ends, balanced files, PGP, sizes and names of files."""

from __future__ import annotations

import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paymentapp.models.payments import Status
from paymentapp.nacha import read
from paymentapp.providers.ach import rendering, setting_kinds
from tests.support.ach_backend import ROUTING
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import returned, sent_back

OFFSET = {"offset_routing": ROUTING, "offset_account": "5550001"}


def outgoing(company: Company, *accounts: str, **settings: str) -> bytes:
    """Return the file that pays some accounts."""
    members = [company.member(each, at=n + 1) for n, each in enumerate(accounts)]
    company.provider(**settings).submit(company.batch(*members), members)
    [path] = (company.folder / "outgoing").iterdir()
    return path.read_bytes()


@pytest.mark.parametrize(("setting", "end"), [("lf", b"\n"), ("crlf", b"\r\n"), ("none", b"")])
def test_lines_end_as_the_bank_wants(company: Company, setting: str, end: bytes) -> None:
    data = outgoing(company, "1111222233", line_ends=setting)
    assert len(data) == 10 * (94 + len(end))
    assert data.count(b"\n") == (10 if end else 0)
    assert data[94:].startswith(end + b"5220")


def test_a_balanced_file_debits_our_account_by_what_each_batch_pays(company: Company) -> None:
    found = read(outgoing(company, "1111222233", "2222333344", **OFFSET))
    assert found.findings == ()
    [batch] = found.file.batches
    *paid, debit = batch.entries
    assert (debit.transaction_code, debit.account.strip()) == ("27", "5550001")
    assert debit.amount == sum((each.amount or Decimal(0)) for each in paid) == Decimal("24.68")
    assert batch.header is not None
    assert batch.header.service_class == "200"
    assert [each.trace for each in batch.entries] == sorted(each.trace for each in batch.entries)


def test_an_offset_larger_than_an_entry_is_split(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "MOST", Decimal(10))
    [batch] = read(outgoing(company, "1111222233", **OFFSET)).file.batches
    assert [str(each.amount) for each in batch.entries] == ["12.34", "10.00", "2.34"]
    assert setting_kinds.MOST > 10


def test_outgoing_files_are_private(company: Company) -> None:
    outgoing(company, "1111222233")
    [path] = (company.folder / "outgoing").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_too_large_is_not_fetched(company: Company) -> None:
    ach = company.provider(incoming_megabytes="1")
    with (company.folder / "incoming" / "large.ach").open("wb") as file:
        file.truncate(600_000_000)
    for _ in range(2):
        assert list(ach.mailbox.collect()) == []
    [unread] = ach.mailbox.unread()
    assert unread.reason == "it has 600000000 bytes, more than the 1000000 that are read"
    assert ach.mailbox.set_aside(unread.file_id, "ann: no file of ours")
    [delivery] = ach.mailbox.collect()
    ach.mailbox.put_away(delivery)
    assert list(ach.mailbox.collect()) == []
    assert ach.mailbox.unread() == []


def test_a_file_name_forges_no_log_line(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    name = "r.ach\n2026-03-02 INFO all returns applied\x1b[2J"
    (company.folder / "incoming" / name).write_bytes(b"no file of NACHA's")
    for _ in range(2):
        list(company.ach.mailbox.collect())
    assert caplog.records
    for record in caplog.records:
        assert record.getMessage().isprintable()
    assert r"r.ach\n2026-03-02 INFO" in caplog.text


def test_files_that_are_no_files_of_nachas_can_be_ignored(company: Company) -> None:
    ach = company.provider(incoming_ignored="*.pdf, report-*")
    for name in ("statement.PDF", "report-7.txt"):
        (company.folder / "incoming" / name).write_bytes(b"%PDF")
    for _ in range(2):
        assert list(ach.mailbox.collect()) == []
    assert ach.mailbox.unread() == []


# --- PGP


class Keys:
    """Our key and the bank's, as files."""

    def __init__(self, folder: Path) -> None:
        self.pgp = pytest.importorskip("pysequoia")
        self.ours = self.pgp.Tsk.generate("Us <us@example.com>")
        self.bank = self.pgp.Tsk.generate("Bank <bank@example.com>")
        self.own_file, self.bank_file = folder / "own.asc", folder / "bank.asc"
        self.own_file.write_text(str(self.ours))
        self.bank_file.write_bytes(bytes(self.bank.extract_certificate()))

    def sealed(self, data: bytes, signer: Any = None) -> bytes:
        """Encrypt for us, signed by the bank or somebody else."""
        by = (signer or self.bank).signer()
        to = [self.ours.extract_certificate()]
        return bytes(self.pgp.encrypt(data, recipients=to, signer=by))

    @property
    def settings(self) -> dict[str, str]:
        return {"pgp_own_key_file": str(self.own_file), "pgp_bank_key_file": str(self.bank_file)}


def news(company: Company, data: bytes, **settings: str) -> Status | str:
    """Return the status of a payment after the bank's file, or why the file is not read."""
    batch = company.paid(company.member("1111222233"))
    ach = company.provider(**settings)
    company.bank.send("r.ach.pgp", data)
    for _ in range(2):
        for delivery in ach.mailbox.collect():
            ach.mailbox.put_away(delivery)
    reasons = [each.reason for each in ach.mailbox.unread()]
    return reasons[0] if reasons else ach.fetch(batch)[0].status or ""


def test_a_file_that_is_encrypted_for_us_and_signed_is_read(
    company: Company, tmp_path: Path
) -> None:
    keys = Keys(tmp_path)
    data = keys.sealed(sent_back(company, returned("R03")))
    assert news(company, data, **keys.settings) is Status.RETURNED


def test_a_file_that_somebody_else_signed_is_not_read(company: Company, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    stranger = keys.pgp.Tsk.generate("Eve <eve@example.com>")
    data = keys.sealed(sent_back(company, returned("R03")), stranger)
    assert "cannot be opened by PGP" in news(company, data, **keys.settings)


def test_a_file_that_is_not_signed_is_not_read(company: Company, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    data = sent_back(company, returned("R03"))
    assert "it is not signed" in news(company, data, **keys.settings)


def test_an_encrypted_file_without_our_key_is_not_read(company: Company, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    data = keys.sealed(sent_back(company, returned("R03")))
    assert "PAYMENTAPP_ACH_PGP_OWN_KEY_FILE is not set" in news(company, data)
