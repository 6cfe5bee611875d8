"""Returns, changes and acknowledgments from the bank, through the service's own inbox."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.bootstrap import Services
from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.models.batches import BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.nacha import (
    BatchHeader,
    ContestedAddenda,
    DishonoredAddenda,
    Entry,
    File,
    FileHeader,
    NachaBatch,
    ReturnAddenda,
    write,
)
from paymentapp.providers.ach.file_state import FileState, UploadStep
from paymentapp.providers.bank_mail.folders import FolderError
from paymentapp.providers.updates import Delivery
from paymentapp.services.backoffice.parked_batches import OperatorNote
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.ach_backend import ATTEMPT, ROUTING, HookedFolder, bank_account
from tests.support.processes import a_process
from tests.support.published import missing, published
from tests.unit.ach.conftest import LATE, Company
from tests.unit.ach.test_upload import Process, Stopped

SAMPLES = published("ach")


@dataclass
class Service:
    """The whole service with a provider and its bank."""

    company: Company
    services: Services

    def pays(self, account: str, amount: str = "12.34", **details: str) -> Payment:
        """Register a customer with an account, and request a payment."""
        customer = f"c-{len(self.company.state._customers)}"
        email = f"{customer}@example.com"
        self.services.customers.register(customer, email, {})
        self.services.methods.put(customer, "ach", bank_account(account, **details), None)
        order = PaymentOrder(customer, email, Money(Decimal(amount), "USD"), "ach")
        return self.services.payments.request(order).payment

    def order_again(self, payment: Payment) -> PaymentOrder:
        """Return an order for another payment to the same customer."""
        money = Money(Decimal(5), "USD")
        return PaymentOrder(payment.customer_id, payment.email, money, "ach")

    def runs(self, **passes: float) -> None:
        """Let time pass, then do everything that is due on both sides."""
        self.company.clock.pass_by(**passes)
        for _ in range(4):
            self.services.sweeper.run()
            self.company.bank.work()
            for name in self.services.mailbox_collector.due():
                self.services.mailbox_collector.collect(name)
            self.company.clock.pass_by(minutes=2)

    def now(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)

    def events(self) -> list[Any]:
        return list(self.company.state._events.values())


@pytest.fixture
def service(company: Company) -> Service:
    return Service(company, a_process(company.state, company.clock, company.ach))


def test_a_payment_leaves_with_its_window_and_succeeds(service: Service) -> None:
    payment = service.pays("1111222233")
    service.runs()
    assert service.now(payment).status is Status.PENDING
    service.runs(hours=6)
    assert service.now(payment).status is Status.SUBMITTED
    assert service.company.credits() == {"1111222233": 1}
    for _ in range(8):
        service.runs(days=1)
    done = service.now(payment)
    assert (done.status, done.transaction_id) == (Status.SUCCEEDED, "091000010000001")


def test_a_return_is_told_in_words(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    payment = service.pays("R03111222233", account_type="savings")
    service.runs(hours=6)
    back = service.now(payment)
    assert back.status is Status.RETURNED
    assert back.reason == "R03 No account/unable to locate account"
    assert back.provider_status == "R03"
    told = caplog.text + repr(service.events()) + "".join(e.body for e in service.events())
    assert "R03111222233" not in told
    assert list((service.company.folder / "incoming").glob("*.ach")) == []
    assert len(list((service.company.folder / "incoming" / "done").iterdir())) == 1


def test_money_that_comes_back_after_it_had_arrived(service: Service) -> None:
    payment = service.pays("LR02111222233")
    service.runs(hours=6)
    for _ in range(8):
        service.runs(days=1)
    assert service.now(payment).status is Status.SUCCEEDED
    service.runs(seconds=LATE)
    service.runs(minutes=1)
    back = service.now(payment)
    assert (back.status, back.reason) == (Status.RETURNED, "R02 Account closed")


def test_the_same_news_under_another_name_change_nothing(service: Service) -> None:
    payment = service.pays("R03111222233")
    service.runs(hours=6)
    history = service.now(payment).history
    [done] = (service.company.folder / "incoming" / "done").iterdir()
    for name in ("again.ach", "and-again.txt"):
        service.company.bank.send(name, done.read_bytes())
        service.runs(minutes=5)
    assert service.now(payment).history == history
    assert len(service.events()) == 1
    assert len(list((service.company.folder / "incoming" / "done").iterdir())) == 3


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("C01112223333", {"account_number": "3333"}),
        ("C02112223333", {"routing_number": "011000015"}),
        ("C03112223333", {"routing_number": "011000015", "account_number": "3333"}),
        ("C04112223333", {"holder": "CORRECTED NAME"}),
        ("C05112223333", {"account_type": "savings"}),
        ("C06112223333", {"account_type": "savings"}),
        ("C07112223333", {"routing_number": "011000015", "account_type": "savings"}),
    ],
)
def test_a_change_is_made_to_the_customers_details(
    service: Service, account: str, shown: dict[str, str]
) -> None:
    payment = service.pays(account)
    service.runs(hours=6)
    service.runs(hours=1)
    method = service.services.methods.get(payment.customer_id, "ach")
    before = {"holder": "Ann Example", "routing_number": ROUTING, "account_type": "checking"}
    assert dict(method.details) == before | {
        "account_number": "3333",
        "entry_class": "PPD",
        **shown,
    }
    assert method.note
    assert method.note.startswith(account[:3])
    assert service.now(payment).status is Status.SUBMITTED  # it was paid
    for event in service.events():
        assert account not in event.body


def test_the_next_payment_goes_to_the_corrected_account(service: Service) -> None:
    payment = service.pays("C01112223333")
    service.runs(hours=6)
    service.runs(hours=1)
    service.services.payments.request(service.order_again(payment))
    service.runs(days=1)
    assert service.company.credits() == {"C01112223333": 1, "901112223333": 1}


def test_a_correction_that_makes_no_sense_is_only_noted(service: Service) -> None:
    payment = service.pays("C09112223333")  # corrects our own reference, which is no account
    service.runs(hours=6)
    method = service.services.methods.get(payment.customer_id, "ach")
    assert method.details["account_number"] == "3333"
    assert method.note
    assert method.note.startswith("C09")


def test_a_corporate_credit_is_acknowledged(service: Service) -> None:
    payment = service.pays("1111222233", entry_class="CCD")
    service.runs(hours=6)
    service.runs(hours=1)
    known = service.now(payment)
    assert known.status is Status.SUBMITTED
    batch = service.company.state.get_batch(known.batch_id)
    assert service.company.ach.fetch(batch)[0].raw_status == "ACKNOWLEDGED"
    [event] = service.events()
    assert (event.kind, event.state) == ("acknowledgment ACK", "applied")


def test_a_parked_batch_goes_on_by_a_persons_word(service: Service) -> None:
    """The process ended right after the rename, and the bank has taken the file."""
    company = service.company
    payment = service.pays("1111222233")
    company.clock.pass_by(hours=6)

    def step(name: str, act: Any) -> Any:
        done = act()
        if name == "rename":
            raise Stopped
        return done

    stopped = a_process(company.state, company.clock, Process(company, step).ach)
    with pytest.raises(Stopped):
        stopped.sweeper.run()
    company.bank.work()
    service.runs(seconds=60)
    service.runs(seconds=ATTEMPT)
    [batch] = company.state.parked_batches()
    assert batch.last_error.startswith("UPLOAD_UNCERTAIN")
    [name] = company.bank.books.files()
    assert name in batch.last_error
    parked = build_backoffice(service.services, print).parked
    parked.accept(batch.batch_id, name, OperatorNote("ann", "the bank has it"), confirmed=True)
    for _ in range(9):
        service.runs(days=1)
    assert service.now(payment).status is Status.SUCCEEDED
    assert company.credits() == {"1111222233": 1}
    assert company.state.get_batch(batch.batch_id).state is BatchState.CLOSED
    # By this a return without our trace number is matched to this file, not to one never sent.
    progress = FileState(company.state).progress(batch.batch_id, company.clock())
    assert progress.step is UploadStep.UPLOADED


# --- files


def sent_back(
    company: Company, *addenda: Any, amount: str = "12.34", sec_code: str = "PPD"
) -> bytes:
    """Return a file of the bank with one entry for each addenda 98 (COR) or 99."""
    header = BatchHeader("EXAMPLE CO", "1234567890", sec_code, "PAYMENT", None, "02100002", 1)
    entries = [
        Entry("21", ROUTING, "any", Decimal(amount), each.trace, "ANN", addenda=(each,))
        for each in addenda
    ]
    top = FileHeader("1234567890", "091000019", company.clock().date())
    return write(File(top, (NachaBatch(header, tuple(entries)),)))


def returned(code: str, original: str = "091000010000001", number: int = 1) -> ReturnAddenda:
    return ReturnAddenda(code, original, ROUTING[:8], f"02100002{number:07d}")


def deliveries(company: Company) -> list[Delivery]:
    return list(company.ach.mailbox.collect())


def bodies(company: Company) -> list[dict[str, Any]]:
    return [json.loads(body) for each in deliveries(company) for body in each.bodies]


def test_a_return_of_another_amount_is_not_taken_for_ours(company: Company) -> None:
    batch = company.paid(company.member("1111222233"))
    data = sent_back(company, returned("R03"), amount="12.35")
    company.bank.send("r.ach", data)
    [body] = deliveries(company)[0].bodies
    news = company.ach.mailbox.parse_webhook(body)
    assert news.item is not None
    assert news.item.money == Money(Decimal("12.35"), "USD")  # the inbox sets it aside
    assert company.ach.fetch(batch)[0].status is Status.SUBMITTED


@pytest.mark.parametrize(
    "addenda",
    [
        DishonoredAddenda(
            "R61", "091000010000001", ROUTING[:8], "021000020000001", "021000020000009", 61, "03"
        ),
        ContestedAddenda(
            "R73", "091000010000001", ROUTING[:8], "021000020000001", None, 61,
            "021000020000009", 61, "03", "021000020000008", 61, "61",
        ),
    ],
    ids=["dishonored", "contested"],
)  # fmt: skip
def test_what_disputes_changes_nothing_and_is_listed(company: Company, addenda: Any) -> None:
    batch = company.paid(company.member("1111222233"))
    company.bank.send("r.ach", sent_back(company, addenda))
    [body] = deliveries(company)[0].bodies
    news = company.ach.mailbox.parse_webhook(body)
    assert (news.item, news.batch_id, news.correction) == (None, None, None)
    assert news.kind == f"return {addenda.code}"
    assert company.ach.fetch(batch)[0].status is Status.SUBMITTED
    assert news.unmatched is not None
    assert "moves no payment by itself" in news.unmatched.reason
    assert news.unmatched.details["reason"].startswith(addenda.code)
    assert news.unmatched.details["entry of"] == company.ach.fetch(batch)[0].item_id


def test_an_entry_that_is_not_ours_is_listed(company: Company) -> None:
    company.paid(company.member("1111222233"))
    others = [returned("R03", "091000010000002", 1), returned("R03", "071000010000001", 2)]
    company.bank.send("r.ach", sent_back(company, *others))
    for body in bodies(company):
        news = company.ach.mailbox.parse_webhook(json.dumps(body).encode())
        assert (news.item, news.correction) == (None, None)
        assert news.unmatched is not None
        assert "names no entry of ours" in news.unmatched.reason
        assert news.unmatched.details["trace number"] == body["trace"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=missing(SAMPLES))
def test_the_samples_are_read(company: Company) -> None:
    """Read moov-io/ach's (Apache-2.0): a return of a debit or a credit, a change of account."""
    for name in ("return-WEB.ach", "cor-example.ach"):
        company.bank.send(name, (SAMPLES / name).read_bytes())
    found = bodies(company)
    assert sorted((body["kind"], body["code"]) for body in found) == [
        ("change", "C01"),
        ("return", "R01"),
        ("return", "R03"),
    ]
    ids = {body["id"] for body in found}
    assert {body["id"] for body in bodies(company)} == ids
    assert len(ids) == 3


