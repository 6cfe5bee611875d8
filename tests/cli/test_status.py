"""The commands that show what is open, and how a batch goes."""

from __future__ import annotations

from tests.cli.conftest import Desk


def test_nothing_is_open_after_everything_has_an_outcome(desk: Desk) -> None:
    desk.pay("ada")
    shown = desk.run("status").stdout
    assert shown.splitlines()[0].startswith("store      ")
    assert "provider   paypal: configured" in shown
    assert shown.endswith("0 payments without an outcome.\n")


def test_what_waits_is_counted_by_why_with_sums_and_the_oldest(desk: Desk) -> None:
    desk.pay("ada", follow=False)
    desk.run("hold", "all", "--note", "a doubt", "--by", "Eve")
    with desk.service() as services:
        for name in ("bob", "cid"):
            services.customers.register(name, f"{name}@example.com", {})
            desk.request(services, name)
    found = desk.json("status")
    held, sent = found["groups"]
    assert (held["status"], held["waiting_for"], held["payments"]) == ("pending", "hold", 2)
    assert held["totals"] == [{"currency": "USD", "payments": 2, "amount": 25}]
    assert (sent["status"], sent["payments"]) == ("submitting", 1)
    assert (found["payments"], found["oldest"]) == (3, sent["oldest"])
    shown = desk.run("status").stdout
    assert "hold       all since " in shown
    assert "a doubt" in shown
    assert "25.00 USD" in shown


def test_what_needs_a_person_names_its_command(desk: Desk) -> None:
    desk.park("ada", acted=False)
    shown = desk.run("status").stdout
    assert "parked     1 batch: `paymentapp parked list`" in shown
    assert desk.json("status")["groups"][0]["waiting_for"] == "person"


def test_a_batch_shows_its_attempts_its_error_and_its_next_try(desk: Desk) -> None:
    desk.set_simulator(faults_on=["create"], drop_before=1.0)
    batch, _ = desk.pay("ada", "bob", follow=False)
    shown = desk.run("batches", "show", batch.batch_id).stdout
    assert f"batch     {batch.batch_id}: frozen" in shown
    assert "paypal, 2 payments, 25.00 USD" in shown
    assert "attempts  1" in shown
    assert "error     " in shown
    assert "next      2" in shown
    assert shown.endswith("2 payments.\n")


def test_a_batch_that_was_accepted_has_the_providers_id_and_its_payments(desk: Desk) -> None:
    batch, (payment,) = desk.pay("ada")
    found = desk.json("batches", "show", batch.batch_id)
    assert (found["state"], found["reference"]) == ("closed", batch.reference)
    (shown,) = found["payments"]
    assert (shown["payment_id"], shown["status"]) == (payment.payment_id, "succeeded")
    assert (shown["payee"], shown["in_batch"]) == ("a***@example.com", True)


def test_a_batch_that_is_not_there_is_exit_status_2(desk: Desk) -> None:
    desk.pay("ada")
    missing = desk.run("batches", "show", "b1")
    assert missing.exit_code == 2
    assert missing.stderr == "paymentapp: there is no batch 'b1'\n"
