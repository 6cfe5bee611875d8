"""Records survive encoding and decoding, in both stored forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.api_keys import ApiKey, KeyAction, KeyChange
from paymentapp.models.approvals import Approval, RequiredApproval, digests
from paymentapp.models.batches import (
    NO_ATTEMPT,
    UNKNOWN_ATTEMPT,
    Batch,
    BatchState,
    Member,
    StopOrder,
    new_batch_id,
)
from paymentapp.models.caller_texts import CallerTexts, sorted_metadata
from paymentapp.models.customer_history import CustomerAction, CustomerHistoryEntry
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.batches import (
    PARKED_SHARD,
    batch_record,
    member_records,
    read_batch,
    read_members,
)
from paymentapp.storage.codec.customer_history import history_record, read_history_entry
from paymentapp.storage.codec.customers import customer_record, read_customer
from paymentapp.storage.codec.operations import (
    api_key_record,
    idempotency_record,
    lease_record,
    read_api_key,
    read_idempotency_record,
    read_lease,
    read_state,
    state_record,
)
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.codec.records import Record, difference
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.sqlite.json_documents import from_json, to_json
from paymentapp.vault.sealing import Vault, new_key
from tests.support.item_size import item_size
from tests.support.records import NOW, a_batch, a_customer, a_payment, later, members, stamped, usd

Trip = Callable[[Record], Record]
TRIPS: list[Trip] = [lambda r: to_record(to_item(r)), lambda r: from_json(to_json(r))]
both_ways = pytest.mark.parametrize("trip", TRIPS, ids=["dynamodb", "sqlite"])

times = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
seconds = times.map(lambda moment: moment.replace(microsecond=0))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
currencies = st.sampled_from(["USD", "JPY", "KWD"])
amounts = st.decimals(
    Decimal("0.0001"), Decimal("999999999999999"), places=4, allow_nan=False, allow_infinity=False
)
moneys = st.builds(Money, amounts, currencies)
maybe = st.none() | texts
maybe_time = st.none() | times
scalars = st.none() | st.booleans() | texts | st.integers(-(10**15), 10**15) | amounts
moves = st.builds(
    Transition,
    times,
    st.sampled_from(list(Status)),
    st.sampled_from(list(Cause)),
    texts,
    st.just("") | texts,
)
sets = st.frozensets(st.text("0123456789abcdef", min_size=1, max_size=12), max_size=3)
required_approvals = st.builds(RequiredApproval, texts, st.integers(1, 9), sets)
approvals = st.builds(Approval, times, texts, sets, words, st.just("") | texts, st.booleans())
metadata = st.dictionaries(words, texts, max_size=3).map(sorted_metadata)
payments = st.builds(
    Payment,
    customer_id=words,
    payment_id=times.map(to_text),
    money=moneys,
    payment_method=words,
    email=texts,
    status=st.sampled_from(list(Status)),
    history=st.lists(moves, min_size=1, max_size=5).map(tuple),
    request_id=words,
    revision=words,
    due_at=maybe_time,
    due_shard=st.integers(0, 999),
    batch_id=maybe,
    provider_item_id=maybe,
    transaction_id=maybe,
    provider_status=maybe,
    reason=maybe,
    isolated=st.booleans(),
    cancel_requested=st.booleans(),
    destination=maybe,
    route=maybe,
    tried_methods=st.lists(words, max_size=3).map(tuple),
    scheduled_at=maybe_time,
    retry_of=maybe,
    retried_by=maybe,
    approval=st.none() | required_approvals,
    approvals=st.lists(approvals, max_size=3).map(tuple),
    charges=st.lists(texts, max_size=3).map(tuple),
    texts=st.builds(CallerTexts, maybe, maybe, metadata, metadata),
)
customers = st.builds(
    Customer,
    words,
    texts,
    times,
    st.dictionaries(words, scalars, max_size=5),
    st.dictionaries(words, st.builds(PaymentMethod, words, times, maybe), max_size=3),
    st.none() | words,
    words | st.just(""),
    st.integers(0, 10**6),
)
history_entries = st.builds(
    CustomerHistoryEntry,
    customer_id=words,
    version=st.integers(1, 10**6),
    entry_id=words,
    at=times,
    action=st.sampled_from(list(CustomerAction)),
    cause=st.sampled_from(list(Cause)),
    by=st.just("") | texts,
    method=maybe,
    destination=maybe,
    email=maybe,
    note=maybe,
    resealed=maybe,
    revision=words,
)
claims = st.builds(IdempotencyRecord, words, words, words, words, seconds, words)
batches = st.builds(
    Batch,
    batch_id=words,
    provider=words,
    currency=currencies,
    state=st.sampled_from([state for state in BatchState if state is not BatchState.PARKED]),
    size=st.integers(1, 15_000),
    created_at=times,
    revision=words,
    attention_at=maybe_time,
    attention_shard=st.integers(0, 999),
    excluded=st.lists(st.integers(0, 15_000), max_size=20).map(tuple),
    frozen_at=maybe_time,
    accepted_at=maybe_time,
    parked_at=maybe_time,
    reference=maybe,
    attempts=st.integers(0, 1000),
    open_attempt=st.sampled_from([NO_ATTEMPT, UNKNOWN_ATTEMPT]) | words,
    last_error=maybe,
    member_errors=st.dictionaries(st.integers(0, 15_000), texts, max_size=5),
    stop_order=st.none() | st.builds(StopOrder, times, texts, texts),
)
key_changes = st.builds(
    KeyChange,
    times,
    st.sampled_from(list(KeyAction)),
    st.frozensets(words, max_size=3),
    maybe_time,
    st.just("") | texts,
)
api_keys = st.builds(
    ApiKey,
    words,
    words,
    texts,
    st.frozensets(words, max_size=3),
    times,
    maybe_time,
    st.just("") | texts,
    maybe_time,
    maybe_time,
    st.lists(key_changes, max_size=3).map(tuple),
    st.just("") | words,
)
emails = st.builds("{}@{}".format, words, words)
listed = st.builds(
    Member,
    *(words, times.map(to_text), moneys, emails, st.none() | words),
    *(maybe, metadata, st.none() | words, metadata),
)


@both_ways
@given(customer=customers)
def test_customers(trip: Trip, customer: Customer) -> None:
    assert read_customer(trip(customer_record(customer))) == customer


@both_ways
@given(entry=history_entries)
def test_lines_of_customers_histories(trip: Trip, entry: CustomerHistoryEntry) -> None:
    assert read_history_entry(trip(history_record(entry))) == entry


@both_ways
@given(payment=payments)
def test_payments(trip: Trip, payment: Payment) -> None:
    assert read_payment(trip(payment_record(payment))) == payment


@both_ways
@given(claim=claims)
def test_claims(trip: Trip, claim: IdempotencyRecord) -> None:
    assert read_idempotency_record(claim.key_hash, trip(idempotency_record(claim))) == claim


@both_ways
@given(batch=batches)
def test_batches(trip: Trip, batch: Batch) -> None:
    assert read_batch(trip(batch_record(batch))) == batch


@pytest.mark.parametrize("attempt", [NO_ATTEMPT, "0123456789ab", UNKNOWN_ATTEMPT])
def test_what_an_earlier_version_has_changed_says_nothing_of_attempts(attempt: str) -> None:
    """It keeps the attribute, which it does not know, and may have sent the batch."""
    record = batch_record(a_batch(open_attempt=attempt))
    assert read_batch(record).open_attempt == attempt
    assert read_batch(record | {"revision": "another"}).open_attempt == UNKNOWN_ATTEMPT
    record.pop("open_attempt", None)
    assert read_batch(record).open_attempt == UNKNOWN_ATTEMPT


@both_ways
@given(batch=batches)
def test_a_parked_batch_keeps_all_but_its_time(trip: Trip, batch: Batch) -> None:
    parked = replace(batch, state=BatchState.PARKED)
    record = trip(batch_record(parked))
    assert read_batch(record) == replace(parked, attention_at=None)
    assert record["attention_shard"] == PARKED_SHARD


@both_ways
@given(chosen=st.lists(listed, max_size=5))
def test_members(trip: Trip, chosen: list[Member]) -> None:
    batch = Batch("b", "paypal", "USD", BatchState.PREPARED, len(chosen), NOW, "r")
    records = map(trip, member_records(batch, chosen))
    assert read_members(batch, records) == chosen


@both_ways
def test_members_with_long_texts_fit_the_items_of_dynamodb(trip: Trip) -> None:
    chosen = [member._replace(description="🙂" * 200) for member in members(1_200)]
    batch = Batch("b", "paypal", "USD", BatchState.PREPARED, len(chosen), NOW, "r")
    records = member_records(batch, chosen)
    assert max(item_size(to_item(record)) for record in records) < 400_000
    assert read_members(batch, map(trip, records)) == chosen


def test_a_version_that_does_not_know_texts_reads_the_members_without_them() -> None:
    chosen = [members(1)[0]._replace(description="For June", metadata=(("a", "b"),))]
    batch = Batch("b", "paypal", "USD", BatchState.PREPARED, 1, NOW, "r")
    (record,) = member_records(batch, chosen)
    assert read_members(batch, [record | {"texts": []}]) == members(1)


def test_a_version_that_does_not_know_options_reads_the_members_without_them() -> None:
    chosen = [members(1)[0]._replace(description="For June", options=(("same_day", "no"),))]
    batch = Batch("b", "paypal", "USD", BatchState.PREPARED, 1, NOW, "r")
    (record,) = member_records(batch, chosen)
    without = [chosen[0]._replace(options=())]
    assert read_members(batch, [record | {"options": []}]) == without
    assert read_members(batch, [record]) == chosen


@both_ways
@given(name=words, owner=texts, until=times)
def test_leases(trip: Trip, name: str, owner: str, until: datetime) -> None:
    lease = Lease(name, owner, until)
    assert read_lease(name, trip(lease_record(lease))) == lease


@both_ways
@given(name=words, text=texts, revision=words)
def test_provider_state(trip: Trip, name: str, text: str, revision: str) -> None:
    entry = StateEntry(name, text, revision)
    assert read_state(name, trip(state_record(entry))) == entry


@both_ways
@given(key=api_keys)
def test_api_keys(trip: Trip, key: ApiKey) -> None:
    assert read_api_key(trip(api_key_record(key))) == key


@given(old=payments, new=payments)
def test_a_difference_leads_from_one_version_to_the_next(old: Payment, new: Payment) -> None:
    before, after = payment_record(old), payment_record(new)
    changed, removed = difference(before, after)
    kept = {name: value for name, value in before.items() if name not in removed}
    assert kept | changed == after


def test_what_a_later_version_added_is_ignored() -> None:
    payment, customer = a_payment(), a_customer()
    record = payment_record(payment) | {"priority": 1, "tags": ["a"], "lane": {"a": None}}
    assert read_payment(record) == payment
    assert read_customer(customer_record(customer) | {"x": "y"}) == customer


@pytest.mark.parametrize(
    "strange",
    [
        {"status": "escheated"},
        {"history": ["2026-03-01T12:00:00.000000Z escheated request"]},
        {"amount": "much"},
        {"due_at": "tomorrow"},
        {"email": None, "history": None},
    ],
)
def test_what_is_not_understood_is_not_guessed_at(strange: Record) -> None:
    with pytest.raises(StoreUnavailable, match="a stored payment cannot be read"):
        read_payment(payment_record(a_payment()) | strange)


def test_defaults_take_no_room() -> None:
    assert set(payment_record(a_payment(due_at=None))) == {
        *("customer_id", "payment_id", "amount", "currency", "payment_method", "email"),
        *("status", "history", "request_id", "revision", "due_shard"),
    }


def a_long_life() -> Payment:
    """Return a payment with attributes as long as they get: PayPal's ids have 13 and 17 letters."""
    batch_id = new_batch_id(NOW)
    return (
        a_payment(
            customer_id="c" * 50,
            email="e" * 127,
            money=usd("9999999999999.99"),
            due_shard=999,
            history=(Transition(NOW, Status.PENDING, Cause.REQUEST, by="c" * 40),),
        )
        .moved(Status.SUBMITTING, later(1), Cause.DISPATCH, batch_id, batch_id=batch_id)
        .moved(Status.SUBMITTED, later(2), Cause.DISPATCH, "P" * 13)
        .moved(Status.UNCLAIMED, later(3), Cause.WEBHOOK, "I" * 13, provider_item_id="I" * 13)
        .moved(Status.SUCCEEDED, later(4), Cause.WEBHOOK, "I" * 13, transaction_id="T" * 17)
        .moved(Status.RETURNED, later(5), Cause.WEBHOOK, "I" * 13, reason="r" * 40)
        .changed(provider_status="RETURNED", cancel_requested=True)
    )


