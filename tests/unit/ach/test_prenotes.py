"""Prenotes: one for each account, which is not paid before the waiting time is over."""

from __future__ import annotations

import base64
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paymentapp.errors import ProviderError
from paymentapp.models.batches import BatchState, Member
from paymentapp.models.payments import Status
from paymentapp.nacha import read
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.base import Accepted, Postponed, Refused
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ach_backend import ATTEMPT
from tests.support.processes import a_process
from tests.support.records import a_payment
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import Service
from tests.unit.ach.test_upload import Process, Slow, Stopped, failing

# The bank has the prenotes on Monday; they settle on Tuesday, the third day after that is Friday.
OVER = datetime(2026, 3, 7, 5, 0, tzinfo=UTC)


@pytest.fixture
def careful(tmp_path: Path) -> Company:
    """Build a company that sends prenotes."""
    made = Company(tmp_path)
    made.ach = made.provider(prenotes="on")
    return made


def claim(company: Company, member: Member, file_id: str) -> None:
    """Claim the account, as a process does that stops right after."""
    company.ach._prenotes._state.claim(member.destination or "", file_id, company.clock())


def asked(company: Company) -> Counter[str]:
    return Counter(credit.account for credit in company.bank.books.prenotes())


def key(company: Company, destination: str | None) -> str:
    """Return the batch key of a payment to that account."""
    assert company.ach.batch_key is not None
    return company.ach.batch_key.key(a_payment(payment_method="ach", destination=destination))


def test_payments_of_which_nothing_can_be_told_now_keep_no_others_waiting(careful: Company) -> None:
    careful.state.down = True
    assert key(careful, "k.x") == "unknown"


def test_money_follows_after_the_waiting_time(careful: Company) -> None:
    members = [careful.member("1111222233"), careful.member("2222333344", account_type="savings")]
    batch = careful.batch(*members)
    outcome = careful.ach.submit(batch, members)
    assert isinstance(outcome, Postponed)
    assert outcome.code == "PRENOTE_WAITING"
    assert outcome.until == datetime(2026, 3, 9, 19, 45, tzinfo=UTC)  # the next window after that
    [path] = (careful.folder / "outgoing").iterdir()
    entries = [entry for _, entry in read(path.read_bytes()).file.entries()]
    assert [(entry.transaction_code, entry.amount) for entry in entries] == [
        ("23", Decimal(0)),
        ("33", Decimal(0)),
    ]
    careful.bank.work()
    careful.clock.now = OVER - timedelta(seconds=1)
    assert isinstance(careful.ach.submit(batch, members), Postponed)
    assert careful.credits() == {}
    careful.clock.now = OVER
    assert isinstance(careful.ach.submit(batch, members), Accepted)
    careful.bank.work()
    assert careful.credits() == {"1111222233": 1, "2222333344": 1}
    assert asked(careful) == {"1111222233": 1, "2222333344": 1}


def test_who_was_asked_about_is_paid_at_once(careful: Company) -> None:
    first = careful.member("1111222233")
    assert careful.ach.submit(careful.batch(first), [first])
    careful.bank.work()
    careful.clock.now = OVER
    again = first._replace(payment_id="2026-03-07T14:00:00.000002Z")
    assert isinstance(careful.ach.submit(careful.batch(again), [again]), Accepted)


def test_a_prenote_has_no_description_and_the_payment_has(careful: Company) -> None:
    member = careful.member("1111222233")._replace(description="For June")
    batch = careful.batch(member)
    careful.ach.submit(batch, [member])
    careful.bank.work()
    careful.clock.now = OVER
    careful.ach.submit(batch, [member])
    careful.bank.work()
    books = careful.bank.books
    assert [each.information for each in books.prenotes()] == [""]
    assert [each.information for each in books.credits()] == ["For June"]


def test_a_returned_prenote_refuses_its_member_and_no_other(careful: Company) -> None:
    members = [careful.member("1111222233"), careful.member("R03222333344")]
    batch = careful.batch(*members)
    careful.ach.submit(batch, members)
    careful.bank.work()
    [delivery] = careful.ach.mailbox.collect()
    news = careful.ach.mailbox.parse_webhook(delivery.bodies[0])
    assert news.correction is not None
    assert news.correction.item_id == members[1].item_id
    assert news.correction.note == "R03 No account/unable to locate account"
    for _ in range(2):
        outcome = careful.ach.submit(batch, members)
        assert isinstance(outcome, Refused)
        assert set(outcome.member_errors) == {1}
        assert "R03" in outcome.member_errors[1]
    assert careful.credits() == {}


