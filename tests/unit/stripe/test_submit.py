"""Submitting: the requests, the meaning of every answer, and that it pays once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.money import Money
from paymentapp.providers.base import Accepted, NeedsReview, Postponed, Refused
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.tables import ERRORS, FENCED
from tests.support.paypal_server import FakeClock, PayPalServer, Resets, Says
from tests.support.stripe_backend import KEY, PLENTY, StripeBackend, stripe_at
from tests.unit.stripe.support import (
    ACCOUNT,
    BALANCE,
    PAYOUTS,
    REQUEST_ID,
    TRANSFERS,
    a_list,
    a_payment,
    a_transfer,
    error,
    taken,
    with_funds,
)

REPLAYED = {"Idempotent_Replayed": "true"}


# --- what is sent


def test_the_description_goes_with_both_and_the_metadata_with_the_transfer_alone(
    backend: StripeBackend,
) -> None:
    batch, [member] = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    metadata = (("a.b-c", "x & y=z"), ("team", "ü"))
    member = member._replace(description="Für Ädå [June]", metadata=metadata)
    backend.provider.submit(batch, [member])
    [transfer], [payout] = backend.moves("transfer"), backend.moves("payout")
    assert transfer["description"] == payout["description"] == "Für Ädå [June]"
    own = {"batch_id": batch.batch_id, "item_id": member.item_id, "payout": "standard"}
    assert transfer["metadata"] == {"a.b-c": "x & y=z", "team": "ü", **own}
    assert payout["metadata"] == own | {"transfer": transfer["id"]}


def test_no_metadata_replaces_stripes_own(backend: StripeBackend) -> None:
    batch, [member] = a_payment(backend.clock())
    backend.provider.submit(batch, [member._replace(metadata=(("batch_id", "other"),))])
    [transfer] = backend.moves("transfer")
    assert transfer["metadata"]["batch_id"] == batch.batch_id


def test_a_transfer_is_asked_for_under_the_batch_s_own_key(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock(), amount="1234.5")
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    assert stripe.submit(batch, members) == Accepted("tr_1")
    [seen] = server.asked("POST", TRANSFERS)
    assert {name: value for name, [value] in parse_qs(seen.body.decode()).items()} == {
        "amount": "123450",
        "currency": "usd",
        "destination": ACCOUNT,
        "transfer_group": batch.batch_id,
        "metadata[batch_id]": batch.batch_id,
        "metadata[item_id]": members[0].item_id,
        "metadata[payout]": "none",
    }
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert headers["idempotency-key"] == batch.batch_id
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["stripe-version"] == "2026-10-28.endive"
    assert "stripe-account" not in headers
    assert not any("telemetry" in name or "client-user-agent" in name for name in headers)


def test_a_payout_follows_in_the_account_that_it_is_of(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock(), f"{ACCOUNT}:instant", "5", "USD")
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    payout = {"id": "po_1", "status": "pending", "amount": 500, "currency": "usd", "metadata": {}}
    server.says("POST", PAYOUTS, Says(200, payout))
    assert stripe.submit(batch, members) == Accepted("tr_1/po_1")
    [seen] = server.asked("POST", PAYOUTS)
    assert {name: value for name, [value] in parse_qs(seen.body.decode()).items()} == {
        "amount": "500",
        "currency": "usd",
        "method": "instant",
        "metadata[batch_id]": batch.batch_id,
        "metadata[item_id]": members[0].item_id,
        "metadata[payout]": "instant",
        "metadata[transfer]": "tr_1",
    }
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert headers["idempotency-key"] == f"{batch.batch_id}-payout"
    assert headers["stripe-account"] == ACCOUNT


@pytest.mark.parametrize(
    "to", ["", "ann@example.com", "acct_", "acct_1:soon", "acct_1/../x", "ba_1"]
)
def test_what_names_no_account_is_refused_without_a_call(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, to: str
) -> None:
    outcome = stripe.submit(*a_payment(clock(), to))
    assert isinstance(outcome, Refused)
    assert set(outcome.member_errors) == {0}
    assert server.seen == []


@pytest.mark.parametrize(
    ("amount", "currency"), [("1", "XTS"), ("1.5", "JPY"), ("1.234", "KWD"), ("0.5", "ISK")]
)
def test_an_amount_that_no_request_can_say_is_refused_without_a_call(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, amount: str, currency: str
) -> None:
    outcome = stripe.submit(*a_payment(clock(), ACCOUNT, amount, currency))
    assert isinstance(outcome, Refused)
    assert outcome.code == "NOT_PAYABLE"
    assert server.seen == []


# --- what an answer makes of it


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_of_the_table_is_what_the_table_says(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, code: str
) -> None:
    batch, members = a_payment(clock())
    param = "destination" if code == "resource_missing" else None
    kind, status = ERRORS[code], {"rate_limit": 429, "lock_timeout": 429}.get(code, 400)
    server.says(
        "POST",
        TRANSFERS,
        error(status, code, param=param),
        error(status, code, param=param, **REPLAYED),
    )
    if kind is Refused:
        outcome = stripe.submit(batch, members)
        assert isinstance(outcome, Refused)
        assert outcome.code == code
        assert list(outcome.member_errors) == [0]
        assert len(server.asked("POST", TRANSFERS)) == (2 if code in FENCED else 1)
        return
    with pytest.raises(ProviderError) as raised:
        stripe.submit(batch, members)
    assert type(raised.value) is kind
    assert raised.value.code == code
    assert REQUEST_ID in str(raised.value)


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (error(400, "something_new"), OutcomeUnknown),
        (error(400), OutcomeUnknown),  # no code: not even what is in the way is known
        (error(400, "resource_missing", param="source_transaction"), OutcomeUnknown),
        (error(401, None), Misconfigured),
        (error(403, "something_new"), Misconfigured),
        (error(404), Misconfigured),  # no such address
        (error(402, "card_declined", "card_error"), OutcomeUnknown),
        (error(409, "idempotency_key_in_use"), OutcomeUnknown),
        (error(409, "balance_insufficient"), OutcomeUnknown),
        (error(429, None), NotSent),
        (error(500, None, "api_error"), OutcomeUnknown),
        (error(500, "balance_insufficient"), OutcomeUnknown),
        (error(503, "rate_limit"), OutcomeUnknown),
        (Says(503, b"<html>Service Unavailable"), OutcomeUnknown),
        (Says(502, b""), OutcomeUnknown),
        (Says(200, b"\xff\xfe{}"), OutcomeUnknown),
        (Says(200, b"not JSON"), OutcomeUnknown),
        (Says(200, b"[]"), OutcomeUnknown),
        (Says(200, b"null"), OutcomeUnknown),
        (Says(200, b'"tr_1"'), OutcomeUnknown),
        (Says(200, {}), OutcomeUnknown),
        (Says(200, {"id": "tr_1", "amount": 1250}), OutcomeUnknown),
        (Says(400, {"error": "invalid_request"}), OutcomeUnknown),
        (Says(400, {"error": None}), OutcomeUnknown),
        (Says(400, [1]), OutcomeUnknown),
        (Says(302, b"", {"Location": "/v1/elsewhere"}), OutcomeUnknown),
        (Says(307, b"", {"Location": "/v1/elsewhere"}), OutcomeUnknown),
        (Says(200, {}, promise=500), OutcomeUnknown),
        (Resets(), OutcomeUnknown),
    ],
)  # fmt: skip
def test_whatever_else_is_said_may_have_been_acted_on(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, says: Says | Resets, kind: type
) -> None:
    server.says("POST", TRANSFERS, says)
    with pytest.raises(ProviderError) as raised:
        stripe.submit(*a_payment(clock()))
    assert type(raised.value) is kind
    assert len(server.asked("POST", TRANSFERS)) == 1  # and is not repeated here
    assert server.asked("POST", "/v1/elsewhere") == []
    told = repr(raised.value) + str(raised.value)
    assert ACCOUNT not in told
    assert KEY not in told


def test_the_answer_has_to_be_about_this_batch(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    other = a_transfer(batch, members[0], transfer_group="another")
    server.says("POST", TRANSFERS, Says(200, other))
    with pytest.raises(OutcomeUnknown):
        stripe.submit(batch, members)


def test_an_answer_that_does_not_come_in_time_is_unknown(
    server: PayPalServer, clock: FakeClock
) -> None:
    provider = stripe_at(server.url, clock)
    provider._http._timeout = 0.2
    server.says("POST", TRANSFERS, Says(200, {}, after=1.0))
    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        provider.submit(*a_payment(clock()))
    provider.close()


def test_how_long_to_wait_is_passed_on(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    server.says("POST", TRANSFERS, error(429, "rate_limit", Retry_After="17"))
    with pytest.raises(NotSent) as raised:
        stripe.submit(*a_payment(clock()))
    assert raised.value.retry_after == 17


def test_another_body_under_our_key_is_our_fault_and_never_sent_again_here(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.says("POST", TRANSFERS, error(400, None, "idempotency_error"))
    with pytest.raises(OutcomeUnknown, match="idempotency_error"):
        stripe.submit(*a_payment(clock()))
    assert [each.levelno for each in caplog.records if "idempotency_error" in each.message] == [
        logging.ERROR
    ]
    assert len(server.asked("POST", TRANSFERS)) == 1


def test_a_refusal_that_may_be_lifted_counts_only_once_it_is_on_record(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    refusal = error(400, "insufficient_capabilities_for_transfer")
    server.says("POST", TRANSFERS, refusal)  # twice the same, and not kept under the key
    with pytest.raises(OutcomeUnknown):
        stripe.submit(batch, members)
    server.says("POST", TRANSFERS, refusal, Says(200, a_transfer(batch, members[0])))
    assert stripe.submit(batch, members) == Accepted("tr_1")  # it was lifted in between
    keys = {seen.headers["Idempotency-Key"] for seen in server.asked("POST", TRANSFERS)}
    assert keys == {batch.batch_id}


def test_a_destination_that_is_refused_without_a_code_is_a_refusal_once_on_record(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    refusal = {"param": "destination"}
    server.says("POST", TRANSFERS, error(400, **refusal), error(400, **refusal, **REPLAYED))
    outcome = stripe.submit(*a_payment(clock()))
    assert isinstance(outcome, Refused)
    assert outcome.code == "invalid_request_error"


@pytest.mark.parametrize(
    "says",
    [
        error(400, None, "idempotency_error"),
        error(400, "balance_insufficient", "idempotency_error"),
        error(409, "idempotency_key_in_use"),
        error(409, "payouts_not_allowed"),
        error(409, "account_invalid"),
        error(429, "balance_insufficient"),
        error(500, "payouts_not_allowed"),
        error(500, "account_invalid"),
        error(500),
        error(503, "balance_insufficient"),
        error(400, "api_error", "api_error"),
        error(402, "card_declined", "card_error"),
        error(400, "parameter_missing"),
    ],
)
def test_a_payout_error_that_proves_nothing_is_no_refusal(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, says: Says
) -> None:
    batch, members = a_payment(clock(), f"{ACCOUNT}:standard")
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    server.says("POST", PAYOUTS, says)
    with pytest.raises(ProviderError):
        stripe.submit(batch, members)


# --- funds


def test_what_the_account_does_not_have_is_not_asked_for(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    with_funds(server, 1249)
    server.says("GET", TRANSFERS, a_list())
    with pytest.raises(Misconfigured, match="balance_insufficient"):
        stripe.submit(batch, members)
    assert server.asked("POST", TRANSFERS) == []
    with_funds(server, 1250)
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    assert isinstance(stripe.submit(batch, members), Accepted)


def with_sources(server: PayPalServer, **amounts: int) -> None:
    row = {"amount": sum(amounts.values()), "currency": "usd", "source_types": amounts}
    server.says("GET", BALANCE, Says(200, {"available": [row]}))


def test_only_funds_of_the_source_type_that_transfers_draw_from_count(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    server.says("GET", TRANSFERS, a_list())
    for amounts in ({"card": 1249, "bank_account": 10**9}, {"bank_account": 10**9}):
        with_sources(server, **amounts)
        with pytest.raises(Misconfigured, match="balance_insufficient"):
            stripe.submit(batch, members)
    with_sources(server, card=1250, bank_account=0)
    assert isinstance(stripe.submit(batch, members), Accepted)


def test_the_source_type_is_a_setting(server: PayPalServer, clock: FakeClock) -> None:
    batch, members = a_payment(clock())
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    with_sources(server, card=0, bank_account=1250)
    stripe = stripe_at(server.url, clock, source_type="bank_account")
    assert isinstance(stripe.submit(batch, members), Accepted)
    [seen] = server.asked("POST", TRANSFERS)
    assert parse_qs(seen.body.decode())["source_type"] == ["bank_account"]


def test_a_payment_from_each_source_type_is_made(backend: StripeBackend) -> None:
    backend.change(balance={"USD": "0.00"}, bank_balance={"USD": "12.50"})
    batch, members = a_payment(backend.clock())
    with pytest.raises(Misconfigured):
        backend.provider.submit(batch, members)
    banks = stripe_at(backend.url, backend.clock, source_type="bank_account")
    assert isinstance(banks.submit(batch, members), Accepted)


def test_what_was_paid_before_is_found_although_nothing_is_left(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    with_funds(server, 0)
    server.says("GET", TRANSFERS, a_list(a_transfer(batch, members[0])))
    assert stripe.submit(batch, members) == Accepted("tr_1")
    assert server.asked("POST", TRANSFERS) == []


def test_the_balance_is_looked_at_now_and_then(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    server.says("POST", TRANSFERS, lambda _: Says(200, a_transfer(*sent)))
    looks = []
    for funds, seconds in ((2500, 0), (2500, 0), (2500, 0), (10**9, 0), (10**9, 4), (10**9, 6)):
        with_funds(server, funds)
        clock.pass_by(seconds=seconds)
        batch, members = a_payment(clock())
        sent = batch, members[0]
        taken(stripe, batch, members, clock())
        looks.append(len(server.asked("GET", BALANCE)))
    # Two payments took what the first look saw; the fourth as much again; the last came later.
    assert looks == [1, 1, 2, 2, 3, 4]


def test_a_refusal_for_want_of_funds_that_is_on_record_waits_for_its_key_to_be_forgotten(
    backend: StripeBackend,
) -> None:
    backend.provider._funds.cover = lambda _: True  # type: ignore[attr-defined]
    batch, members = a_payment(backend.clock())
    backend.lose_funds()
    with pytest.raises(Misconfigured):
        backend.provider.submit(batch, members)
    backend.change(balance=PLENTY)
    for _ in range(2):
        outcome = backend.provider.submit(batch, members)
        assert isinstance(outcome, Postponed)
        assert batch.frozen_at is not None
        assert outcome.until - batch.frozen_at == timedelta(hours=24, minutes=10)
    backend.clock.pass_by(hours=24, minutes=10)
    assert isinstance(backend.provider.submit(batch, members), Accepted)
    assert len(backend.paid()) == 1


# --- once, whatever goes wrong


def test_eight_at_a_time_make_one_transfer_and_one_payout(backend: StripeBackend) -> None:
    backend.change(latency=0.02)
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")

    def send(_: int) -> object:
        try:
            return backend.provider.submit(batch, members)
        except ProviderError as problem:
            return problem

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(send, range(8)))
    assert all(isinstance(each, Accepted | OutcomeUnknown) for each in outcomes), outcomes
    assert len(backend.moves("transfer")) == 1
    assert isinstance(backend.provider.submit(batch, members), Accepted)
    assert (len(backend.moves("transfer")), len(backend.moves("payout"))) == (1, 1)


@pytest.mark.parametrize("call", ["transfer", "payout"])
@pytest.mark.parametrize(
    ("fault", "kind", "acts"),
    [
        ("drop_before", OutcomeUnknown, False),
        ("drop_after", OutcomeUnknown, True),
        ("error_before", OutcomeUnknown, False),
        ("error_after", OutcomeUnknown, True),
        ("garbage", OutcomeUnknown, True),
        ("rate_limited", NotSent, False),
        ("lock_timeout", NotSent, False),
    ],
)
def test_any_fault_at_any_call_ends_with_one_payment(
    backend: StripeBackend, call: str, fault: str, kind: type, acts: bool
) -> None:
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    backend.change(faults_on=[call], **{fault: 1.0})
    with pytest.raises(ProviderError) as raised:
        backend.provider.submit(batch, members)
    assert type(raised.value) is (OutcomeUnknown if call == "payout" else kind)
    assert len(backend.moves(call)) == acts
    backend.recover()
    outcome = backend.provider.submit(batch, members)
    assert isinstance(outcome, Accepted)
    [transfer], [payout] = backend.moves("transfer"), backend.moves("payout")
    assert outcome.reference == f"{transfer['id']}/{payout['id']}"
    assert (transfer["idempotency_key"], payout["idempotency_key"]) == (
        batch.batch_id,
        f"{batch.batch_id}-payout",
    )


def test_once_the_transfer_is_made_no_error_says_that_nothing_was_done(
    backend: StripeBackend,
) -> None:
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    backend.change(faults_on=["payout"], rate_limited=1.0)
    with pytest.raises(OutcomeUnknown, match="rate_limit: money may have moved"):
        backend.provider.submit(batch, members)
    assert len(backend.moves("transfer")) == 1


@pytest.mark.parametrize("call", ["transfer", "payout"])
def test_a_failure_that_stripe_keeps_is_settled_by_its_books_and_never_sent_under_another_key(
    backend: StripeBackend, call: str
) -> None:
    """Roll back: nothing was done, and for a day the key answers 500. Then it is used again."""
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    backend.change(faults_on=[call], error_rolled_back=1.0)
    with pytest.raises(OutcomeUnknown):
        backend.provider.submit(batch, members)
    backend.recover()
    for _ in range(3):
        with pytest.raises(OutcomeUnknown, match="replayed from an earlier call"):
            backend.provider.submit(batch, members)
        backend.clock.pass_by(hours=7)
    assert len(backend.moves(call)) == 0
    backend.clock.pass_by(hours=4)
    assert isinstance(backend.provider.submit(batch, members), Accepted)
    assert (len(backend.moves("transfer")), len(backend.moves("payout"))) == (1, 1)


# --- a key that Stripe may have forgotten


@pytest.mark.parametrize("hours", [22.9, 23.1, 24.5, 100])
def test_what_was_paid_before_is_never_paid_again_however_late(
    backend: StripeBackend, hours: float
) -> None:
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    backend.lose_answers(acting=True)
    with pytest.raises(OutcomeUnknown):
        backend.provider.submit(batch, members)
    backend.recover()
    backend.clock.pass_by(hours=hours)
    outcome = backend.provider.submit(batch, members)
    assert isinstance(outcome, Accepted)
    assert (len(backend.moves("transfer")), len(backend.moves("payout"))) == (1, 1)
    backend.clock.pass_by(hours=30)
    assert backend.provider.submit(batch, members) == outcome  # also the payout is found again
    assert (len(backend.moves("transfer")), len(backend.moves("payout"))) == (1, 1)


@pytest.mark.parametrize(("hours", "looks"), [(0.9, 0), (1.1, 1)])
def test_the_books_are_asked_before_a_key_may_be_forgotten(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, hours: float, looks: int
) -> None:
    batch, members = a_payment(clock())
    clock.pass_by(hours=hours)
    server.says("GET", TRANSFERS, a_list())
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    assert stripe.submit(batch, members) == Accepted("tr_1")
    asked = server.asked("GET", TRANSFERS)
    assert [seen.query["transfer_group"] for seen in asked] == [batch.batch_id] * looks
    [sent] = server.asked("POST", TRANSFERS)
    assert sent.headers["Idempotency-Key"] == batch.batch_id


def test_all_pages_of_the_books_are_read(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    """Count a transfer on the second page; a missing page leaves the outcome unknown."""
    batch, members = a_payment(clock())
    clock.pass_by(hours=23.5)
    mine = a_transfer(batch, members[0])
    server.says("GET", TRANSFERS, a_list(mine, more=True), error(500, None, "api_error"))
    with pytest.raises(NotSent):
        stripe.submit(batch, members)
    assert server.asked("POST", TRANSFERS) == []
    last = server.asked("GET", TRANSFERS)[-1]
    assert last.query["starting_after"] == "tr_1"


@pytest.mark.parametrize(
    "page",
    [
        Says(200, {}),
        Says(200, {"data": []}),
        Says(200, b"[]"),
        a_list({"id": "tr_1"}),
        a_list(more=True),
    ],
)
def test_books_that_cannot_be_read_send_nothing(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, page: Says
) -> None:
    batch, members = a_payment(clock())
    clock.pass_by(hours=23.5)
    server.says("GET", TRANSFERS, page)
    with pytest.raises(NotSent):
        stripe.submit(batch, members)
    assert server.asked("POST", TRANSFERS) == []


def test_two_transfers_of_a_batch_or_another_than_ours_are_for_a_person(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    clock.pass_by(hours=23.5)
    mine = a_transfer(batch, members[0])
    server.says("GET", TRANSFERS, a_list(mine, mine | {"id": "tr_2"}))
    assert isinstance(stripe.submit(batch, members), NeedsReview)
    for other in ({"amount": 1251}, {"currency": "eur"}, {"destination": "acct_other"}):
        server.says("GET", TRANSFERS, a_list(mine | other))
        outcome = stripe.submit(batch, members)
        assert isinstance(outcome, NeedsReview)
        assert "tr_1" in outcome.code
        assert "acct_" not in outcome.code
    assert server.asked("POST", TRANSFERS) == []


def test_a_batch_of_two_is_no_batch_of_ours(stripe: Stripe, clock: FakeClock) -> None:
    batch, members = a_payment(clock())
    second = members[0]._replace(money=Money(Decimal(1), "USD"))
    with pytest.raises(ValueError, match="unpack"):
        stripe.submit(replace(batch, size=2), [*members, second])


def test_nothing_of_it_is_logged(backend: StripeBackend, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    taken(backend.provider, batch, members, backend.clock())  # type: ignore[arg-type]
    backend.provider.submit(*a_payment(backend.clock(), "acct_simunknown7:standard"))
    backend.reject_credentials()
    with pytest.raises(Misconfigured) as raised:
        backend.provider.check()
    told = caplog.text + str(raised.value) + repr(raised.value)
    assert "Stripe answered" in told
    for secret in (KEY, KEY[-4:], ACCOUNT, "acct_simunknown7"):
        assert secret not in told
