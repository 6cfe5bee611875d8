"""`paymentapp webhooks`: endpoints and deliveries at the command line."""

from __future__ import annotations

import pytest

from paymentapp.vault.sealing import new_key
from tests.cli.conftest import Desk

URL = "https://books.example.org/events"
KEY = new_key()


@pytest.fixture(autouse=True)
def tables(desk: Desk) -> None:
    desk.environ["PAYMENTAPP_VAULT_KEYS"] = KEY
    desk.run("init")


def add(desk: Desk, *options: str) -> str:
    """Register an endpoint, and return its id."""
    desk.run("webhooks", "add", URL, "--by", "Ada", *options)
    added: str = desk.json("webhooks", "list")["webhook_endpoints"][-1]["id"]
    return added


def test_an_endpoint_is_registered_and_its_secret_printed_once(desk: Desk) -> None:
    assert desk.run("webhooks", "list").stdout == "0 webhook endpoints.\n"
    done = desk.run("webhooks", "add", URL, "--type", "payment.failed", "--description", "Books")
    assert "secret: whsec_" in done.stdout
    (shown,) = desk.json("webhooks", "list")["webhook_endpoints"]
    assert (shown["url"], shown["event_types"]) == (URL, ["payment.failed"])
    assert "secret" not in shown
    listed = desk.run("webhooks", "list").stdout
    assert f"{shown['id']}  enabled" in listed
    assert "1 webhook endpoint." in listed


@pytest.mark.parametrize("kind", ["payment.failed", "provider.funded", "hold.placed"])
def test_an_endpoint_may_want_events_of_any_type(desk: Desk, kind: str) -> None:
    add(desk, "--type", kind)
    (shown,) = desk.json("webhooks", "list")["webhook_endpoints"]
    assert shown["event_types"] == [kind]


def test_an_endpoint_is_disabled_enabled_and_deleted(desk: Desk) -> None:
    endpoint_id = add(desk)
    assert desk.run("webhooks", "disable", endpoint_id).stdout == f"disabled {endpoint_id}\n"
    assert desk.run("webhooks", "test", endpoint_id).exit_code == 2
    assert desk.run("webhooks", "enable", endpoint_id).stdout == f"enabled {endpoint_id}\n"
    assert desk.run("webhooks", "delete", endpoint_id).stdout == f"deleted {endpoint_id}\n"
    assert desk.run("webhooks", "delete", endpoint_id).exit_code == 2


def test_a_secret_is_replaced(desk: Desk) -> None:
    endpoint_id = add(desk)
    assert desk.run("webhooks", "rotate-secret", endpoint_id).stdout.startswith("secret: whsec_")


def test_a_test_is_a_delivery_that_can_be_repeated(desk: Desk) -> None:
    endpoint_id = add(desk)
    none = desk.run("webhooks", "deliveries", endpoint_id).stdout
    assert none == "0 deliveries.\n"
    event_id = desk.run("webhooks", "test", endpoint_id).stdout.split()[-1]
    (shown,) = desk.json("webhooks", "deliveries", endpoint_id)["deliveries"]
    assert (shown["id"], shown["status"]) == (event_id, "pending")
    again = desk.run("webhooks", "redeliver", endpoint_id, event_id)
    assert again.stdout == f"to be sent: {event_id}\n"
    listed = desk.run("webhooks", "deliveries", endpoint_id, "--status", "pending").stdout
    assert f"{event_id}  webhook_endpoint.test" in listed
    assert "1 delivery." in listed
    assert (
        "0 deliveries."
        in desk.run("webhooks", "deliveries", endpoint_id, "--status", "failed").stdout
    )


def test_what_is_refused_is_said_in_one_line(desk: Desk) -> None:
    inside = desk.run("webhooks", "add", "https://10.0.0.1/")
    assert inside.exit_code == 2
    assert "not public" in inside.stderr
    keyless = desk.run("webhooks", "add", URL, PAYMENTAPP_VAULT_KEYS="")
    assert keyless.exit_code == 2
    assert "PAYMENTAPP_VAULT_KEYS is not set" in keyless.stderr


def test_secrets_are_sealed_again_with_the_customers_details(desk: Desk) -> None:
    add(desk)
    done = desk.run("vault", "rotate", PAYMENTAPP_VAULT_KEYS=f"{new_key()},{KEY}")
    assert "1 webhook secret renewed" in done.stdout