def test_a_payment_stays_under_a_kilobyte_for_all_its_life() -> None:
    assert item_size(payment_record(a_long_life())) < 1024


def test_a_traced_payment_stays_under_a_kilobyte_until_it_has_an_end() -> None:
    payment = replace(a_long_life(), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    settled = replace(payment, history=payment.history[:-1], reason=None)
    assert item_size(payment_record(settled)) < 1024


def test_a_payment_to_a_bank_account_stays_under_a_kilobyte_with_names_as_people_have_them() -> (
    None
):
    batch_id = new_batch_id(NOW)
    sealed = Vault(new_key()).seal("x" * 50, "c" * 36)  # holder, routing number, account number
    payment = (
        a_payment(
            customer_id="c" * 36,
            email="e" * 64,
            destination=sealed,
            route="r" * 50,
            due_shard=999,
            history=(Transition(NOW, Status.PENDING, Cause.REQUEST, by="c" * 12),),
        )
        .moved(Status.SUBMITTING, later(1), Cause.DISPATCH, batch_id, batch_id=batch_id)
        .moved(Status.SUBMITTED, later(2), Cause.POLL, "0" * 15, provider_item_id="0" * 15)
        .moved(Status.SUCCEEDED, later(3), Cause.POLL, "0" * 15, transaction_id="0" * 15)
        .moved(Status.RETURNED, later(4), Cause.WEBHOOK, "r" * 40, reason="r" * 40)
        .changed(provider_status="RETURNED")
    )
    assert item_size(payment_record(payment)) < 1024


@pytest.mark.parametrize("other", ["scheduled_at", "retry_of"])  # a retry is not scheduled
def test_a_retried_payment_stays_under_a_kilobyte_with_names_as_people_have_them(
    other: str,
) -> None:
    payment = replace(a_long_life(), customer_id="c" * 36, email="e" * 64, retried_by=to_text(NOW))
    assert item_size(payment_record(payment) | {other: to_text(NOW)}) < 1024


def test_an_approved_payment_stays_under_a_kilobyte_with_names_as_people_have_them() -> None:
    batch_id = new_batch_id(NOW)
    asked = Transition(NOW, Status.AWAITING_APPROVAL, Cause.REQUEST, "USD 5000..: 1", "c" * 12)
    payment = (
        a_payment(
            customer_id="c" * 36,
            email="e" * 64,
            due_shard=999,
            status=asked.status,
            history=(asked,),
            approval=RequiredApproval("USD 5000..: 1", 1, digests(["c"])),
        )
        .moved(Status.PENDING, later(1), Cause.PERSON, "approved", "a" * 12)
        .changed(approvals=(Approval(NOW, "a" * 12, digests(["a"]), "0" * 12),))
        .moved(Status.SUBMITTING, later(2), Cause.DISPATCH, batch_id, batch_id=batch_id)
        .moved(Status.SUBMITTED, later(3), Cause.DISPATCH, "P" * 13, provider_item_id="I" * 13)
        .moved(Status.SUCCEEDED, later(4), Cause.WEBHOOK, "I" * 13, transaction_id="T" * 17)
        .moved(Status.RETURNED, later(5), Cause.WEBHOOK, "I" * 13, reason="r" * 40)
    )
    assert item_size(payment_record(payment)) < 1024


def test_an_earlier_version_keeps_the_approvals_of_a_payment_that_it_changes() -> None:
    """Its update names what it changes, and it knows of neither attribute."""
    required = RequiredApproval("USD 5000..: 1", 1, digests(["c"]))
    approvals = (Approval(NOW, "ann", digests(["ann"]), "v1"),)
    payment = a_payment(approval=required, approvals=approvals)
    record = payment_record(payment)
    earlier = payment_record(replace(payment, approval=None, approvals=()))
    sent = payment_record(replace(stamped(payment), approval=None, approvals=()))
    changed, removed = difference(earlier, sent)
    kept = {name: value for name, value in record.items() if name not in removed} | changed
    assert (read_payment(kept).approval, read_payment(kept).approvals) == (required, approvals)


def test_a_full_chunk_of_members_is_far_from_the_largest_item() -> None:
    batch = Batch("b", "paypal", "USD", BatchState.PREPARED, 500, NOW, "r")
    longest = [
        member._replace(customer_id="c" * 50, email="e" * 127, money=usd("9999999999999.99"))
        for member in members(500)
    ]
    (record,) = member_records(batch, longest)
    assert item_size(record) < 400 * 1024 / 3


def test_dynamodb_gets_no_floats() -> None:
    record: dict[str, Any] = {"amount": 0.1}
    with pytest.raises(TypeError):
        to_item(record)


def test_who_did_it_is_stored_beside_the_history_so_that_an_earlier_version_reads_that() -> None:
    requested = Transition(NOW, Status.PENDING, Cause.REQUEST, by="payroll")
    payment = stamped(a_payment(history=(requested,)))
    cancelled = payment.moved(Status.CANCELLED, later(2), Cause.REQUEST, "why", "Ada Lovelace")
    record = payment_record(cancelled)
    assert (
        record["history"]
        == payment_record(replace(cancelled, history=_nobody(cancelled)))["history"]
    )
    assert record["by"] == ["0 payroll", "2 Ada Lovelace"]
    assert (read_payment(record).created_by, read_payment(record)) == ("payroll", cancelled)


def test_a_line_that_an_earlier_version_added_has_no_maker_and_the_others_keep_theirs() -> None:
    requested = Transition(NOW, Status.PENDING, Cause.REQUEST, by="payroll")
    record = payment_record(a_payment(history=(requested,)))
    record["history"] = payment_record(stamped(a_payment()))["history"]
    assert [line.by for line in read_payment(record).history] == ["payroll", ""]


def _nobody(payment: Payment) -> tuple[Transition, ...]:
    return tuple(line._replace(by="") for line in payment.history)