def test_a_broken_file_stays_and_holds_up_no_other(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    company.paid(company.member("1111222233"))
    whole = sent_back(company, returned("R03"))
    lines = whole.splitlines(keepends=True)
    company.bank.send("a-cut-off.ach", b"".join(lines[:3]))
    company.bank.send("b-changed.ach", whole.replace(b"0000001234", b"0000001235", 1))
    company.bank.send("c-text.txt", b"Dear customer,\n")
    company.bank.send("d-empty.ach", b"")
    company.bank.send("e-whole.ach", whole)
    (company.folder / "incoming" / "f-growing.ach.filepart").write_bytes(whole)
    for _ in range(3):
        put_away = [each.name for each in deliveries(company) if each.complete]
        assert [name.partition(" ")[2] for name in put_away] == ["b-changed.ach", "e-whole.ach"]
    errors = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    for name in ("a-cut-off.ach", "c-text.txt", "d-empty.ach"):
        assert sum(name in message for message in errors) == 1, name
    assert "`paymentapp inbox show file-" in errors[0]
    assert "Dear" not in caplog.text
    assert [each.name for each in company.ach.mailbox.unread()] == [
        "a-cut-off.ach",
        "c-text.txt",
        "d-empty.ach",
    ]


def test_a_file_that_grows_is_left_alone(company: Company) -> None:
    company.paid(company.member("1111222233"))
    data = sent_back(company, returned("R03"))
    company.bank.send("r.ach", data[:-95])

    def step(what: str, act: Any) -> Any:
        done = act()
        if what == "read":
            company.bank.send("r.ach", data)
        return done

    slow = company.provider(incoming=HookedFolder(company.folder, step, "incoming"))
    assert list(slow.mailbox.collect()) == []
    assert len(deliveries(company)) == 1


def test_another_file_in_the_place_of_the_one_that_was_read_is_not_lost(company: Company) -> None:
    company.paid(company.member("1111222233"), company.member("2222333344"))
    company.bank.send("daily.ach", sent_back(company, returned("R03")))
    [first] = deliveries(company)
    other = sent_back(company, returned("R02", "091000010000002", 2))
    company.bank.send("daily.ach", other)
    company.ach.mailbox.put_away(first)
    [second] = deliveries(company)
    assert json.loads(second.bodies[0])["code"] == "R02"
    company.ach.mailbox.put_away(second)
    assert deliveries(company) == []


@pytest.mark.parametrize("error", [FolderError("TimeoutError"), Stopped()])
def test_another_file_in_its_place_is_not_lost_where_the_check_of_it_fails(
    company: Company, error: BaseException
) -> None:
    company.paid(company.member("1111222233"), company.member("2222333344"))
    company.bank.send("daily.ach", sent_back(company, returned("R03")))
    [first] = deliveries(company)
    company.bank.send("daily.ach", sent_back(company, returned("R02", "091000010000002", 2)))

    def step(what: str, act: Any) -> Any:
        if what == "read":
            raise error
        return act()

    failing = company.provider(incoming=HookedFolder(company.folder, step, "incoming"))
    with suppress(Stopped):
        failing.mailbox.put_away(first)
    [second] = deliveries(company)
    assert json.loads(second.bodies[0])["code"] == "R02"


def test_a_folder_that_moves_nothing_is_read_once(company: Company) -> None:
    company.paid(company.member("1111222233"))
    company.bank.send("r.ach", sent_back(company, returned("R03")))

    def step(what: str, act: Any) -> Any:
        if what == "put_into":
            raise FolderError("PermissionError", denied=True)
        return act()

    ach = company.provider(incoming=HookedFolder(company.folder, step, "incoming"))
    [delivery] = list(ach.mailbox.collect())
    ach.mailbox.put_away(delivery)
    ach.mailbox.put_away(delivery)
    assert list(ach.mailbox.collect()) == []
    assert deliveries(company) == []  # nor by any other process


def test_a_folder_out_of_reach_is_not_sent(company: Company) -> None:
    def step(what: str, act: Any) -> Any:
        if what == "sizes":
            raise FolderError("ConnectionResetError")
        return act()

    ach = company.provider(incoming=HookedFolder(company.folder, step, "incoming"))
    with pytest.raises(NotSent):
        list(ach.mailbox.collect())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff", b'{"id":"","code":""}'])
def test_a_body_that_makes_no_sense_is_refused(company: Company, body: bytes) -> None:
    with pytest.raises(NotGenuine):
        company.ach.mailbox.parse_webhook(body)
