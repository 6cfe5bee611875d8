"""`paymentapp bulk`: what is shown of runs, and the orders of operators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paymentapp.cli.pay import steps_done, steps_of
from paymentapp.models.bulk import BulkMode, BulkStatus
from tests.cli.conftest import Desk
from tests.support.records import a_run

FILE = "customer_id,email,amount,currency\nada,ada@example.com,12.50,USD\nada,x@example.com,3,USD\n"


@pytest.fixture
def run(desk: Desk, tmp_path: Path) -> str:
    """Return the id of a run with a payment, and a row that was rejected."""
    desk.environ |= {"PAYMENTAPP_APPROVALS": "USD 10..: 1"}
    with desk.service() as services:
        services.customers.register("ada", "ada@example.com", {})
    path = tmp_path / "june.csv"
    path.write_text(FILE)
    assert desk.run("pay", str(path), "--mode", "each", "--by", "Eve").exit_code == 1
    (found,) = desk.json("bulk", "list")["runs"]
    return str(found["bulk_id"])


def work_off(desk: Desk) -> None:
    with desk.service() as services:
        while services.bulk_runner.advance():
            pass


def test_runs_are_listed_and_shown(desk: Desk, run: str) -> None:
    listed = desk.run("bulk", "list").stdout
    assert f"{run}  completed" in listed
    assert listed.endswith("12.50 USD\n1 run.\n")
    shown = desk.run("bulk", "show", run).stdout
    assert f"run       {run}: completed, mode each\n" in shown
    assert "rows      1 fine, 1 not, of 2\nsums      12.50 USD\n" in shown
    assert "payments  1 awaiting_approval, as of " in shown
    record = desk.json("bulk", "show", run)
    assert (record["accepted"], record["sums"][0]["amount"]) == (1, 12.5)


def test_rows_are_listed_with_what_is_wrong(desk: Desk, run: str) -> None:
    listed = desk.run("bulk", "rows", run).stdout
    assert "awaiting_approval" in listed
    assert "email This is not the customer's e-mail." in listed
    assert listed.endswith("2 rows.\n")
    (rejected,) = desk.json("bulk", "rows", run, "--status", "rejected")["rows"]
    assert (rejected["line"], rejected["errors"][0]["field"]) == (3, "email")
    lines = desk.run("bulk", "rows", run, "--ndjson").stdout.splitlines()
    assert [json.loads(line)["line"] for line in lines] == [2, 3]
    assert desk.run("bulk", "rows", run, "--limit", "1").stdout.endswith("1 row.\n")


def test_a_run_is_held_and_released(desk: Desk, run: str) -> None:
    held = desk.run("bulk", "hold", run, "--note", "a doubt", "--by", "Ada").stdout
    assert "held      by Ada: a doubt\n" in held
    assert f"bulk      {run}" in desk.run("holds").stdout
    assert "held" not in desk.run("bulk", "release", run, "--by", "Ada").stdout
    assert "No hold is in force." in desk.run("holds").stdout


def test_a_run_is_approved_by_another_operator(desk: Desk, run: str) -> None:
    refused = desk.run("bulk", "approve", run, "--by", "Eve")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Whoever asked for a run" in refused.stderr
    done = desk.run("bulk", "approve", run, "--by", "Ada", "--note", "June")
    assert "order     approve by Ada, " in done.stdout
    assert done.stdout.endswith(": a running service carries it out\n")
    work_off(desk)
    shown = desk.run("bulk", "show", run).stdout
    assert "payments  1 pending, as of " in shown
    assert shown.endswith(": done\n")


@pytest.mark.parametrize(
    ("order", "status"),
    [(("reject", "--note", "not ours"), "rejected"), (("cancel",), "cancelled")],
)
def test_a_run_is_rejected_or_cancelled(
    desk: Desk, run: str, order: tuple[str, ...], status: str
) -> None:
    name, *options = order
    ordered = desk.json("bulk", name, run, "--by", "Ada", *options)
    assert (ordered["order"]["action"], ordered["order_open"]) == (name, True)
    work_off(desk)
    counts = desk.json("bulk", "show", run)["payments"]["counts"]
    assert counts == [{"status": status, "count": 1}]


def test_a_run_that_is_unknown_is_an_error(desk: Desk, run: str) -> None:
    for command in ("show", "rows", "release", "cancel", "approve"):
        refused = desk.run("bulk", command, f"{run[:-1]}x")
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "There is no such bulk run." in refused.stderr


def test_progress_counts_rows_that_are_checked_before_they_are_paid() -> None:
    run = a_run(mode=BulkMode.ALL, status=BulkStatus.CHECKING, total=10, accepted=4, rejected=1)
    assert (steps_done(run), steps_of(run)) == (5, 20)
    paying = a_run(mode=BulkMode.ALL, status=BulkStatus.ACCEPTING, total=10, accepted=5)
    assert (steps_done(paying), steps_of(paying)) == (15, 20)
    ended = a_run(mode=BulkMode.ALL, status=BulkStatus.REFUSED, total=10, accepted=9, rejected=1)
    assert steps_done(ended) == 20
    each = a_run(mode=BulkMode.EACH, status=BulkStatus.ACCEPTING, total=10, accepted=5)
    assert (steps_done(each), steps_of(each)) == (5, 10)
    dry = a_run(mode=BulkMode.ALL, status=BulkStatus.CHECKING, is_dry=True, total=10, accepted=5)
    assert (steps_done(dry), steps_of(dry)) == (5, 10)
