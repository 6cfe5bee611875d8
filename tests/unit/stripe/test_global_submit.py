"""Outbound payments are made once: a lost answer at each step, keys that end, refusals, funds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.errors import InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import NO_ATTEMPT, UNKNOWN_ATTEMPT, Batch, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.provider_state import StateEntry
from paymentapp.providers.base import Accepted, NeedsReview, Refused
from paymentapp.providers.stripe.global_api import GlobalApi
from paymentapp.providers.stripe.recipient_book import KEY_TRUSTED
from paymentapp.providers.stripe.recipients import NewRecipient, read_recipient
from tests.support.global_backend import GlobalBackend, global_backend
from tests.support.paypal_server import FakeClock, PayPalServer, Says
from tests.unit.stripe.support import a_payment

MONEY = "/v2/money_management"
PAYMENTS = f"{MONEY}/outbound_payments"
METHOD = f"{MONEY}/payout_methods/usba_1"
TO = "acct_1/usba_1"


@pytest.fixture
def backend() -> Iterator[GlobalBackend]:
    with global_backend(failure_delay=10) as made:
        yield made


@pytest.fixture
def sent(backend: GlobalBackend) -> tuple[Batch, list[Member]]:
    return a_payment(backend.clock(), backend.succeeds())


def again(batch: Batch, attempt: str = UNKNOWN_ATTEMPT) -> Batch:
    return batch.changed(open_attempt=attempt)


def lose(backend: GlobalBackend, kind: str, fault: str = "drop_after") -> None:
    backend.change(faults_on=[kind], **{fault: 1.0})


# --- the recipient


def test_a_recipient_is_made_once_and_paid_again(backend: GlobalBackend) -> None:
    payee = backend.succeeds()
    for _ in range(3):
        assert isinstance(backend.stripe.submit(*a_payment(backend.clock(), payee)), Accepted)
    found = backend.outbound()
    assert len(found["recipients"]) == 1
    assert {each["recipient"] for each in found["items"]} == set(found["recipients"])
    assert len({each["method"] for each in found["items"]}) == 1


@pytest.mark.parametrize("kind", ["recipient", "method"])
@pytest.mark.parametrize(
    "fault", ["drop_before", "drop_after", "garbage", "error_after", "error_rolled_back"]
)
def test_a_recipient_whose_answer_is_lost_is_made_once(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]], kind: str, fault: str
) -> None:
    lose(backend, kind, fault)
    with pytest.raises(NotSent):
        backend.stripe.submit(*sent)
    assert backend.paid() == []
    backend.recover()
    assert isinstance(backend.again().submit(*sent), Accepted)
    assert len(backend.outbound()["recipients"]) == 1
    assert len(backend.paid()) == 1


def test_a_recipient_whose_key_may_be_forgotten_is_looked_for(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]]
) -> None:
    for kind in ("recipient", "method"):
        lose(backend, kind)
        with pytest.raises(NotSent):
            backend.stripe.submit(*sent)
        backend.recover()
        backend.clock.pass_by(days=2)
    batch, members = sent
    assert isinstance(backend.stripe.submit(again(batch, NO_ATTEMPT), members), Accepted)
    assert len(backend.outbound()["recipients"]) == 1
    [payment] = backend.outbound()["items"]
    recipient = read_recipient(members[0].destination)
    assert isinstance(recipient, NewRecipient)
    made = backend.stripe._global.made(recipient.token)  # type: ignore[union-attr]
    assert made == (payment["recipient"], payment["method"])


def test_processes_side_by_side_record_one_recipient(backend: GlobalBackend) -> None:
    payee = backend.succeeds()
    first, second = backend.stripe, backend.again()
    assert isinstance(first.submit(*a_payment(backend.clock(), payee)), Accepted)
    assert isinstance(second.submit(*a_payment(backend.clock(), payee)), Accepted)
    assert len({each["method"] for each in backend.outbound()["items"]}) == 1


def test_what_stripe_does_not_take_as_an_account_is_refused(backend: GlobalBackend) -> None:
    outcome = backend.stripe.submit(*a_payment(backend.clock(), backend.payee("REFUSED000001")))
    assert isinstance(outcome, Refused)
    assert outcome.member_errors[0].startswith("NO_RECIPIENT: ")
    assert backend.paid() == []


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("usba_simunknown1", "NO_PAYOUT_METHOD"),
        ("usba_simarchived1", "PAYOUT_METHOD_ARCHIVED"),
        ("usba_simrestricted1", "PAYOUT_METHOD_RESTRICTED"),
        ("usba_simineligible1", "PAYOUT_METHOD_NOT_READY"),
        ("usba_simeuro1", "PAYOUT_METHOD_CURRENCY"),
    ],
)
def test_a_payout_method_is_checked_before_anything_is_sent(
    backend: GlobalBackend, method: str, code: str
) -> None:
    outcome = backend.stripe.submit(*a_payment(backend.clock(), f"acct_made1/{method}"))
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert backend.paid() == []


def test_a_method_that_was_made_elsewhere_is_paid_to(backend: GlobalBackend) -> None:
    batch, members = a_payment(backend.clock(), "acct_made1/usba_simok1")
    assert isinstance(backend.stripe.submit(batch, members), Accepted)
    assert backend.outbound()["recipients"] == []
    [paid] = backend.paid()
    assert paid.to == "acct_made1/usba_simok1"


# --- the payment


@pytest.mark.parametrize(
    "fault", ["drop_before", "drop_after", "garbage", "error_after", "error_rolled_back"]
)
def test_a_payment_whose_answer_is_lost_is_unknown_and_made_once(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]], fault: str
) -> None:
    lose(backend, "outbound", fault)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            backend.stripe.submit(*sent)
    backend.recover()
    batch, members = sent
    for _ in range(2):
        assert isinstance(backend.again().submit(again(batch), members), Accepted)
    assert len(backend.paid()) == 1


def test_the_same_request_is_sent_whatever_has_become_of_the_settings(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]]
) -> None:
    lose(backend, "outbound")
    with pytest.raises(OutcomeUnknown):
        backend.stripe.submit(*sent)
    backend.recover()
    other = backend.again(financial_account="fa_another1", financial_currency="EUR")
    batch, members = sent
    assert isinstance(other.submit(again(batch), members), Accepted)
    assert len(backend.paid()) == 1


def lost_long_ago(backend: GlobalBackend, sent: tuple[Batch, list[Member]], fault: str) -> Batch:
    """Lose the answer of the one call, and let the time of its key pass."""
    lose(backend, "outbound", fault)
    with pytest.raises(OutcomeUnknown):
        backend.stripe.submit(*sent)
    backend.recover()
    backend.clock.pass_by(seconds=KEY_TRUSTED.total_seconds())
    return again(sent[0])


def test_after_the_time_of_its_key_a_payment_is_looked_for_and_adopted(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]]
) -> None:
    batch = lost_long_ago(backend, sent, "drop_after")
    backend.change(key_lifetime=1.0)
    outcome = backend.stripe.submit(batch, sent[1])
    assert isinstance(outcome, Accepted)
    assert [each["id"] for each in backend.outbound()["items"]] == [outcome.reference]


def test_after_the_time_of_its_key_what_is_not_found_needs_a_person(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]]
) -> None:
    batch = lost_long_ago(backend, sent, "drop_before")
    outcome = backend.stripe.submit(batch, sent[1])
    assert isinstance(outcome, NeedsReview)
    assert backend.paid() == []


def test_what_certainly_had_no_effect_may_be_sent_however_late(
    backend: GlobalBackend, sent: tuple[Batch, list[Member]]
) -> None:
    backend.lose_funds()
    batch, members = sent
    with pytest.raises(InsufficientFunds):
        backend.stripe.submit(batch, members)
    backend.clock.pass_by(days=9)
    backend.recover()
    assert isinstance(backend.stripe.submit(again(batch, NO_ATTEMPT), members), Accepted)


# --- answers of a scripted Stripe


@pytest.fixture
def scripted(server: PayPalServer, clock: FakeClock) -> Iterator[Any]:
    """Return a provider whose recipient can be paid."""
    from tests.support.global_backend import global_at
    from tests.support.memory_store import MemoryStore

    server.says("GET", METHOD, Says(200, a_method()))
    provider = global_at(server.url, clock, MemoryStore())
    yield provider
    provider.close()


def a_method(**other: Any) -> dict[str, Any]:
    bank = {"country": "US", "last4": "6789", "supported_currencies": ["usd"]}
    usage = {"payments": "eligible"}
    return {"id": "usba_1", "usage_status": usage, "bank_account": bank, **other}


def an_error(status: int, kind: str, **more: str) -> Says:
    error = {"type": kind, "code": kind, "message": "Something about 000123456789"}
    return Says(status, {"error": error | more}, {"Request-Id": "req_1"})


def made_of(batch: Batch, member: Member, **other: Any) -> dict[str, Any]:
    amount = {"value": int(member.money.amount * 100), "currency": "usd"}
    return {
        "id": "obp_1",
        "status": "processing",
        "amount": amount,
        "cancelable": True,
        "created": "2026-03-01T09:30:00.000Z",
        "from": {"debited": amount},
        "to": {"credited": amount, "recipient": "acct_1", "payout_method": "usba_1"},
        "metadata": {"batch_id": batch.batch_id, "item_id": member.item_id},
        **other,
    }


def test_a_request_has_the_batch_as_its_key_and_all_that_was_asked_for(
    scripted: Any, server: PayPalServer, clock: FakeClock
) -> None:
    batch, (member,) = a_payment(clock(), TO)
    described = member._replace(description="Wages", metadata=(("team", "a"), ("batch_id", "x")))
    server.says("POST", PAYMENTS, Says(200, made_of(batch, member)))
    assert scripted.submit(batch, [described]) == Accepted("obp_1")
    [seen] = server.asked("POST", PAYMENTS)
    assert seen.headers["Idempotency-Key"] == batch.batch_id
    assert seen.headers["Stripe-Version"] == "2026-10-28.endive"
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.json == {
        "amount": {"value": 1250, "currency": "usd"},
        "from": {"financial_account": "fa_simfinancial0001", "currency": "usd"},
        "to": {"recipient": "acct_1", "payout_method": "usba_1", "currency": "usd"},
        "description": "Wages",
        "metadata": {"batch_id": batch.batch_id, "item_id": member.item_id, "team": "a"},
    }
    [looked] = server.asked("GET", METHOD)
    assert looked.headers["Stripe-Context"] == "acct_1"


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "insufficient_funds", InsufficientFunds),
        (400, "feature_not_enabled", Misconfigured),
        (400, "financial_account_not_open", Misconfigured),
        (401, "invalid_request_error", Misconfigured),
        (403, "invalid_request_error", Misconfigured),
        (429, "rate_limit", NotSent),
        (400, "quota_exceeded", NotSent),
        (400, "idempotency_error", OutcomeUnknown),
        (409, "insufficient_funds", OutcomeUnknown),
        (500, "invalid_payout_method", OutcomeUnknown),
        (400, "cannot_proceed", OutcomeUnknown),
        (400, "something_new", OutcomeUnknown),
        (404, "resource_missing", Misconfigured),
    ],
)
def test_an_error_is_what_it_proves(
    scripted: Any,
    server: PayPalServer,
    clock: FakeClock,
    status: int,
    kind: str,
    raised: type[Exception],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.says("POST", PAYMENTS, an_error(status, kind))
    with pytest.raises(raised) as caught:
        scripted.submit(*a_payment(clock(), TO))
    assert "000123456789" not in caplog.text + str(caught.value)


def test_a_refusal_counts_where_no_earlier_call_can_still_succeed(
    scripted: Any, server: PayPalServer, clock: FakeClock
) -> None:
    server.says("POST", PAYMENTS, an_error(400, "invalid_payout_method"))
    batch, members = a_payment(clock(), TO)
    for attempt in (UNKNOWN_ATTEMPT, NO_ATTEMPT):  # the first call, and a later one
        outcome = scripted.submit(again(batch, attempt), members)
        assert isinstance(outcome, Refused)
        assert outcome.member_errors[0].startswith("invalid_payout_method: ")


def test_a_refusal_after_a_lost_answer_is_unknown(
    scripted: Any, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock(), TO)
    server.says(
        "POST", PAYMENTS, an_error(500, "api_error"), an_error(400, "invalid_payout_method")
    )
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            scripted.submit(again(batch), members)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": {"value": 1, "currency": "usd"}},
        {"to": {"recipient": "acct_2", "payout_method": "usba_1"}},
        {"to": {"recipient": "acct_1", "payout_method": "usba_2"}},
    ],
)
def test_a_payment_with_other_content_needs_review(
    scripted: Any, server: PayPalServer, clock: FakeClock, other: dict[str, Any]
) -> None:
    batch, (member,) = a_payment(clock(), TO)
    server.says("POST", PAYMENTS, Says(200, made_of(batch, member, **other)))
    assert isinstance(scripted.submit(batch, [member]), NeedsReview)


@pytest.mark.parametrize("body", [{}, [], {"id": "obp_1"}, {"id": "obp_1", "status": "posted"}])
def test_an_answer_that_cannot_be_read_is_unknown(
    scripted: Any, server: PayPalServer, clock: FakeClock, body: Any
) -> None:
    server.says("POST", PAYMENTS, Says(200, body))
    with pytest.raises(OutcomeUnknown):
        scripted.submit(*a_payment(clock(), TO))


def test_an_amount_that_no_request_expresses_is_refused(scripted: Any, clock: FakeClock) -> None:
    for amount, currency in (("1.001", "USD"), ("1.5", "JPY"), ("1", "XTS")):
        outcome = scripted.submit(*a_payment(clock(), TO, amount, currency))
        assert isinstance(outcome, Refused)
        assert outcome.code == "NOT_PAYABLE"


def test_a_list_is_read_to_its_end_from_stripe_alone(
    scripted: Any, server: PayPalServer, clock: FakeClock
) -> None:
    batch, (member,) = a_payment(clock(), TO)
    first = {
        "data": [made_of(batch, member)],
        "next_page_url": f"https://evil.example{PAYMENTS}?page=2",
    }
    last = {"data": [made_of(batch, member, id="obp_2")], "next_page_url": None}
    server.says("GET", PAYMENTS, Says(200, first), Says(200, last))
    api: GlobalApi = scripted._global._api
    found = list(api.payments_between(clock(), clock() + timedelta(hours=1)))
    assert [each.payment_id for each in found] == ["obp_1", "obp_2"]


def test_a_list_without_an_end_is_no_answer(
    scripted: Any, server: PayPalServer, clock: FakeClock
) -> None:
    page = {"data": [], "next_page_url": f"{PAYMENTS}?page=2"}
    server.says("GET", PAYMENTS, Says(200, page))
    with pytest.raises(NotSent):
        list(scripted._global._api.payments_between(clock(), clock()))


def test_balances_are_those_of_transfers_and_of_the_financial_account_together(
    scripted: Any, server: PayPalServer
) -> None:
    available = {"usd": {"value": 500, "currency": "usd"}, "eur": {"value": 7, "currency": "eur"}}
    account = f"{MONEY}/financial_accounts/fa_simfinancial0001"
    server.says("GET", account, Says(200, {"balance": {"available": available}}))
    found = {each.available for each in scripted.balances.read()}
    assert Money(Decimal("10000005.00"), "USD") in found
    assert Money(Decimal("0.07"), "EUR") in found


def test_a_state_of_an_earlier_order_is_read(backend: GlobalBackend) -> None:
    batch, members = a_payment(backend.clock(), backend.succeeds())
    text = (
        '{"financial_account": "fa_simfinancial0001", "from_currency": "USD", '
        '"recipient": "acct_1", "payout_method": "usba_simok1"}'
    )
    backend.state.add_state_entry(StateEntry.new(f"stripe/outbound/{batch.batch_id}", text))
    assert isinstance(backend.stripe.submit(batch, members), Accepted)
    [paid] = backend.outbound()["items"]
    assert (paid["recipient"], paid["status"]) == ("acct_1", "processing")
    assert backend.stripe.fetch(batch.changed(reference=paid["id"]))[0].status is Status.SUBMITTED
