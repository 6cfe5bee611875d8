"""Reconciliation over a provider whose ledger a test can change: every kind of difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Misconfigured, NotPermitted, NotSent, OutcomeUnknown, ProviderError
from paymentapp.masking import masked
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import Refused, Transaction
from paymentapp.providers.updates import ItemReport
from paymentapp.services.backoffice.discrepancies import ADVICE, Discrepancy, DiscrepancyKind
from paymentapp.services.backoffice.period import Period
from paymentapp.services.dispatch.batching import advance, freed
from paymentapp.storage.base import PageQuery
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_books import START, LedgerBooks, Ledgered
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process


@pytest.fixture
def service() -> Ledgered:
    return Ledgered(MemoryStore())


class Run:
    """One run, with its differences and how long it waited."""

    def __init__(self, service: Ledgered, *, repair: bool = False, search: bool = True) -> None:
        self.waited: list[float] = []
        run = service.office(self.waited.append).reconciliation
        span = Period(START - timedelta(days=35), service.now + timedelta(days=1))
        sent = len(service.provider.calls)
        self.found = list(run.run(span, repair=repair, search=search))
        self.tally = run.tally
        assert len(service.provider.calls) == sent  # it never sends anything

    @property
    def kinds(self) -> list[DiscrepancyKind]:
        return [found.kind for found in self.found]


def only(service: Ledgered, **options: bool) -> Discrepancy:
    """Return the one difference of a run."""
    (found,) = Run(service, **options).found
    return found


def report(payment: Payment, **changes: object) -> ItemReport:
    """Return the provider's true report of a settled payment, with some changes."""
    told = ItemReport(
        payment.key.item_id,
        Status.SUCCEEDED,
        "SUCCEEDED",
        provider_item_id=f"item-{payment.key.item_id}",
        transaction_id=f"tx-{payment.payment_id}",
        money=payment.money,
        receiver=payment.email,
    )
    return replace(told, **changes)  # type: ignore[arg-type]


def tell(service: Ledgered, payment: Payment, **changes: object) -> None:
    service.provider.told[payment.key.item_id] = report(payment, **changes)


def overwrite(service: Ledgered, payment: Payment, **changes: object) -> None:
    """Damage a record in a way that the service itself cannot."""
    assert isinstance(service.store, MemoryStore)
    service.store._payments[payment.key] = replace(
        service.read(payment), revision=new_revision(), **changes  # type: ignore[arg-type]
    )  # fmt: skip


def test_nothing_at_all_agrees(service: Ledgered) -> None:
    assert Run(service).found == []


def test_what_was_settled_agrees(service: Ledgered) -> None:
    service.provider.status["bad@example.com"] = Status.FAILED
    service.provider.status["away@example.com"] = Status.UNCLAIMED
    service.settled("ann", "bob", "away")
    service.settled("bad")
    service.provider.hidden = {
        f"tx-{p.payment_id}" for p in service.payments.list("bad", PageQuery(9)).payments
    }
    run = Run(service)
    assert run.found == []
    assert (run.tally.batches, run.tally.payments, run.tally.transactions) == (2, 4, 3)
    assert run.tally.not_done == []


def test_every_kind_has_its_advice() -> None:
    assert set(ADVICE) == set(DiscrepancyKind)


def test_addresses_are_masked() -> None:
    assert masked("ann@example.com") == "a***@example.com"
    assert masked('"a@b"@example.com') == '"***@example.com'
    assert masked("nobody") == masked(None) == "***"


# --- one payment


