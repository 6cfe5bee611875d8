"""Files: what the bank gets, byte for byte, when it settles and when it has succeeded."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paymentapp.config import load_settings
from paymentapp.errors import Misconfigured, NotSent
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.nacha import File, PaymentAddenda, read, write
from paymentapp.providers.ach.file_identity import next_identity
from paymentapp.providers.ach.file_state import FilePlan
from paymentapp.providers.ach.files import TOO_LARGE
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.ach.settings import LARGEST_FILE
from paymentapp.providers.bank_mail.folders import FolderError
from paymentapp.providers.base import Accepted, Postponed, Refused
from tests.support.ach_backend import HookedFolder, ach_environ
from tests.support.kit import a_kit
from tests.unit.ach.conftest import MONDAY, Company


def outgoing(company: Company) -> Path:
    [path] = (company.folder / "outgoing").iterdir()
    return path


def test_a_file_holds_what_was_asked_for(company: Company) -> None:
    members = [
        company.member("1111222233", "0.01"),
        company.member("4444555566", "99999999.99", account_type="savings", entry_class="CCD"),
    ]
    company.ach.submit(company.batch(*members), members)
    file, findings = read(outgoing(company).read_bytes())
    assert findings == ()
    assert file.header is not None
    assert (file.header.origin, file.header.destination) == ("1234567890", "091000019")
    assert (file.header.created_on, file.header.modifier) == (date(2026, 3, 2), "A")
    assert [(b.header and b.header.sec_code, len(b.entries)) for b in file.batches] == [
        ("CCD", 1),
        ("PPD", 1),
    ]
    corporate, personal = [entry for _, entry in file.entries()]
    assert (personal.transaction_code, personal.amount) == ("22", Decimal("0.01"))
    assert (corporate.transaction_code, corporate.amount) == ("32", Decimal("99999999.99"))
    assert (personal.account, personal.name) == ("1111222233", "Ann Example")
    assert (personal.trace, corporate.trace) == ("091000010000001", "091000010000002")
    assert members[0].item_id.startswith(personal.individual_id)


def test_a_description_is_the_addenda_of_its_entry(company: Company) -> None:
    members = [
        company.member("1111222233")._replace(description="Invoice 1007*June\\"),
        company.member("4444555566"),
        company.member("7777888899", entry_class="CCD")._replace(description="~" * 80),
    ]
    batch = company.paid(*members)
    path = next((company.folder / "bank" / "taken").iterdir())
    file, findings = read(path.read_bytes())
    assert findings == ()  # the addenda indicators and all counts agree
    information = [
        [addenda.information for addenda in entry.addenda if isinstance(addenda, PaymentAddenda)]
        for _, entry in file.entries()
    ]
    assert information == [["~" * 80], ["Invoice 1007*June\\"], []]
    paid = {credit.account: credit.information for credit in company.bank.books.credits()}
    assert [paid[each] for each in ("1111222233", "4444555566", "7777888899")] == [
        "Invoice 1007*June\\",
        "",
        "~" * 80,
    ]
    assert company.status(batch) is Status.SUBMITTED


def test_a_description_that_no_addenda_holds_is_refused_without_its_text(company: Company) -> None:
    secret = "the flu" + "x" * 80
    members = [company.member("1111222233")._replace(description=secret)]
    outcome = company.ach.submit(company.batch(*members), members)
    assert outcome == Refused(
        "NOT_AN_ENTRY", {0: "NOT_AN_ENTRY: information: longer than 80 characters"}
    )


def test_a_return_of_an_entry_with_an_addenda_is_matched(company: Company) -> None:
    batch = company.paid(company.member("R03111222233")._replace(description="For June"))
    company.bank.work()
    assert company.status(batch) is Status.RETURNED


def test_it_is_kept_sealed_and_goes_out_again_as_the_same_bytes(company: Company) -> None:
    members = [company.member("1111222233")]
    batch = company.batch(*members)
    company.ach.submit(batch, members)
    first = outgoing(company).read_bytes()
    made = company.ach._file_state.decision(batch.batch_id)
    company.clock.pass_by(days=3)
    assert not isinstance(made, Refused)
    assert made is not None
    assert company.ach._uploads._contents.decode(made) == first
    for note in company.state._notes.values():
        assert "1111222233" not in note.text
        assert "Ann Example" not in note.text


class Renders:
    """Counts the files that are rendered, those of no money separately."""

    def __init__(self) -> None:
        self.live = self.prenotes = 0

    def write(self, file: File, **more: Any) -> bytes:
        if any(entry.amount for batch in file.batches for entry in batch.entries):
            self.live += 1
        else:
            self.prenotes += 1
        return write(file, **more)


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> Renders:
    counted = Renders()
    monkeypatch.setattr("paymentapp.providers.ach.files.write", counted.write)
    return counted


def test_a_file_is_rendered_once_however_often_it_is_sent(
    company: Company, renders: Renders
) -> None:
    def unreachable(what: str, act: Any) -> Any:  # noqa: ARG001
        raise FolderError("ConnectionRefusedError")

    member = company.member("1111222233")
    batch = company.batch(member)
    with pytest.raises(NotSent):
        company.provider(outgoing=HookedFolder(company.folder, unreachable)).submit(batch, [member])
    for _ in range(2):
        assert isinstance(company.provider().submit(batch, [member]), Accepted)
    assert (renders.live, renders.prenotes) == (1, 0)


def test_a_file_that_waits_for_prenotes_is_rendered_to_check_it_and_to_send_it(
    company: Company, renders: Renders
) -> None:
    member = company.member("1111222233")
    batch = company.batch(member)
    ach = company.provider(prenotes="on")
    seen = []
    for _ in range(4):
        assert isinstance(ach.submit(batch, [member]), Postponed)
        seen.append((renders.live, renders.prenotes))
        company.bank.work()
        company.clock.pass_by(days=1)
    company.clock.pass_by(days=3)
    assert isinstance(ach.submit(batch, [member]), Accepted)
    assert seen == [(1, 1)] * 4
    assert (renders.live, renders.prenotes) == (2, 1)


def test_a_refused_file_takes_no_trace_numbers(company: Company, renders: Renders) -> None:
    bad = company.member("1111222233", "0.00")
    batch = company.batch(bad)
    outcome = company.ach.submit(batch, [bad])
    assert outcome == Refused("NOT_AN_ENTRY", {0: "NOT_AN_ENTRY: amount: zero"})
    assert company.ach.submit(batch, [bad]) == outcome
    assert renders.prenotes == 2  # the file, and then each row to tell whose fault it is
    assert not [n for n in company.state._notes if n.startswith("ach/traces/09100001/")]


def test_a_full_file_fits_a_note(company: Company) -> None:
    members = [
        company.member(
            f"{n * 7919 % 10**12:012d}99999"[:17], f"{n + 1}.37", n, holder=f"{n + 1:022x}"
        )
        for n in range(2_500)
    ]
    company.ach.submit(company.batch(*members), members)
    assert max(len(note.text) for note in company.state._notes.values()) < 300_000
    assert len(read(outgoing(company).read_bytes()).file.batches[0].entries) == 2_500


def test_a_full_file_of_described_payments_fits_a_note(company: Company) -> None:
    letters = random.Random(7)
    members = [
        company.member(
            f"{n * 7919 % 10**12:012d}99999"[:17], f"{n + 1}.37", n, holder=f"{n + 1:022x}"
        )._replace(description="".join(chr(letters.randrange(33, 127)) for _ in range(80)))
        for n in range(LARGEST_FILE)
    ]
    company.ach.submit(company.batch(*members), members)
    assert max(len(note.text) for note in company.state._notes.values()) < 300_000
    assert outgoing(company).stat().st_size * 4 / 3 < 300_000  # encrypted, and not compressed


def test_no_file_is_larger_whatever_the_settings_say(company: Company) -> None:
    environ = ach_environ(company.folder, batch_size="2500")
    kit = a_kit(load_settings(environ | {"PAYMENTAPP_BATCH_SIZE": "2500"}))
    assert Ach.build(kit).batch_size == LARGEST_FILE


def test_totals_that_no_file_can_hold_go_one_by_one(company: Company) -> None:
    members = [company.member(f"{n:010d}55", "99999999.99") for n in range(101)]
    assert company.ach.submit(company.batch(*members), members) == Refused(TOO_LARGE)
    assert list((company.folder / "outgoing").iterdir()) == []


def test_a_member_without_an_account_is_refused_for_ever(company: Company) -> None:
    good, bad = (
        company.member("1111222233"),
        company.member("2222333344")._replace(destination=None),
    )
    batch = company.batch(good, bad)
    outcome = company.ach.submit(batch, [good, bad])
    assert isinstance(outcome, Refused)
    assert dict(outcome.member_errors) == {1: "NOT_AN_ENTRY: no bank account"}
    assert company.provider().submit(batch, [good, good]) == outcome  # what was said, stands


def test_a_wrong_setting_is_nobodys_fault(company: Company) -> None:
    member = company.member("1111222233")
    ach = company.provider()
    ach._files._settings = replace(ach._files._settings, company_name="X ")
    with pytest.raises(Misconfigured, match="company_name"):
        ach.submit(company.batch(member), [member])


def test_a_day_has_36_modifiers_and_then_the_minute_tells(company: Company) -> None:
    now = MONDAY
    first = [next_identity(company.state, "O", now).modifier for _ in range(36)]
    assert "".join(first) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    with pytest.raises(NotSent) as raised:
        next_identity(company.state, "O", now + timedelta(seconds=20))
    assert raised.value.retry_after == 40
    again = next_identity(company.state, "O", now + timedelta(minutes=1))
    assert (again.modifier, again.made_at.minute) == ("A", 1)
    assert next_identity(company.state, "O", now + timedelta(days=1)).modifier == "A"
    assert next_identity(company.state, "P", now).modifier == "A"


# --- time: MONDAY is 10:00 in New York, the second of March 2026


@pytest.mark.parametrize(
    ("now", "departs", "settles", "large"),
    [
        # The lead is 15 minutes. A same-day window settles the same day, but not what is large.
        ("2026-03-02T14:00", "2026-03-02T15:15", "2026-03-02", "2026-03-03"),
        ("2026-03-02T15:14", "2026-03-02T15:15", "2026-03-02", "2026-03-03"),
        # The second window is the next day's, and so is everything after it, over a weekend too.
        ("2026-03-02T15:16", "2026-03-02T21:45", "2026-03-03", "2026-03-03"),
        ("2026-03-06T21:50", "2026-03-09T14:15", "2026-03-09", "2026-03-10"),  # and summer time
        ("2026-07-03T20:50", "2026-07-06T14:15", "2026-07-06", "2026-07-07"),
        ("2026-11-25T22:00", "2026-11-27T15:15", "2026-11-27", "2026-11-30"),  # Thanksgiving
    ],
)
def test_payments_leave_in_time_for_the_next_window(
    company: Company, now: str, departs: str, settles: str, large: str
) -> None:
    windows = "10:30 same-day, 17:00"
    ach = company.provider(windows=windows)
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    departure = ach.cutoffs.next_departure(moment)
    assert departure == datetime.fromisoformat(departs).replace(tzinfo=UTC)
    company.clock.now = departure
    members = [company.member("1111222233", "1000000"), company.member("2222333344", "1000000.01")]
    ach.submit(company.batch(*members), members)
    file = read(outgoing(company).read_bytes()).file
    dates = [str(batch.header and batch.header.effective_date) for batch in file.batches]
    assert dates == ([settles, large] if settles != large else [settles])


def same_day(company: Company) -> tuple[Ach, Batch]:
    """Pay a small amount and a large one in a window that settles the same day."""
    ach = company.provider(windows="10:30 same-day, 17:00")
    company.clock.now = datetime(2026, 3, 2, 15, 15, tzinfo=UTC)
    large, small = company.member("1111222233", "1000000.01"), company.member("2222333344", at=2)
    batch = company.batch(large, small)
    ach.submit(batch, [large, small])
    return ach, batch


def test_what_is_above_the_same_day_limit_and_nothing_else_settles_a_day_later(
    company: Company,
) -> None:
    same_day(company)
    file = read(outgoing(company).read_bytes()).file
    settles = {
        entry.account.strip(): str(batch.header and batch.header.effective_date)
        for batch in file.batches
        for entry in batch.entries
    }
    assert settles == {"1111222233": "2026-03-03", "2222333344": "2026-03-02"}


def test_a_large_payment_has_arrived_a_day_after_the_others(company: Company) -> None:
    ach, batch = same_day(company)
    company.bank.work()
    company.clock.now = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)  # Monday, and two banking days
    company.status(batch, ach)
    assert [each.status for each in ach.fetch(batch)] == [Status.SUBMITTED, Status.SUCCEEDED]
    company.clock.pass_by(days=1)
    company.status(batch, ach)
    assert [each.status for each in ach.fetch(batch)] == [Status.SUCCEEDED] * 2


def test_a_currency_other_than_dollars_is_refused_alone(company: Company) -> None:
    euros = company.member("1111222233")._replace(money=Money(Decimal(5), "EUR"))
    members = [company.member("2222333344", at=2), euros]
    outcome = company.ach.submit(company.batch(*members), members)
    assert outcome == Refused("NOT_AN_ENTRY", {1: "NOT_AN_ENTRY: not US dollars"})
    assert list((company.folder / "outgoing").iterdir()) == []


def test_it_has_arrived_when_the_hold_is_over(company: Company) -> None:
    batch = company.paid(company.member("1111222233"))  # settles on Tuesday
    statuses = []
    for _ in range(6):
        statuses.append(company.status(batch))
        [report] = company.ach.fetch(batch)
        company.clock.pass_by(days=1)
    # Tuesday, and two banking days more; Friday is the first day on which they have passed.
    assert statuses == [Status.SUBMITTED] * 4 + [Status.SUCCEEDED] * 2
    assert report.transaction_id == report.provider_item_id == "091000010000001"
    assert report.raw_status == "SETTLED"


def test_a_file_that_came_late_settles_later(company: Company) -> None:
    member = company.member("1111222233")
    batch = company.batch(member)
    made = company.ach._decided(batch.batch_id, [member])
    assert isinstance(made, FilePlan)
    company.clock.pass_by(days=1, hours=9)  # Tuesday evening: it was to settle on Tuesday
    company.ach.submit(batch, [member])
    company.clock.now = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
    assert company.status(batch) is Status.SUBMITTED
    company.clock.now = datetime(2026, 3, 7, 15, 0, tzinfo=UTC)
    assert company.status(batch) is Status.SUCCEEDED


def test_a_rehearsal_has_windows_and_days_of_seconds(company: Company) -> None:
    ach = company.provider(rehearsal_seconds="5", hold_days="2")
    departure = ach.cutoffs.next_departure(company.clock())
    assert timedelta(0) < departure - company.clock() <= timedelta(seconds=5)
    member = company.member("1111222233")
    batch = company.batch(member)
    ach.submit(batch, [member])
    company.clock.pass_by(seconds=9)
    assert company.status(batch, ach) is Status.SUBMITTED
    company.clock.pass_by(seconds=2)
    assert company.status(batch, ach) is Status.SUCCEEDED


def test_nothing_is_told_of_what_has_not_left(company: Company) -> None:
    member = company.member("1111222233")
    batch = company.batch(member)
    with pytest.raises(NotSent, match="NO_SUCH_FILE"):
        company.ach.fetch(batch)
    company.ach._decided(batch.batch_id, [member])
    with pytest.raises(NotSent, match="NOT_UPLOADED"):
        company.ach.fetch(batch)
    with pytest.raises(NotSent, match="NO_SUCH_ENTRY"):
        company.ach.cancel("091000010000099")


def test_no_secret_is_logged_or_shown(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    member = company.member("R03111222233", holder="Secret Holder")
    batch = company.paid(member)
    told: list[Any] = [company.ach.fetch(batch), company.ach, vars(company.ach), caplog.text]
    deliveries = list(company.ach.mailbox.collect())
    told += [json.loads(body) for delivery in deliveries for body in delivery.bodies]
    told += [company.ach._file_state.decision(batch.batch_id), *vars(company.ach).values()]
    for secret in ("R03111222233", "Secret Holder"):
        assert secret not in repr(told)
