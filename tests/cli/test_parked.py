"""`paymentapp parked`: lists, resolutions and refusals."""

from __future__ import annotations

import json

import pytest

from paymentapp.models.batches import BatchState
from paymentapp.models.payments import Cause, Status
from tests.cli.conftest import Desk

BY = ["--by", "Grace  Hopper", "--note", "case 4711:\nthey have it"]


def resolve(batch_id: str, verdict: str, *more: str) -> list[str]:
    return ["parked", "resolve", batch_id, "--as", verdict, *more]


def reference_of(desk: Desk) -> str:
    return desk.ledger()[0]["payout_batch_id"]


def test_nothing_parked(desk: Desk) -> None:
    assert desk.run("init").exit_code == 0
    result = desk.run("parked", "list", "--all")
    assert result.exit_code == 0
    assert result.stdout == (
        "No batch is parked.\n\n0 payments without an outcome for over 30 days.\n"
    )


def test_a_parked_batch_is_shown_with_its_evidence(desk: Desk) -> None:
    batch, payment = desk.park("ann", acted=True)
    assert batch.state is BatchState.PARKED
    plain = desk.run("parked", "list")
    assert plain.exit_code == 0
    assert "asked" not in plain.stdout
    lines = desk.run("parked", "list", "--ask").stdout.splitlines()
    assert lines[0] == f"batch     {batch.batch_id}"
    assert lines[1] == "          paypal, 12.50 USD, 1 payment"
    assert lines[2].startswith("frozen    20")
    assert lines[3] == "attempts  1, the last: OutcomeUnknown: NO_ANSWER: ConnectionError"
    assert lines[4].startswith("asked     1 of 1 transactions since 20")
    assert lines[5] == f"members   ann {payment.payment_id}  12.50 USD  a***@example.com"
    assert lines[7] == "1 batch parked."


def test_the_list_as_json(desk: Desk) -> None:
    batch, payment = desk.park("ann", acted=False)
    document = desk.json("parked", "list", "--ask")
    (case,) = document["parked"]
    assert document["lingering"] == []
    assert (case["batch_id"], case["total"], case["currency"]) == (batch.batch_id, "12.5", "USD")
    assert case["asked"].startswith("none of 0 transactions")
    (member,) = case["members"]
    assert (member["payment_id"], member["receiver"]) == (payment.payment_id, "a***@example.com")
    assert member["payee"] == {"method": "paypal", "display": "a***@example.com"}


def test_the_payee_of_a_member_is_who_would_be_paid(desk: Desk) -> None:
    desk.park("ann", acted=False, to="other@example.org")
    assert "12.50 USD  o***@example.org\n" in desk.run("parked", "list").stdout
    ((member,),) = (case["members"] for case in desk.json("parked", "list")["parked"])
    assert member["receiver"] == "o***@example.org"
    assert member["payee"] == {"method": "paypal", "display": "o***@example.org"}


def test_payments_that_the_provider_holds_for_long_are_shown(desk: Desk) -> None:
    batch, (payment,) = desk.pay("blocked", days=31)
    result = desk.run("parked", "list", "--all")
    assert "1 payment without an outcome for over 30 days." in result.stdout
    (row,) = [line for line in result.stdout.splitlines() if payment.payment_id in line]
    cells = [payment.payment_id, "blocked", "12.50", "USD", "b***@example.com", "submitted"]
    assert row.split()[:6] == cells
    assert "paypal: BLOCKED: REGULATORY_BLOCKED: " in row
    assert row.endswith(f"batch {batch.batch_id} as {batch.reference}")
    (found,) = desk.json("parked", "list", "--all")["lingering"]
    assert (found["customer_id"], found["provider_status"]) == ("blocked", "BLOCKED")
    assert found["reason"].startswith("REGULATORY_BLOCKED: ")
    assert found["payee"] == {"method": "paypal", "display": "b***@example.com"}


def test_accepted(desk: Desk) -> None:
    batch, payment = desk.park("ann", acted=True)
    result = desk.run(*resolve(batch.batch_id, "accepted", "--reference", reference_of(desk), *BY))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"batch {batch.batch_id} is closed; payments: 1 succeeded\n")
    assert f"paypal has this batch as {reference_of(desk)}" in result.stdout
    settled = desk.read(payment)
    assert settled.status is Status.SUCCEEDED
    assert Cause.PERSON in [move.cause for move in settled.history]
    shown = desk.run("audit", "show", "ann", payment.payment_id).stdout
    assert "accepted by Grace Hopper\n" in shown
    assert "because: case 4711: they have it\n" in shown
    assert "evidence: paypal has this batch as" in shown
    assert desk.run("audit", "verify").exit_code == 0
    assert desk.creates() == 1


def test_not_sent(desk: Desk) -> None:
    batch, payment = desk.park("ann", acted=False)
    confirm = ["--confirm", batch.batch_id]
    result = desk.run(*resolve(batch.batch_id, "not-sent", *confirm, *BY))
    assert result.exit_code == 0, result.stderr
    assert "payments: 1 pending" in result.stdout
    freed = desk.read(payment)
    assert (freed.status, freed.history[-1].cause) == (Status.PENDING, Cause.PERSON)
    assert desk.ledger() == []  # the command itself sends nothing
    with desk.service() as services:
        again = services.dispatcher.submit([freed])
        assert again is not None
        services.poller.follow(again)
    assert desk.read(payment).status is Status.SUCCEEDED
    assert [line["sender_batch_id"] for line in desk.ledger()] == [again.batch_id]
    assert desk.run("audit", "verify").exit_code == 0
    assert desk.run("reconcile").exit_code == 0


