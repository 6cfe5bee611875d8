"""A return that is a little off is a return all the same; its reason is kept as it came."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_events import ProviderEventState
from paymentapp.nacha import BatchHeader, Entry, File, FileHeader, NachaBatch, ReturnAddenda, write
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ach_backend import ROUTING
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import Service, returned, sent_back
from tests.unit.ach.test_mailbox import service as service  # a fixture

OWN_TRACE = "021000029999999"


def paid(service: Service, account: str = "1111222233") -> Payment:
    """Pay an account, and wait until the bank has taken the file."""
    payment = service.pays(account)
    service.runs(hours=6)
    return service.now(payment)


def answer(service: Service, data: bytes) -> None:
    service.company.bank.send("r.ach", data)
    service.runs(minutes=5)
    service.runs(minutes=5)


def one_return(company: Company, addenda: ReturnAddenda, code: str = "21", **fields: Any) -> bytes:
    """Return a file with one entry, which may differ from what it should be."""
    header = BatchHeader("EXAMPLE CO", "1234567890", "PPD", "PAYMENT", None, "02100002", 1)
    entry = Entry(
        "21", ROUTING, "1111222233", Decimal("12.34"), addenda.trace, "ANN", addenda=(addenda,)
    )
    top = FileHeader("1234567890", "091000019", company.clock().date())
    data = write(File(top, (NachaBatch(header, (replace(entry, **fields),)),)))
    return data.replace(b"\n621", b"\n6" + code.encode())


def bare(data: bytes) -> bytes:
    """Leave out the file header, the file control and the filler, as some banks do."""
    return b"".join(line for line in data.splitlines(keepends=True) if line[:1] not in b"19")


def test_a_reason_that_nobody_has_published(service: Service) -> None:
    payment = paid(service)
    answer(service, sent_back(service.company, returned("R97")))
    back = service.now(payment)
    assert (back.status, back.provider_status) == (Status.RETURNED, "R97")
    [event] = service.events()
    assert event.note == "the reason code R97 is not a published one"


def test_an_entry_that_kept_its_forward_code(service: Service) -> None:
    payment = paid(service)
    answer(service, one_return(service.company, returned("R03"), "22"))
    assert service.now(payment).status is Status.RETURNED
    [event] = service.events()
    assert event.note == "the transaction code 22 is not that of a return"


@pytest.mark.parametrize("without", ["19", "189"], ids=["file", "file and batch"])
def test_a_file_without_its_envelope(service: Service, without: str) -> None:
    payment = paid(service)
    data = sent_back(service.company, returned("R03"))
    kept = [line for line in data.splitlines(keepends=True) if line[:1].decode() not in without]
    answer(service, b"".join(kept))
    assert service.now(payment).status is Status.RETURNED
    assert list((service.company.folder / "incoming").glob("*.ach")) == []


def test_totals_that_are_wrong(service: Service) -> None:
    payment = paid(service)
    data = sent_back(service.company, returned("R03"))
    control = data.rindex(b"9000001")
    answer(service, data[:control] + data[control:].replace(b"1234", b"9999", 1))
    assert service.now(payment).status is Status.RETURNED


def test_a_bank_that_puts_in_its_own_trace_number(service: Service) -> None:
    payment = paid(service)
    individual_id = payment.key.item_id.partition(".")[0]
    addenda = replace(returned("R03"), original_trace=OWN_TRACE)
    answer(service, one_return(service.company, addenda, individual_id=individual_id.upper()))
    assert service.now(payment).status is Status.RETURNED
    [event] = service.events()
    assert "the bank put in its own trace number" in (event.note or "")


@pytest.mark.parametrize("wrong", ["account", "individual_id", "amount"])
def test_what_only_looks_like_ours_is_set_aside(service: Service, wrong: str) -> None:
    payment = paid(service)
    fields: dict[str, Any] = {"individual_id": payment.key.item_id.partition(".")[0]}
    fields[wrong] = {"account": "9999", "individual_id": "h000000000", "amount": Decimal(5)}[wrong]
    addenda = replace(returned("R03"), original_trace=OWN_TRACE)
    answer(service, one_return(service.company, addenda, **fields))
    assert service.now(payment).status is Status.SUBMITTED
    assert [event.state for event in service.events()] == [ProviderEventState.SET_ASIDE]


def test_two_returns_that_the_bank_gives_the_same_trace_numbers_are_two_events(
    service: Service,
) -> None:
    first = service.pays("1111222233")
    service.company.clock.pass_by(seconds=1)
    second = service.pays("2222333344")
    service.runs(hours=6)
    addenda = replace(returned("R03"), original_trace=OWN_TRACE)
    for number, payment in enumerate((first, second)):
        individual_id = payment.key.item_id.partition(".")[0]
        account = ("1111222233", "2222333344")[number]
        data = one_return(service.company, addenda, individual_id=individual_id, account=account)
        service.company.bank.send(f"r{number}.ach", data)
    service.runs(minutes=5)
    service.runs(minutes=5)
    assert len(service.events()) == 2
    assert {service.now(each).status for each in (first, second)} == {Status.RETURNED}


def test_a_return_is_of_the_payments_last_file_where_no_file_is_known_to_be_sent(
    company: Company,
) -> None:
    """The payment was put into it once the file before certainly was not sent."""
    member = company.member("1111222233")
    (company.folder / "outgoing").rename(company.folder / "moved")
    batches = [company.batch(member), company.batch(member)]
    for batch in batches:
        with pytest.raises(Misconfigured):
            company.ach.submit(batch, [member])
    addenda = replace(returned("R03"), original_trace=OWN_TRACE)
    individual_id = member.item_id.partition(".")[0]
    company.bank.send("r.ach", one_return(company, addenda, individual_id=individual_id))
    [delivery] = company.ach.mailbox.collect()
    news = company.ach.mailbox.parse_webhook(delivery.bodies[0])
    assert (news.item and news.item.item_id, news.batch_id) == (
        member.item_id,
        max(batch.batch_id for batch in batches),
    )


def test_an_account_whose_key_is_lost_holds_up_no_other_file(company: Company) -> None:
    company.paid(company.member("1111222233"), company.member("2222333344"))
    addenda = replace(returned("R03"), original_trace=OWN_TRACE)
    member = company.member("1111222233")
    individual_id = member.item_id.partition(".")[0]
    company.bank.send("a.ach", one_return(company, addenda, individual_id=individual_id))
    company.bank.send("b.ach", sent_back(company, returned("R02", "091000010000002", 2)))
    mailbox = company.provider(vault=Vault(new_key())).mailbox
    said = [mailbox.parse_webhook(body) for each in mailbox.collect() for body in each.bodies]
    assert [news.unmatched is not None for news in said] == [True, False]


def test_a_return_of_a_debit_is_not_taken_for_ours(company: Company) -> None:
    batch = company.paid(company.member("1111222233"))
    company.bank.send("r.ach", one_return(company, returned("R01"), "26"))
    [delivery] = company.ach.mailbox.collect()
    news = company.ach.mailbox.parse_webhook(delivery.bodies[0])
    assert news.item is None
    assert news.unmatched is not None
    assert news.unmatched.reason == "it returns a debit, and a credit was sent"
    assert company.ach.fetch(batch)[0].status is Status.SUBMITTED


def test_a_cut_off_file_gives_what_is_in_it_and_stays(service: Service) -> None:
    first, second = service.pays("1111222233"), service.pays("2222333344")
    service.runs(hours=6)
    both = sent_back(service.company, returned("R03"), returned("R03", "091000010000002", 2))
    lines = both.splitlines(keepends=True)
    answer(service, b"".join(lines[:4]))
    assert service.now(first).status is Status.RETURNED
    assert service.now(second).status is Status.SUBMITTED
    [unread] = service.company.ach.mailbox.unread()
    assert "records are missing" in unread.reason
    service.company.bank.send("r.ach", both)
    service.runs(minutes=5)
    assert service.now(second).status is Status.RETURNED
    assert service.company.ach.mailbox.unread() == []


@pytest.mark.parametrize(("code", "usable"), [("R02", False), ("R01", True)])
def test_a_closed_account_is_not_paid_again(service: Service, code: str, usable: bool) -> None:
    payment = paid(service)
    answer(service, sent_back(service.company, returned(code)))
    shown = service.services.methods.get(payment.customer_id, "ach")
    assert shown.usable is usable
    if usable:
        service.services.payments.request(service.order_again(payment))
        return
    assert shown.reason == "R02 The account was closed."
    with pytest.raises(NotPayable, match="must not be used: R02 The account was closed"):
        service.services.payments.request(service.order_again(payment))
    details = {"holder": "Ann", "routing_number": ROUTING, "account_number": "1111222233"}
    again = details | {"account_type": "checking"}
    service.services.methods.put(payment.customer_id, "ach", again, None)
    assert service.services.methods.get(payment.customer_id, "ach").usable
    service.services.payments.request(service.order_again(payment))


def test_a_payment_that_waits_is_not_sent_to_a_closed_account(service: Service) -> None:
    payment = paid(service)
    waiting = service.services.payments.request(service.order_again(payment)).payment
    answer(service, sent_back(service.company, returned("R02")))
    service.runs(days=1)
    stopped = service.now(waiting)
    assert (stopped.status, stopped.reason) == (Status.FAILED, "not sent, R02 Account closed")
    assert service.company.credits() == {"1111222233": 1}


def test_a_scheduled_payment_is_checked_again_when_it_leaves(service: Service) -> None:
    payment = paid(service)
    at = service.company.clock() + timedelta(days=10)
    order = service.order_again(payment)._replace(scheduled_at=at)
    waiting = service.services.payments.request(order).payment
    answer(service, sent_back(service.company, returned("R02")))
    service.runs(days=9)
    assert service.now(waiting).status is Status.PENDING
    service.runs(days=5)
    stopped = service.now(waiting)
    assert (stopped.status, stopped.reason) == (Status.FAILED, "not sent, R02 Account closed")
    assert service.company.credits() == {"1111222233": 1}


def test_a_payment_that_waits_takes_the_corrected_account(service: Service) -> None:
    payment = service.pays("C01112223333")
    service.company.clock.pass_by(hours=6)
    service.services.sweeper.run()  # it leaves; the bank has not said anything yet
    waiting = service.services.payments.request(service.order_again(payment)).payment
    service.runs(hours=1)
    assert service.now(waiting).status is Status.PENDING
    service.runs(days=1)
    assert service.company.credits() == {"C01112223333": 1, "901112223333": 1}


def test_the_finding_is_part_of_the_body(company: Company) -> None:
    company.paid(company.member("1111222233"))
    company.bank.send("r.ach", sent_back(company, returned("R97")))
    [delivery] = company.ach.mailbox.collect()
    assert "not a published one" in json.loads(delivery.bodies[0])["finding"]


@pytest.mark.parametrize("account", ["FR03112223333", "TR03112223333", "R97111222333"])
def test_the_simulated_bank_sends_odd_returns(service: Service, account: str) -> None:
    payment = paid(service, account)
    service.runs(minutes=5)
    assert service.now(payment).status is Status.RETURNED
    [event] = service.events()
    assert event.note
