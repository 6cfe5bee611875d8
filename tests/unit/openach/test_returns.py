"""Returns from files of the originator's bank: they count where exactly one payment fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from paymentapp.config import load_settings
from paymentapp.errors import SettingsError
from paymentapp.models.payments import Payment, Status
from paymentapp.nacha import (
    BatchHeader,
    Entry,
    File,
    FileHeader,
    NachaBatch,
    ReturnAddenda,
    write,
)
from paymentapp.providers.openach.settings import OpenAchSettings
from tests.support.ach_backend import ROUTING
from tests.support.openach_backend import OpenAchBackend, openach_backend, openach_environ
from tests.support.processes import a_process
from tests.unit.openach.test_recording import OpenAchService

ACCOUNT = "1111222233"


@pytest.fixture
def returned_to(tmp_path: Path) -> Iterator[OpenAchService]:
    with openach_backend(returns_url=tmp_path.as_uri()) as backend:
        yield OpenAchService(backend, a_process(backend.state, backend.clock, backend.provider))


def sent_back(account: str = ACCOUNT, amount: str = "12.34", code: str = "R02") -> bytes:
    """Return a file of the bank that returns one entry, by a trace number that OpenACH had."""
    addenda = ReturnAddenda(code, "091000010000001", ROUTING[:8], "021000020000001")
    header = BatchHeader("EXAMPLE CO", "1234567890", "PPD", "PAYMENT", None, "02100002", 1)
    entry = Entry("21", ROUTING, account, Decimal(amount), addenda.trace, "ADA", addenda=(addenda,))
    top = FileHeader("1234567890", "091000019", date(2026, 3, 4))
    return write(File(top, (NachaBatch(header, (entry,)),)))


def paid(service: OpenAchService) -> Payment:
    """Pay somebody; a nightly run makes an entry of it, and a poll sees that."""
    payment = service.pays(ACCOUNT)
    service.runs()
    service.backend.run()
    service.runs(hours=8)
    return payment


def reads(service: OpenAchService, folder: Path, data: bytes, name: str = "r.ach") -> None:
    (folder / name).write_bytes(data)
    collector = service.services.mailbox_collector
    service.backend.clock.pass_by(hours=1)
    assert collector.due() == ["openach"]
    collector.collect("openach")
    service.runs(hours=1)


def test_a_return_of_the_one_payment_that_fits_counts(
    returned_to: OpenAchService, tmp_path: Path
) -> None:
    payment = paid(returned_to)
    reads(returned_to, tmp_path, sent_back())
    now = returned_to.now(payment)
    assert (now.status, now.reason) == (Status.RETURNED, "R02 Account closed")
    method = returned_to.services.methods.get("ada", "openach")
    assert not method.usable
    assert returned_to.cases.cases() == []
    assert [each.name for each in tmp_path.glob("done/*r.ach")]


def test_the_same_file_again_changes_nothing(returned_to: OpenAchService, tmp_path: Path) -> None:
    payment = paid(returned_to)
    reads(returned_to, tmp_path, sent_back())
    reads(returned_to, tmp_path, sent_back(), "again.ach")
    assert len(returned_to.now(payment).history) == 4
    assert returned_to.cases.cases() == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (sent_back(account="99"), "no payment"),
        (sent_back(amount="12.35"), "no payment"),
        (sent_back().replace(b"\n621", b"\n626"), "returns a debit"),
    ],
)
def test_what_fits_no_payment_is_an_open_case(
    returned_to: OpenAchService, tmp_path: Path, data: bytes, why: str
) -> None:
    payment = paid(returned_to)
    reads(returned_to, tmp_path, data)
    assert returned_to.now(payment).status is Status.SUBMITTED
    [case] = returned_to.cases.cases()
    assert why in str(case)
    assert ACCOUNT not in str(case)


def test_two_payments_that_fit_are_an_open_case(
    returned_to: OpenAchService, tmp_path: Path
) -> None:
    payments = [paid(returned_to), paid(returned_to)]
    reads(returned_to, tmp_path, sent_back())
    assert {returned_to.now(each).status for each in payments} == {Status.SUBMITTED}
    [case] = returned_to.cases.cases()
    assert "2 payments fit" in str(case)


def test_what_no_run_is_known_to_have_taken_is_an_open_case(
    returned_to: OpenAchService, tmp_path: Path
) -> None:
    payment = returned_to.pays(ACCOUNT)
    returned_to.runs()
    reads(returned_to, tmp_path, sent_back())
    assert returned_to.now(payment).status is Status.SUBMITTED
    [case] = returned_to.cases.cases()
    assert "no nightly run" in str(case)


def test_no_payment_succeeds_before_the_banks_files_were_read(
    returned_to: OpenAchService, tmp_path: Path
) -> None:
    payment = paid(returned_to)
    for _ in range(14):
        returned_to.runs(days=1)
    assert returned_to.now(payment).status is Status.SUBMITTED
    (tmp_path / "r.ach").write_bytes(b"no NACHA file")
    returned_to.services.mailbox_collector.collect("openach")
    returned_to.runs(hours=7)
    assert returned_to.now(payment).status is Status.SUBMITTED
    (tmp_path / "r.ach").unlink()
    returned_to.services.mailbox_collector.collect("openach")
    returned_to.runs(hours=7)
    assert returned_to.now(payment).status is Status.SUCCEEDED


def test_without_a_folder_nothing_is_fetched_and_no_lease_is_held(backend: OpenAchBackend) -> None:
    services = a_process(backend.state, backend.clock, backend.provider)
    assert services.mailbox_collector.due() == []
    assert list(backend.openach.mailbox.collect()) == []
    assert backend.openach.mailbox.unread() == []


def test_a_folder_by_sftp_needs_a_host_key() -> None:
    environ = openach_environ(returns_url="sftp://us@bank.example.com/returns")
    with pytest.raises(SettingsError, match="PAYMENTAPP_OPENACH_SFTP_KNOWN_HOSTS"):
        load_settings(environ).variables.load(OpenAchSettings)
