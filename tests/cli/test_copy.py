"""The command `copy`: a service moves to another store, and each payment leaves once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from paymentapp.models.payments import Status
from tests.cli.conftest import Desk


@pytest.fixture
def moved(desk: Desk, tmp_path: Path) -> Desk:
    """Return the desk with another store, which is not there yet."""
    path = tmp_path / "moved.db"
    store = {"PAYMENTAPP_STORE": f"sqlite:///{path}"}
    return replace(desk, environ=desk.environ | store, database=path)


def copy(desk: Desk, moved: Desk, *options: str) -> str:
    stores = [f"sqlite:///{each.database}" for each in (desk, moved)]
    done = desk.run("copy", "--from", stores[0], "--to", stores[1], *options)
    assert done.exit_code == 0, done.output
    return done.stdout


def paid(desk: Desk) -> Counter[str]:
    return Counter(item["receiver"] for item in desk.ledger())


def test_what_is_due_leaves_from_the_target_once_it_is_released(desk: Desk, moved: Desk) -> None:
    with desk.service() as services:
        services.customers.register("bob", "bob@example.com", {})
        payment = desk.request(services, "bob")
    copy(desk, moved)
    assert copy(desk, moved, "--finish").endswith(
        "Both stores are the same. The target is held until you release it.\n"
    )
    with desk.service() as services:
        assert services.dispatcher.submit([payment]) is None
    with moved.service() as services:
        assert services.dispatcher.submit([services.payments.get(payment.key)]) is None
    moved.run("release", "--all")
    with moved.service() as services:
        assert services.dispatcher.submit([services.payments.get(payment.key)]) is not None
    assert paid(desk) == {"bob@example.com": 1}


def test_a_batch_that_may_have_been_sent_is_sent_again_under_its_id(
    desk: Desk, moved: Desk
) -> None:
    desk.set_simulator(faults_on=["create"], drop_after=1.0)
    batch, (payment,) = desk.pay("ann", follow=False)
    desk.set_simulator(drop_after=0.0)
    copy(desk, moved, "--finish")
    moved.run("release", "--all")
    with moved.service() as services:
        found = services.store.get_batch(batch.batch_id)
        assert found is not None
        services.poller.follow(services.dispatcher.resume(found))
    assert moved.read(payment).status is Status.SUCCEEDED
    assert paid(desk) == {"ann@example.com": 1}


def test_who_was_suspended_with_what_it_had_read_sends_nothing(
    desk: Desk, moved: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process has looked at the holds, and stamps a payment when all has been copied."""
    with desk.service() as services:
        services.customers.register("bob", "bob@example.com", {})
        payment = desk.request(services, "bob")
        stamp = services.store.change_payments

        def suspended(*changes: object) -> list[bool]:
            copy(desk, moved, "--finish")
            return stamp(*changes)  # type: ignore[arg-type]  # whatever it was called with

        monkeypatch.setattr(services.store, "change_payments", suspended)
        assert services.dispatcher.submit([payment]) is None
    assert paid(desk) == {}


def test_it_says_what_it_has_copied(desk: Desk, moved: Desk) -> None:
    desk.pay("ann")
    copy(desk, moved)
    shown = copy(desk, moved, "--finish")
    assert "payments of the source: 1, in sum 12.50 USD" in shown
    assert desk.run("holds").stdout.count(f"moved to SQLite {moved.database}"[:20]) == 1


def test_the_same_store_is_refused(desk: Desk) -> None:
    desk.run("init")
    store = f"sqlite:///{desk.database}"
    done = desk.run("copy", "--from", store, "--to", store)
    assert done.exit_code == 2
    assert "--from and --to are the same store" in done.output


def test_a_source_that_is_missing_is_refused_and_names_it(desk: Desk, moved: Desk) -> None:
    stores = ("--from", f"sqlite:///{desk.database}x", "--to", f"sqlite:///{moved.database}")
    done = desk.run("copy", *stores)
    assert done.exit_code == 2
    assert f"(the store: SQLite {desk.database}x)" in done.output


def test_a_target_that_cannot_be_reached_is_named(desk: Desk) -> None:
    desk.run("init")
    stores = ("--from", f"sqlite:///{desk.database}", "--to", "postgresql://nobody@127.0.0.1:1/no")
    done = desk.run("copy", *stores)
    assert done.exit_code == 2
    assert "not reachable (the store: PostgreSQL 127.0.0.1:1/no)" in done.output


def test_a_target_that_holds_something_else_is_refused(desk: Desk, moved: Desk) -> None:
    for each in (desk, moved):
        each.run("init")
        each.pay("ann")
    stores = ("--from", f"sqlite:///{desk.database}", "--to", f"sqlite:///{moved.database}")
    done = desk.run("copy", *stores)
    assert done.exit_code == 2
    assert "the target is not empty: it has customers; copy into a new store" in done.output


def test_a_store_that_is_none_is_refused(desk: Desk) -> None:
    done = desk.run("copy", "--from", "mysql://x", "--to", "sqlite:///y")
    assert done.exit_code == 2
    assert not Path("y").exists()
