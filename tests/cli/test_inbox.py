"""`paymentapp inbox`: what an operator sees, types, and is refused."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.clock import utc_now
from paymentapp.models.payments import Cause, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from tests.cli.conftest import Desk

BY = ["--by", "Grace  Hopper", "--note", "case 4711:\nthe bank says so"]
BODY = b'{"event_type": "PAYMENT.PAYOUTS-ITEM.RETURNED"}'


def set_aside(desk: Desk, note: str = "there is no such payment") -> str:
    """Set an event aside, as the inbox does; return its id."""
    with desk.service() as services:
        event = ProviderEvent.received(
            *("paypal", "WH-1", "PAYMENT.PAYOUTS-ITEM.RETURNED", BODY),
            now=utc_now() - timedelta(hours=1),
            due_at=utc_now(),
            shards=1,
        )
        services.store.add_provider_event(event.done(ProviderEventState.SET_ASIDE, note, None))
    return "WH-1"


def test_nothing_waits(desk: Desk) -> None:
    desk.run("init")
    result = desk.run("inbox", "list")
    assert (result.exit_code, result.stdout) == (0, "Nothing waits for an operator.\n")
    assert desk.json("inbox", "list") == {"inbox": []}


def test_what_waits_is_listed_and_shown(desk: Desk) -> None:
    set_aside(desk, "odd\nnote")
    head, row, last = desk.run("inbox", "list").stdout.splitlines()
    assert head.split() == ["ID", "PROVIDER", "KIND", "SINCE", "WHY"]
    assert row.split()[:5] == ["WH-1", "paypal", "event,", "set-aside", row.split()[4]]
    assert row.endswith(r"Z  odd\nnote")
    assert last == "1 item waiting: `paymentapp inbox show ID` says more."
    shown = desk.run("inbox", "show", "WH-1").stdout
    assert "why               odd\\nnote\n" in shown
    (case,) = desk.json("inbox", "list")["inbox"]
    assert case == desk.json("inbox", "show", "WH-1")
    assert (case["id"], case["recorded"]) == ("WH-1", None)


def test_reconcile_ends_with_1_while_something_waits(desk: Desk) -> None:
    desk.pay("ann")
    set_aside(desk)
    result = desk.run("reconcile")
    assert result.exit_code == 1
    assert "inbox: 1 waiting for an operator: `paymentapp inbox list`" in result.stdout
    desk.run("inbox", "record", "WH-1", "--as", "ignored", *BY)
    assert desk.run("reconcile").exit_code == 0


def test_a_payment_moves_by_an_operators_word(desk: Desk) -> None:
    _, (payment,) = desk.pay("ann")
    set_aside(desk)
    subject = ["--payment", payment.customer_id, payment.payment_id]
    result = desk.run("inbox", "record", "WH-1", "--as", "returned", *subject, *BY)
    assert result.stdout == f"payment ann {payment.payment_id} is returned.\n"
    moved = desk.read(payment)
    assert (moved.status, moved.history[-1].cause) == (Status.RETURNED, Cause.PERSON)
    assert moved.reason == "recorded by Grace Hopper: case 4711: the bank says so"
    shown = desk.run("inbox", "show", "WH-1").stdout
    assert f"returned of ann {payment.payment_id} by Grace Hopper at 20" in shown


def test_what_cannot_be_is_refused(desk: Desk) -> None:
    set_aside(desk)
    wrong = desk.run("inbox", "record", "WH-1", "--as", "returned", *BY)
    assert (wrong.exit_code, "needs --payment" in wrong.stderr) == (2, True)
    nobody = ["--payment", "nobody", "2026-01-01T00:00:00.000000Z"]
    result = desk.run("inbox", "record", "WH-1", "--as", "returned", *nobody, *BY)
    assert (result.exit_code, "there is no payment nobody" in result.stderr) == (2, True)
    assert desk.run("inbox", "show", "WH-2").exit_code == 2
    assert len(desk.json("inbox", "list")["inbox"]) == 1