def test_a_payment_that_is_behind(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    tell(service, payment, status=Status.RETURNED, raw_status="REFUNDED")
    found = only(service)
    assert (found.kind, found.payment) == (DiscrepancyKind.BEHIND, payment.key)
    assert (found.ours, found.theirs) == ("succeeded", "returned (REFUNDED)")
    assert found.batch_id == payment.batch_id
    assert service.status(payment) is Status.SUCCEEDED


def test_a_repair_moves_a_payment_forward_by_the_providers_report(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    tell(service, payment, status=Status.RETURNED, raw_status="REFUNDED", reason="refunded")
    run = Run(service, repair=True)
    assert [(found.kind, found.repaired) for found in run.found] == [(DiscrepancyKind.BEHIND, True)]
    assert (run.tally.differences, run.tally.repaired, run.tally.left) == (1, 1, 0)
    repaired = service.read(payment)
    assert (repaired.status, repaired.provider_status) == (Status.RETURNED, "REFUNDED")
    assert (repaired.history[-1].cause, repaired.reason) == (Cause.POLL, "refunded")
    assert repaired.history[: len(payment.history)] == payment.history
    assert Run(service, repair=True).found == []


def test_a_batch_that_nobody_looked_at_yet_is_repaired_whole(service: Ledgered) -> None:
    payments = service.pay("ann", "bob")
    service.send(payments)
    assert Run(service).kinds == [DiscrepancyKind.BEHIND, DiscrepancyKind.BEHIND]
    assert Run(service, repair=True).tally.left == 0
    assert {service.status(payment) for payment in payments} == {Status.SUCCEEDED}


def test_a_contradiction_is_never_repaired(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    for status in (Status.FAILED, Status.SUBMITTED, Status.UNCLAIMED):
        tell(service, payment, status=status, raw_status="X")
        found = only(service, repair=True)
        assert (found.kind, found.repaired) == (DiscrepancyKind.STATUS, False)
    assert service.read(payment) == payment


def test_a_payment_that_was_taken_back_and_returned_agrees(service: Ledgered) -> None:
    service.provider.status["ann@example.com"] = Status.UNCLAIMED
    (payment,) = service.settled("ann")
    service.payments.cancel(payment.key)
    service.poller.cancel_unclaimed(service.read(payment))
    assert service.status(payment) is Status.CANCELLED
    assert Run(service).found == []


def test_a_status_that_nobody_knows_says_no_more_than_that_they_have_it(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    tell(service, payment, status=None, raw_status="SOMETHING_NEW")
    assert Run(service).found == []


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize(
    ("changes", "kind", "ours", "theirs"),
    [
        ({"money": Money(Decimal(13), "USD")}, DiscrepancyKind.AMOUNT, "12.5 USD", "13 USD"),
        (
            {"money": Money(Decimal("12.5"), "EUR")},
            DiscrepancyKind.CURRENCY,
            "12.5 USD",
            "12.5 EUR",
        ),
        (
            {"receiver": "eve@evil.example"},
            DiscrepancyKind.RECEIVER,
            "a***@example.com",
            "e***@evil.example",
        ),
        ({"transaction_id": "tx-2"}, DiscrepancyKind.TRANSACTION, None, "tx-2"),
    ],
)
def test_an_item_that_pays_something_else(
    service: Ledgered,
    changes: dict[str, object],
    kind: DiscrepancyKind,
    ours: str | None,
    theirs: str,
    repair: bool,
) -> None:
    (payment,) = service.settled("ann")
    tell(service, payment, **changes)
    found = only(service, repair=repair)
    assert (found.kind, found.payment, found.repaired) == (kind, payment.key, False)
    assert (found.ours, found.theirs) == (ours or payment.transaction_id, theirs)
    assert service.read(payment) == payment


def test_an_item_that_pays_something_else_settles_nothing(service: Ledgered) -> None:
    (payment,) = service.pay("ann")
    service.send([payment])
    tell(service, payment, money=Money(Decimal(99), "USD"))
    run = Run(service, repair=True)
    assert run.kinds == [DiscrepancyKind.AMOUNT, DiscrepancyKind.BEHIND]
    assert run.tally.repaired == 0
    assert service.status(payment) is Status.SUBMITTING


def test_receivers_are_compared_without_their_case(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    tell(service, payment, receiver="Ann@Example.com")
    assert Run(service).found == []


def test_what_moves_while_the_provider_is_asked_is_no_difference(service: Ledgered) -> None:
    payments = service.pay("ann")
    batch = service.send(payments)
    fetch = service.provider.fetch

    def fetch_beside_the_dispatcher(batch: Batch) -> list[ItemReport]:
        service.settlement.apply_report(payments[0], report(payments[0]), Cause.POLL)
        return fetch(batch)

    service.provider.fetch = fetch_beside_the_dispatcher
    assert Run(service).found == []
    assert service.batch_of(payments[0]).batch_id == batch.batch_id


# --- ours without theirs


def test_a_member_that_the_provider_does_not_list(service: Ledgered) -> None:
    ann, _ = service.settled("ann", "bob")
    service.provider.told[ann.key.item_id] = None
    service.provider.hidden.add(ann.transaction_id or "")
    assert Run(service).found == []  # it may take them a moment
    service.now += timedelta(hours=2)
    found = only(service)
    assert (found.kind, found.payment, found.ours) == (
        DiscrepancyKind.NOT_LISTED,
        ann.key,
        "12.5 USD",
    )


def test_a_batch_that_the_provider_no_longer_knows(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    service.provider.forgotten = True
    run = Run(service)
    assert run.kinds == [DiscrepancyKind.UNKNOWN_BATCH]
    assert run.found[0].ours == f"ref-{payment.batch_id}"
    assert run.tally.not_done == []


def test_a_payment_that_waits_too_long(service: Ledgered) -> None:
    (payment,) = service.pay("ann")
    service.now += timedelta(minutes=59)
    assert Run(service).found == []
    service.now += timedelta(minutes=2)
    found = only(service)
    assert (found.kind, found.payment) == (DiscrepancyKind.PENDING, payment.key)
    assert found.ours == "pending since 2026-03-01 12:00"


def test_a_pending_payment_that_nothing_will_find(service: Ledgered) -> None:
    (payment,) = service.pay("ann")
    overwrite(service, payment, due_at=None)
    assert only(service).kind is DiscrepancyKind.NOT_DUE


@pytest.mark.parametrize("acted", [False, True])
def test_a_batch_that_has_no_answer(service: Ledgered, acted: bool) -> None:
    fails: Callable[[object], None] = raising(OutcomeUnknown("HTTP_503"))
    service.provider.before, service.provider.after = (
        (lambda _: None, fails) if acted else (fails, lambda _: None)
    )
    (payment,) = service.pay("ann")
    batch = service.send([payment])
    assert Run(service).found == []
    service.now += timedelta(hours=2)
    found = only(service)
    assert (found.kind, found.batch_id) == (DiscrepancyKind.STUCK, batch.batch_id)
    assert found.ours == "frozen since 2026-03-01 12:00, OutcomeUnknown: HTTP_503"


def test_a_batch_that_nobody_follows_any_more(service: Ledgered) -> None:
    service.provider.status["ann@example.com"] = Status.SUBMITTED
    service.settled("ann")
    service.now += timedelta(hours=2)
    assert only(service).kind is DiscrepancyKind.STUCK


def test_a_parked_batch(service: Ledgered) -> None:
    service.provider.before = raising(OutcomeUnknown("HTTP_503"))
    batch, _ = service.park("ann")
    found = only(service)
    assert (found.kind, found.batch_id) == (DiscrepancyKind.PARKED, batch.batch_id)


def test_refused_and_aborted_batches_are_at_peace(service: Ledgered) -> None:
    service.provider.refuse = lambda _members: Refused("NO", {0: "bad"})
    (payment,) = service.pay("bad")
    assert service.send([payment]).state is BatchState.CLOSED
    prepared = service.dispatcher._prepare(service.pay("ann"))
    assert prepared is not None
    service.dispatcher.resume(prepared[0])
    assert Run(service).found == []


# --- theirs without ours


def test_an_item_that_is_no_member(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    strange = report(payment, item_id="zzz.eve", raw_status="SUCCESS")
    service.provider.told["zzz.eve"] = strange
    found = only(service)
    assert (found.kind, found.item_id) == (DiscrepancyKind.NOT_A_MEMBER, "zzz.eve")
    assert (found.batch_id, found.theirs) == (payment.batch_id, "12.5 USD SUCCESS")


def transaction(name: str | None, transaction_id: str = "TX9", **later: float) -> Transaction:
    at = START + timedelta(**later)
    return Transaction(transaction_id, at, Money(Decimal(7), "USD"), name, "S")


@pytest.mark.parametrize("name", ["zzz.eve", "not one of ours", None])
def test_money_that_left_for_no_payment_of_ours(service: Ledgered, name: str | None) -> None:
    service.settled("ann")
    service.provider.more.append(transaction(name))
    found = only(service)
    assert (found.kind, found.item_id, found.payment) == (DiscrepancyKind.NOT_OURS, name, None)
    assert found.theirs == "TX9 7 USD 2026-03-01 12:00"


def test_a_second_transaction_of_one_payment(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    service.provider.more.append(transaction(payment.key.item_id))
    found = only(service)
    assert (found.kind, found.payment) == (DiscrepancyKind.PAID_AGAIN, payment.key)
    assert found.ours == f"succeeded {payment.transaction_id}"


@pytest.mark.parametrize("status", [Status.PENDING, Status.CANCELLED])
def test_money_that_left_for_a_payment_that_was_not_paid(service: Ledgered, status: Status) -> None:
    (payment,) = service.pay("ann")
    if status is Status.CANCELLED:
        service.payments.cancel(payment.key)
    service.provider.more.append(transaction(payment.key.item_id))
    found = only(service)
    assert (found.kind, found.payment, found.ours) == (
        DiscrepancyKind.UNEXPECTED,
        payment.key,
        status,
    )


def test_money_on_its_way_is_expected(service: Ledgered) -> None:
    payments = service.pay("ann")
    service.provider.before = raising(OutcomeUnknown("HTTP_503"))
    service.send(payments)
    service.provider.more.append(transaction(payments[0].key.item_id))
    assert Run(service).found == []


def test_transactions_without_our_ids_are_known_by_their_own(service: Ledgered) -> None:
    service.settled("ann", "bob")
    service.provider.nameless = True
    service.provider.more.append(transaction(None))
    assert [found.theirs[:3] for found in Run(service).found] == ["TX9"]


def test_very_many_transactions_without_our_ids_are_each_told_once(service: Ledgered) -> None:
    service.provider.more = [
        replace(transaction(None), transaction_id=f"TX{number}") for number in range(10_500)
    ]
    run = Run(service)
    assert len({found.theirs for found in run.found}) == len(run.found) == 10_500
    assert set(run.kinds) == {DiscrepancyKind.NOT_OURS}


def test_a_lost_database_shows_everything_that_was_paid(service: Ledgered) -> None:
    service.settled("ann", "bob", "cy")
    lost = Ledgered(MemoryStore(), service.provider, service.now)
    run = Run(lost)
    assert run.kinds == [DiscrepancyKind.NOT_OURS] * 3
    assert run.tally.transactions == 3


def test_a_transaction_between_two_days_is_told_once(service: Ledgered) -> None:
    service.provider.more = [transaction(None, days=3 - 35)]
    run = Run(service)
    assert (
        sum(start <= START - timedelta(days=32) <= end for start, end in service.provider.searches)
        == 2
    )
    assert (run.kinds, run.tally.transactions) == ([DiscrepancyKind.NOT_OURS], 1)


def test_a_search_may_be_left_out(service: Ledgered) -> None:
    service.provider.more.append(transaction(None))
    run = Run(service, search=False)
    assert run.found == []
    assert run.tally.not_done == []
    assert service.provider.searches == []


# --- our own records


def test_a_member_without_a_payment(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    assert isinstance(service.store, MemoryStore)
    del service.store._payments[payment.key]
    run = Run(service)
    assert run.kinds == [DiscrepancyKind.NO_PAYMENT, DiscrepancyKind.NOT_OURS]
    assert run.found[0].payment == payment.key


def test_a_payment_in_two_batches(service: Ledgered) -> None:
    ann, bob = service.settled("ann")[0], service.settled("bob")[0]
    overwrite(service, ann, batch_id=bob.batch_id)
    run = Run(service)
    assert run.kinds == [DiscrepancyKind.ELSEWHERE, DiscrepancyKind.NOT_IN_BATCH]
    assert {found.payment for found in run.found} == {ann.key}


def test_a_payment_whose_batch_is_gone(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    assert isinstance(service.store, MemoryStore)
    del service.store._batches[payment.batch_id or ""]
    found = only(service)
    assert (found.kind, found.payment) == (DiscrepancyKind.NO_BATCH, payment.key)
    assert found.batch_id == payment.batch_id


def test_what_a_refusal_frees_meanwhile_is_no_difference(service: Ledgered) -> None:
    payments = service.pay("ann")
    service.provider.before = raising(OutcomeUnknown("HTTP_503"))
    batch = service.send(payments)
    read = service.store.get_payments

    def refused_meanwhile(keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        service.store.get_payments = read
        advance(service.store, batch, state=BatchState.REFUSED)
        held = service.read(payments[0])
        free = freed(held, service.clock())
        service.store.change_payments([PaymentChange(held, free)])
        return read(keys)

    service.store.get_payments = refused_meanwhile
    assert Run(service).found == []


# --- what cannot be compared


def raising(error: ProviderError) -> Callable[[object], None]:
    def fail(_: object) -> None:
        raise error

    return fail


def test_a_provider_that_does_not_answer_is_asked_again_and_then_named(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    service.provider.fetch = raising(NotSent("NO_ANSWER", retry_after=7))  # type: ignore[assignment]
    run = Run(service)
    assert run.found == []
    assert run.tally.not_done == [f"batch {payment.batch_id}: NO_ANSWER"]
    assert run.waited == [7, 7, 7]


def failing(service: Ledgered, error: ProviderError, *fine: int) -> list[str]:
    """Let each fetch raise, but for some by their number; returns the batches asked for."""
    asked: list[str] = []
    fetch = service.provider.fetch

    def tried(batch: Batch) -> list[ItemReport]:
        asked.append(batch.batch_id)
        if len(asked) in fine:
            return fetch(batch)
        raise error

    service.provider.fetch = tried
    return asked


def test_a_provider_that_fails_in_a_row_is_asked_no_more(service: Ledgered) -> None:
    for number in range(9):
        service.settled(f"c{number}")
    asked = failing(service, Misconfigured("NO_CREDENTIALS"))
    run = Run(service)
    assert len(asked) == 5
    assert (run.found, run.tally.batches, run.tally.compared) == ([], 9, 0)
    assert run.tally.not_done == [
        *(f"batch {batch_id}: NO_CREDENTIALS" for batch_id in asked),
        "4 batches of paypal: not asked about after 5 failures in a row, the last NO_CREDENTIALS",
        "search of paypal: not asked for after 5 failures in a row, the last NO_CREDENTIALS",
    ]
    assert service.provider.searches == []


def test_a_provider_that_answers_in_between_is_asked_on(service: Ledgered) -> None:
    for number in range(9):
        service.settled(f"c{number}")
    asked = failing(service, Misconfigured("NOT_NOW"), 5)
    run = Run(service)
    assert len(asked) == 9
    assert (run.tally.batches, run.tally.compared) == (9, 1)
    assert len(run.tally.not_done) == 8


def test_batches_that_no_provider_has_are_compared_by_their_records(service: Ledgered) -> None:
    service.provider.before = raising(NotSent("DOWN"))
    service.send(service.pay("ann"))
    run = Run(service)
    assert (run.tally.batches, run.tally.compared, run.tally.not_done) == (1, 1, [])


def test_a_batch_of_a_provider_that_is_gone(service: Ledgered) -> None:
    service.settled("ann")
    without = a_process(service.store, service.clock)
    run = build_backoffice(without, print).reconciliation
    assert list(run.run(Period(START, service.now))) == []
    assert "no provider paypal" in run.tally.not_done[0]
    assert (run.tally.batches, run.tally.compared) == (1, 0)


@pytest.mark.parametrize("error", [NotPermitted("NOT_AUTHORIZED"), Misconfigured("NO_CREDENTIALS")])
def test_a_search_that_is_not_allowed_is_named_and_the_rest_is_done(
    service: Ledgered, error: ProviderError
) -> None:
    (payment,) = service.settled("ann")
    tell(service, payment, status=Status.RETURNED, raw_status="RETURNED")
    service.provider.search_fails = [error]
    run = Run(service)
    assert run.kinds == [DiscrepancyKind.BEHIND]
    assert run.tally.not_done == [f"search of paypal: {error.code}"]


def test_a_day_of_the_search_is_asked_for_again(service: Ledgered) -> None:
    service.settled("ann")
    service.provider.search_fails = [None, NotSent("RATE_LIMIT_REACHED")]
    run = Run(service)
    assert run.found == []
    assert run.tally.not_done == []
    assert run.waited == [1]
    days = service.provider.searches
    assert days[1] == days[2]
    assert all(end - start <= timedelta(days=2) for start, end in days)
    assert days[0][0] == START - timedelta(days=35)
    assert days[-1][1] <= service.now


def test_no_question_begins_where_the_books_may_not_have_got_to(service: Ledgered) -> None:
    run = service.office().reconciliation
    hour = timedelta(hours=1)
    for span in (
        Period(START - hour, START),  # short, and just now
        Period(START - timedelta(days=3, seconds=1), START),  # a second more than days
    ):
        service.provider.searches.clear()
        assert list(run.run(span)) == []
        assert all(start <= START - 3 * hour for start, _ in service.provider.searches)
        assert service.provider.searches[-1][1] == START
        assert service.provider.searches[0][0] <= span.start
    service.provider.searches.clear()
    assert list(run.run(Period(START + hour, START + 2 * hour))) == []  # has not come yet
    assert service.provider.searches == []


def test_a_provider_without_books_is_named(service: Ledgered) -> None:
    service.provider.transaction_search = None
    run = service.office().reconciliation
    assert list(run.run(Period(START, service.now))) == []
    assert (run.tally.without_search, run.tally.not_done) == (["paypal"], [])


def test_no_more_than_a_chunk_is_read_at_a_time(service: Ledgered) -> None:
    service.provider = LedgerBooks(batch_size=1200)
    service = Ledgered(MemoryStore(), service.provider)
    service.settled(*(f"c{n}" for n in range(1200)))
    read, sizes = service.store.get_payments, list[int]()

    def measured(keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        sizes.append(len(keys))
        return read(keys)

    service.store.get_payments = measured
    run = Run(service)
    assert (run.found, run.tally.payments, run.tally.transactions) == ([], 1200, 1200)
    assert max(sizes) == 500
