"""Payout schedules: what is not manual is warned of, and paid all the same."""

from __future__ import annotations

import pytest

from paymentapp.models.payments import Status
from paymentapp.providers.base import Accepted
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.schedules import PayoutSchedules
from tests.support.paypal_server import FakeClock, PayPalServer, Says
from tests.support.stripe_backend import StripeBackend
from tests.unit.stripe.support import (
    ACCOUNT,
    OWN_ACCOUNT,
    PAYOUTS,
    TRANSFERS,
    a_payment,
    a_transfer,
    error,
    pays,
)

WITH_PAYOUT = f"{ACCOUNT}:standard"


def of_schedule(interval: object) -> Says:
    return Says(200, {"settings": {"payouts": {"schedule": {"interval": interval}}}})


def pay(stripe: Stripe, server: PayPalServer, clock: FakeClock, to: str = WITH_PAYOUT) -> None:
    batch, members = a_payment(clock(), to)
    server.says("POST", TRANSFERS, Says(200, a_transfer(batch, members[0])))
    server.says("POST", PAYOUTS, error(400, "payouts_not_allowed"))
    assert isinstance(stripe.submit(batch, members), Accepted)


def test_a_schedule_that_is_not_manual_is_warned_of_once_a_day(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.says("GET", OWN_ACCOUNT, of_schedule("daily"))
    told = []
    for hours in (0, 23, 1):
        clock.pass_by(hours=hours)
        pay(stripe, server, clock)
        told.append(caplog.text.count("payout schedule is daily"))
    assert told == [1, 1, 2]
    [first, _] = server.asked("GET", OWN_ACCOUNT)
    headers = {name.lower(): value for name, value in first.headers.items()}
    assert headers["stripe-account"] == ACCOUNT
    assert ACCOUNT not in caplog.text


def test_each_account_is_read(stripe: Stripe, server: PayPalServer, clock: FakeClock) -> None:
    server.says("GET", OWN_ACCOUNT, of_schedule("manual"))
    for to in ("acct_one:standard", "acct_two:instant", "acct_one:instant"):
        pay(stripe, server, clock, to)
    assert len(server.asked("GET", OWN_ACCOUNT)) == 2


def test_a_manual_schedule_and_a_transfer_alone_are_not_warned_of(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.says("GET", OWN_ACCOUNT, of_schedule("manual"))
    pay(stripe, server, clock)
    server.says("GET", OWN_ACCOUNT, of_schedule("daily"))
    pay(stripe, server, clock, "acct_another")
    assert "schedule" not in caplog.text


@pytest.mark.parametrize(
    ("says", "word"),
    [
        (error(403, "more_permissions_required_for_application"), "not read"),
        (error(500, "api_error", "api_error"), "not read"),
        (Says(200, {}), "is unknown"),
        (of_schedule(["daily"]), "is unknown"),
    ],
)
def test_a_schedule_that_cannot_be_read_holds_up_no_payment(
    stripe: Stripe,
    server: PayPalServer,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    says: Says,
    word: str,
) -> None:
    server.says("GET", OWN_ACCOUNT, says)
    pay(stripe, server, clock)
    assert word in caplog.text


def test_a_refusal_because_of_the_schedule_says_so(
    backend: StripeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.change(payout_schedule="weekly")
    batch = pays(backend, WITH_PAYOUT)
    assert "payout schedule is weekly" in caplog.text
    [report] = backend.provider.fetch(batch)
    assert report.status is Status.SUBMITTED
    assert "payout schedule is not manual" in (report.reason or "")


def test_accounts_are_not_remembered_without_end() -> None:
    asked: list[str] = []

    def ask(account: str) -> str:
        asked.append(account)
        return "manual"

    schedules = PayoutSchedules(ask, FakeClock())
    for number in range(10_001):
        schedules.warn_unless_manual("b1", f"acct_{number}")
    schedules.warn_unless_manual("b1", "acct_10000")
    assert len(asked) == 10_001
    schedules.warn_unless_manual("b1", "acct_0")
    assert len(asked) == 10_002
