"""`paymentapp reconcile` over the simulator's ledger: output and exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from paymentapp.models.payments import Status
from paymentapp.vault.sealing import new_key
from tests.cli.conftest import Desk
from tests.cli.test_worker import until
from tests.support.service import clean_environ

# A shell starts what runs in its background with SIGINT ignored, and tests may be run there.
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("paymentapp", run_name="__main__", alter_sys=True)
"""


def test_what_agrees_is_exit_status_0(desk: Desk) -> None:
    desk.pay("ann", "unclaimed", "fail")
    result = desk.run("reconcile")
    assert result.stdout == "1 batch, 3 payments, 2 transactions compared: no difference.\n"
    assert result.exit_code == 0


def test_a_difference_is_exit_status_1_with_what_to_do(desk: Desk) -> None:
    batch, (payment,) = desk.pay("ann", follow=False)
    result = desk.run("reconcile")
    assert result.exit_code == 1
    head, found, _, advice, _, summary = result.stdout.splitlines()
    assert head.split() == ["KIND", "PAYMENT", "OR", "ITEM", "OURS", "THEIRS", "PAYEE", "BATCH"]
    assert found.split()[:3] == ["behind", "ann", payment.payment_id]
    payee = "a***@example.com"
    assert found.split()[3:] == ["submitting", "succeeded", "(SUCCESS)", payee, batch.batch_id]
    assert advice.startswith("behind: The provider is ahead. --repair moves")
    assert summary.endswith("compared: 1 difference.")
    assert desk.read(payment).status is Status.SUBMITTING


def test_the_payee_of_a_difference_is_who_was_paid(desk: Desk) -> None:
    desk.pay("ann", follow=False, to="other@example.org")
    assert "  o***@example.org  " in desk.run("reconcile").stdout
    (found,) = desk.json("reconcile")["differences"]
    assert found["payee"] == {"method": "paypal", "display": "o***@example.org"}


def test_it_tells_only_what_it_compared(desk: Desk) -> None:
    for number in range(7):
        desk.pay(f"c{number}")
    result = desk.run("reconcile", PAYPAL_CLIENT_ID="", PAYPAL_CLIENT_SECRET="")
    assert result.exit_code == 2
    assert "0 of 7 batches, 7 payments, 0 transactions compared" in result.stdout
    assert "not done: 2 batches of paypal: not asked about after 5 failures" in result.stdout
    assert result.stdout.count("NO_CREDENTIALS") == 7
    document = desk.json("reconcile")
    assert (document["batches"], document["batches_compared"]) == (7, 7)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_ctrl_c_ends_it_with_what_was_done(desk: Desk, options: list[str]) -> None:
    for number in range(4):
        desk.pay(f"c{number}", follow=False)
    desk.set_simulator(latency=1)
    before = desk.reads()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "reconcile", *options],
        env=clean_environ() | desk.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: desk.reads() > before + 1)  # the first batch has been answered
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert all(each.startswith("reconcile: ") for each in errors.splitlines()), errors
    if options:
        document = json.loads(told)
        assert document["not_done"] == ["the rest: interrupted"]
        assert len(document["differences"]) == document["batches"] - 1
    else:
        assert "behind" in told
        assert told.endswith("not done: the rest: interrupted\n")


def test_a_repair_is_exit_status_0_and_sends_nothing(desk: Desk) -> None:
    _, payments = desk.pay("ann", "unclaimed", follow=False)
    sent, ledger = desk.creates(), desk.ledger()
    result = desk.run("reconcile", "--repair")
    assert result.exit_code == 0
    assert result.stdout.count(", repaired  ") == 2
    assert "2 differences, 2 repaired." in result.stdout
    assert [desk.read(payment).status for payment in payments] == ["succeeded", "unclaimed"]
    assert (desk.creates(), desk.ledger()) == (sent, ledger)
    assert desk.run("reconcile").exit_code == 0


def test_money_that_comes_back_after_the_last_look_is_found(desk: Desk) -> None:
    desk.set_simulator(reversal_delay=0)
    desk.pay("refunded", follow=False)
    assert "returned (REFUNDED)" in desk.run("reconcile").stdout


def test_somebody_elses_payout_is_found(desk: Desk) -> None:
    desk.pay("ann")
    desk.pay_as_somebody_else("zz.eve")
    result = desk.run("reconcile", "--repair")
    assert result.exit_code == 1
    found = result.stdout.splitlines()[1].split()
    assert found[:3] == ["not-ours", "zz.eve", "-"]
    assert found[4:6] == ["7", "USD"]
    assert "not-ours: Money left the account for no payment on record" in result.stdout


def test_a_lost_database_shows_what_was_paid(desk: Desk) -> None:
    _, (payment,) = desk.pay("ann")
    desk.database.rename(desk.database.with_suffix(".lost"))
    for suffix in ("-wal", "-shm"):
        desk.database.with_name(desk.database.name + suffix).unlink(missing_ok=True)
    assert desk.run("init").exit_code == 0
    document = desk.json("reconcile")
    (found,) = document["differences"]
    assert found["kind"] == "not-ours"
    assert found["item_id"].endswith(".ann")
    assert payment.transaction_id in found["theirs"]