def test_two_batches_ask_once(careful: Company) -> None:
    member = careful.member("1111222233")
    twice = [member, member._replace(payment_id="2026-03-02T14:00:00.000002Z")]
    for batch_members in (twice, twice):
        assert isinstance(careful.ach.submit(careful.batch(*twice), batch_members), Postponed)
    careful.bank.work()
    assert asked(careful) == {"1111222233": 1}


def test_an_account_that_is_sealed_anew_was_asked_about(careful: Company) -> None:
    member = careful.member("1111222233")
    careful.ach.submit(careful.batch(member), [member])
    careful.bank.work()
    assert member.destination
    keys = f"{new_key()},{old_key(careful)}"
    payees = AchPayees(Vault(keys), careful.state)
    renewed = payees.renew(member.customer_id, member.destination)
    assert renewed
    other = careful.provider(prenotes="on", vault=Vault(keys))
    again = member._replace(destination=renewed, payment_id="2026-03-02T14:00:00.000009Z")
    assert isinstance(other.submit(careful.batch(again), [again]), Postponed)
    careful.bank.work()
    assert asked(careful) == {"1111222233": 1}
    careful.ach._prenotes._state.returned(member.destination, "R03")
    assert isinstance(other.submit(careful.batch(again), [again]), Refused)


def test_who_asks_while_an_account_is_sealed_anew_gets_the_older_claim(careful: Company) -> None:
    state = careful.ach._prenotes._state
    first = state.claim("k.old", "b1.0.pre", careful.clock())
    state.keep("k.old", "k.new")
    assert state.claim("k.new", "b2.0.pre", careful.clock()) == first
    state.free(first)
    assert state.find("k.new") is None
    again = state.claim("k.new", "b2.0.pre", careful.clock())
    assert again.file_id == "b2.0.pre"
    assert state.find("k.old") == again


def old_key(company: Company) -> str:
    [(name, key)] = company.vault._written.items()
    return f"{name}:{base64.b64encode(key).decode()}"


def test_one_who_cannot_be_paid_is_not_asked_about_and_spoils_nobody(careful: Company) -> None:
    good, bad = (
        careful.member("1111222233"),
        careful.member("2222333344")._replace(destination=None),
    )
    outcome = careful.ach.submit(careful.batch(good, bad), [good, bad])
    assert isinstance(outcome, Refused)
    assert set(outcome.member_errors) == {1}
    assert isinstance(careful.ach.submit(careful.batch(good), [good]), Postponed)
    careful.bank.work()
    assert asked(careful) == {"1111222233": 1}
    assert careful.credits() == {}


def test_accounts_that_another_batch_claimed_and_left_are_asked_about(careful: Company) -> None:
    """Send them also when this batch's own file exists: it takes no more accounts."""
    members = [careful.member("1111222233"), careful.member("2222333344")]
    batch = careful.batch(*members)
    claim(careful, members[1], "z.0.pre")
    for _ in range(4):
        assert isinstance(careful.ach.submit(batch, members), Postponed)
        careful.clock.pass_by(seconds=ATTEMPT + 1)
    careful.bank.work()
    assert asked(careful) == {"1111222233": 1, "2222333344": 1}
    assert careful.ach._file_state.decision("z.0.pre") == Refused("PRENOTE_ABANDONED")
    assert careful.credits() == {}


def test_a_claim_on_a_file_without_the_account_counts_for_nothing(careful: Company) -> None:
    first, second = careful.member("1111222233"), careful.member("2222333344")
    batch = careful.batch(first)
    careful.ach.submit(batch, [first])
    claim(careful, second, f"{batch.batch_id}.0.pre")
    careful.clock.now = OVER
    other = careful.batch(second)
    for _ in range(2):
        assert isinstance(careful.ach.submit(other, [second]), Postponed)
    careful.bank.work()
    assert asked(careful) == {"1111222233": 1, "2222333344": 1}