def test_not_sent_is_refused_where_the_books_know_better(desk: Desk) -> None:
    batch, payment = desk.park("ann", acted=True)
    confirm = ["--confirm", batch.batch_id]
    result = desk.run(*resolve(batch.batch_id, "not-sent", *confirm, *BY))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the provider's books contradict that: 1 of 1 transactions" in result.stderr
    assert desk.read(payment).status is Status.SUBMITTING


def test_a_wrong_reference_is_refused(desk: Desk) -> None:
    batch, _ = desk.park("ann", acted=True)
    desk.pay_as_somebody_else("zz.eve")
    theirs = desk.ledger()[-1]["payout_batch_id"]
    result = desk.run(*resolve(batch.batch_id, "accepted", "--reference", theirs, *BY))
    assert result.exit_code == 2
    assert f"{theirs} is another batch: theirs" in result.stderr
    result = desk.run(*resolve(batch.batch_id, "accepted", "--reference", "UNKNOWN1", *BY))
    assert result.exit_code == 2
    assert "paypal does not know UNKNOWN1, or no longer" in result.stderr
    assert f"--confirm {batch.batch_id}" in result.stderr


def test_a_reference_that_is_forgotten_is_taken_by_a_persons_word(desk: Desk) -> None:
    batch, payment = desk.park("ann", acted=False)
    command = resolve(batch.batch_id, "accepted", "--reference", "UNKNOWN1", *BY)
    result = desk.run(*command, "--confirm", batch.batch_id)
    assert result.exit_code == 0
    assert "is accepted; payments: 1 submitted" in result.stdout
    assert desk.read(payment).status is Status.SUBMITTED
    assert "unknown-batch" in desk.run("reconcile").stdout


def test_a_batch_that_is_not_parked_is_refused(desk: Desk) -> None:
    batch, _ = desk.pay("ann")
    for command in (
        resolve(batch.batch_id, "accepted", "--reference", "R", *BY),
        resolve(batch.batch_id, "not-sent", "--confirm", batch.batch_id, *BY),
    ):
        result = desk.run(*command)
        assert result.exit_code == 2
        assert f"batch {batch.batch_id} is closed, not parked" in result.stderr
    assert desk.run(*resolve("b0", "accepted", "--reference", "R", *BY)).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--as", "accepted", *BY], "accepted needs --reference"),
        (["--as", "accepted", "--reference", " ", *BY], "accepted needs --reference"),
        (["--as", "not-sent", *BY], "not-sent needs --confirm b1"),
        (["--as", "not-sent", "--confirm", "b2", *BY], "--confirm names another batch"),
        (["--as", "gone", *BY], "Invalid value for '--as'"),
        (["--as", "not-sent", "--confirm", "b1", "--note", "x"], "Missing option '--by'"),
        (["--as", "not-sent", "--confirm", "b1", "--by", "x"], "Missing option '--note'"),
        (["--as", "not-sent", "--by", " ", "--note", "x"], "must have 1 to 80 characters"),
        (["--as", "not-sent", "--by", "x", "--note", "x" * 501], "must have 1 to 500 characters"),
        (["--as", "not-sent", "--by", "a\x1bb", "--note", "x"], "must have 1 to 80 characters"),
    ],
)
def test_a_decision_is_complete_or_none(desk: Desk, arguments: list[str], says: str) -> None:
    result = desk.run("parked", "resolve", "b1", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_decision_is_kept_with_the_batch(desk: Desk) -> None:
    batch, _ = desk.park("ann", acted=True)
    desk.run(*resolve(batch.batch_id, "accepted", "--reference", reference_of(desk), *BY))
    with desk.service() as services:
        stored = services.store.get_batch(batch.batch_id)
    assert stored is not None
    assert stored.decision is not None
    assert json.dumps(stored.decision[1:4]) == (
        '["accepted", "Grace Hopper", "case 4711: they have it"]'
    )


def test_of_a_large_batch_the_first_members_are_listed(desk: Desk) -> None:
    desk.set_simulator(faults_on=["create"], drop_before=1.0)
    batch, payments = desk.pay(*(f"u{number}" for number in range(25)), follow=False, days=26)
    desk.set_simulator(drop_before=0.0)
    with desk.service() as services:
        assert services.dispatcher.resume(batch).state is BatchState.PARKED
    lines = desk.run("parked", "list").stdout.splitlines()
    shown = [line for line in lines if "@example.com" in line]
    assert 0 < len(shown) < len(payments)
    assert f"          and {len(payments) - len(shown)} others" in lines


def test_a_batch_is_parked_by_an_operator(desk: Desk) -> None:
    desk.set_simulator(faults_on=["create"], drop_after=1.0)
    batch, (payment,) = desk.pay("ann", follow=False)
    desk.set_simulator(drop_after=0.0)
    result = desk.run("parked", "add", batch.batch_id, *BY)
    assert (result.exit_code, result.stdout) == (
        0,
        f"batch {batch.batch_id} is parked; payments: 1 submitting\n",
    )
    assert "by Grace Hopper: case 4711: they have it\n" in desk.run("parked", "list").stdout
    (case,) = desk.json("parked", "list")["parked"]
    assert case["stopped"] | {"at": ""} == {
        "at": "",
        "by": "Grace Hopper",
        "note": "case 4711: they have it",
    }
    desk.run(*resolve(batch.batch_id, "accepted", "--reference", reference_of(desk), *BY))
    assert desk.read(payment).status is Status.SUCCEEDED
    assert desk.creates() == 1
    again = desk.run("parked", "add", batch.batch_id, *BY)
    assert again.exit_code == 2
    assert "it is not going to be sent" in again.stderr