def test_json_is_one_document(desk: Desk) -> None:
    batch, (payment,) = desk.pay("ann", follow=False)
    result = desk.run("reconcile", "--json", "--from", "2026-01-01", "--to", "2100-01-01T00:00:00Z")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    (found,) = document.pop("differences")
    assert document == {
        "from": "2026-01-01T00:00:00.000000Z",
        "to": "2100-01-01T00:00:00.000000Z",
        "batches": 1,
        "batches_compared": 1,
        "payments": 1,
        "totals": [{"currency": "USD", "payments": 1, "amount": "12.50"}],
        "transactions": 1,
        "repaired": 0,
        "inbox": 0,
        "not_done": [],
        "without_search": [],
    }
    assert found.pop("advice")
    assert found == {
        "kind": "behind",
        "customer_id": "ann",
        "payment_id": payment.payment_id,
        "item_id": None,
        "batch_id": batch.batch_id,
        "ours": "submitting",
        "theirs": "succeeded (SUCCESS)",
        "payee": {"method": "paypal", "display": "a***@example.com"},
        "repaired": False,
    }
    assert desk.json("reconcile", "--repair")["repaired"] == 1
    assert desk.json("reconcile")["differences"] == []


def test_a_search_that_is_not_allowed_is_exit_status_2_unless_left_out(desk: Desk) -> None:
    desk.pay("ann", follow=False)
    desk.set_simulator(search="off")
    result = desk.run("reconcile")
    assert result.exit_code == 2
    assert "behind" in result.stdout  # the half by batches is done all the same
    assert "not done: search of paypal: NOT_AUTHORIZED" in result.stdout
    assert desk.run("reconcile", "--no-search").exit_code == 1
    assert desk.run("reconcile", "--no-search", "--repair").exit_code == 0


def test_a_provider_that_never_offers_a_search_is_named_and_nothing_more(desk: Desk) -> None:
    """A daily schedule would always fail otherwise, and nobody would look at it any more."""
    desk.pay("ann")
    bank = {
        "ORIGIN": "1234567890",
        "ORIGIN_NAME": "PAYMENTAPP",
        "DESTINATION": "091000019",
        "DESTINATION_NAME": "SIMULATED BANK",
        "COMPANY_ID": "1234567890",
        "COMPANY_NAME": "PAYMENTAPP",
        "ODFI": "091000019",
        "OUTGOING_URL": (desk.database.parent / "outgoing").as_uri(),
        "INCOMING_URL": (desk.database.parent / "incoming").as_uri(),
    }
    settings = {f"PAYMENTAPP_ACH_{name}": value for name, value in bank.items()}
    result = desk.run("reconcile", PAYMENTAPP_VAULT_KEYS=new_key(), **settings)
    assert result.exit_code == 0, result.output
    assert "not searched: ach offers no list of its transactions\n" in result.stdout


def test_what_cannot_be_compared_is_exit_status_2(desk: Desk) -> None:
    batch, _ = desk.pay("ann")
    none = {"PAYPAL_CLIENT_ID": "", "PAYPAL_CLIENT_SECRET": ""}
    result = desk.run("reconcile", **none)
    assert result.exit_code == 2
    assert f"not done: batch {batch.batch_id}: NO_CREDENTIALS" in result.stdout
    assert "not done: search of paypal: NO_CREDENTIALS" in result.stdout


def test_a_span_is_kept_to(desk: Desk) -> None:
    desk.pay("ann", follow=False)
    result = desk.run("reconcile", "--to", "2026-01-01")
    assert (result.exit_code, result.stdout[:21]) == (0, "0 batches, 0 payments")
    result = desk.run("reconcile", "--from", "2200-01-01", "--to", "2200-01-02T00:00:00+02:00")
    assert (result.exit_code, result.stdout[:21]) == (0, "0 batches, 0 payments")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "yesterday"], "'yesterday' is no ISO 8601 date or time"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "--from is later than --to"),
        (["--adopt"], "No such option"),
    ],
)
def test_a_command_that_makes_no_sense_is_exit_status_2(
    desk: Desk, arguments: list[str], says: str
) -> None:
    result = desk.run("reconcile", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_store_that_is_not_there_is_exit_status_2(desk: Desk) -> None:
    result = desk.run("reconcile")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("paymentapp: database: cannot be opened")
    assert result.stderr.count("\n") == 1


def test_a_wrong_setting_is_exit_status_2(desk: Desk) -> None:
    result = desk.run("reconcile", PAYMENTAPP_STORE="mysql")
    assert result.exit_code == 2
    assert result.stderr.startswith("paymentapp: PAYMENTAPP_STORE must be")