def test_what_was_asked_is_known_when_its_file_is_forgotten(careful: Company) -> None:
    """Trace numbers are reused, and with them the record of who was in a file."""
    member = careful.member("1111222233")
    batch = careful.batch(member)
    careful.ach.submit(batch, [member])
    careful.bank.work()
    careful.clock.now = OVER
    assert isinstance(careful.ach.submit(batch, [member]), Accepted)
    for name in [name for name in careful.state._notes if name.startswith("ach/traces/")]:
        del careful.state._notes[name]
    again = member._replace(payment_id="2026-07-07T14:00:00.000002Z")
    assert key(careful, member.destination) == ""
    assert isinstance(careful.ach.submit(careful.batch(again), [again]), Accepted)


def test_who_waits_for_the_same_file_goes_together(careful: Company) -> None:
    member = careful.member("1111222233")
    assert member.destination
    assert key(careful, member.destination) == "new"
    batch = careful.batch(member)
    careful.ach.submit(batch, [member])
    assert key(careful, member.destination) == f"{batch.batch_id}.0.pre"
    careful.clock.now = OVER - timedelta(seconds=1)
    assert key(careful, member.destination) == f"{batch.batch_id}.0.pre"
    careful.clock.now = OVER
    assert key(careful, member.destination) == ""


@pytest.mark.parametrize("same", [True, False], ids=["same batch", "another batch"])
def test_a_slow_process_asks_no_second_time_and_pays_nobody_early(
    tmp_path: Path, same: bool
) -> None:
    """It is suspended at each of its steps while another process takes its claims over."""
    for at in range(34):
        company = Company(tmp_path / str(at))
        members = [company.member("1111222233"), company.member("2222333344")]
        batch = company.batch(*members)
        slow = Slow(company, batch, members, at, prenotes="on")
        other = batch if same else company.batch(*members)
        for _ in range(3):
            company.clock.pass_by(seconds=ATTEMPT + 1)
            Process(company, prenotes="on").submit(other, members)
        company.bank.work()
        slow.goes_on()
        assert company.credits() == {}, at
        for _ in range(4):
            company.clock.pass_by(seconds=ATTEMPT + 1)
            for each in (batch, other):
                Process(company, prenotes="on").submit(each, members)
            company.bank.work()
        assert asked(company) == {"1111222233": 1, "2222333344": 1}, at
        assert company.credits() == {}, at
        company.bank.close()


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_crash_at_each_step_asks_once_and_pays_once(tmp_path: Path, after: bool) -> None:
    for at in range(34):
        company = Company(tmp_path / str(at))
        members = [company.member("1111222233")]
        batch = company.batch(*members)

        def process(step: Any = None, company: Company = company) -> Any:
            return Process(company, step, prenotes="on").ach

        with suppress(Stopped):
            process(failing(at, Stopped, after=after)).submit(batch, members)
        other = replace(batch, batch_id="another")
        for _ in range(40):
            company.bank.work()
            for each in (batch, other):
                with suppress(ProviderError):
                    process().submit(each, members)
            if not asked(company):
                assert company.credits() == {}
            company.clock.pass_by(hours=6)
        company.bank.work()
        assert asked(company) == {"1111222233": 1}, at
        assert company.credits() == {"1111222233": 2}, at  # one a batch
        company.bank.close()


def test_new_accounts_keep_no_others_waiting(careful: Company) -> None:
    """Send payments to known accounts in their window, through the dispatcher."""
    services = a_process(careful.state, careful.clock, careful.ach)
    service = Service(careful, services)
    known = service.pays("1111222233")
    service.runs(hours=6)
    assert service.now(known).status is Status.SUBMITTING
    for _ in range(8):
        service.runs(days=1)
    first = service.now(known)
    assert first.status in {Status.SUBMITTED, Status.SUCCEEDED}
    again = services.payments.request(service.order_again(first)).payment
    new = service.pays("2222333344")
    service.runs(days=3)
    assert service.now(again).status is Status.SUBMITTED
    waiting = service.now(new)
    assert waiting.status is Status.SUBMITTING
    batch = careful.state.get_batch(waiting.batch_id)
    assert (batch.state, batch.last_error) == (BatchState.FROZEN, "PRENOTE_WAITING")
    assert services.worker.alerts() == {}
