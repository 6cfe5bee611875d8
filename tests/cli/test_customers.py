"""The commands that list, show and change customers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paymentapp.services.payment_orders import PaymentOrder
from tests.cli.conftest import Desk
from tests.support.records import usd


@pytest.fixture
def registered(desk: Desk) -> Desk:
    with desk.service() as services:
        services.customers.register("ada", "ada@example.com", {"country": "DE", "vip": True})
        services.customers.register("bob", "bob@example.com", {})
    return desk


def stored(desk: Desk) -> tuple[str, dict[str, object]]:
    with desk.service() as services:
        customer = services.customers.get("ada")
    return customer.email, dict(customer.attributes)


def test_customers_are_listed_with_masked_addresses(registered: Desk) -> None:
    lines = registered.run("customers", "list").stdout.splitlines()
    assert [text.split()[:2] for text in lines[1:3]] == [
        ["ada", "a***@example.com"],
        ["bob", "b***@example.com"],
    ]
    assert lines[-1] == "2 customers."


def test_a_customer_is_found_by_the_whole_address(registered: Desk) -> None:
    found = registered.json("customers", "list", "--email", "bob@example.com")["customers"]
    assert [each["customer_id"] for each in found] == ["bob"]
    assert registered.run("customers", "list", "--email", "Bob@example.com").stdout == (
        "0 customers.\n"
    )


def test_a_customer_is_shown(registered: Desk) -> None:
    lines = registered.run("customers", "show", "ada").stdout.splitlines()
    assert lines[0] == "customer    ada"
    assert lines[-2:] == ["attribute   country = DE", "attribute   vip = true"]
    assert registered.json("customers", "show", "ada")["attributes"] == {
        "country": "DE",
        "vip": True,
    }


def test_an_unknown_customer_is_an_error(registered: Desk) -> None:
    for command in (("show", "eve"), ("change", "eve", "--set", "a=b")):
        result = registered.run("customers", *command)
        assert (result.exit_code, result.stderr) == (2, "paymentapp: There is no such customer.\n")


def test_an_address_and_attributes_are_changed_by_name(registered: Desk) -> None:
    options = ("--email", "ada@new.example", "--set", "rate=1.50", "--set", 'zip="01234"')
    result = registered.run(
        *("customers", "change", "ada", *options),
        *("--set", "city=Paris", "--set", "vip=false", "--remove", "country", "--by", "Grace"),
    )
    assert result.exit_code == 0, result.output
    attributes = {"rate": Decimal("1.50"), "zip": "01234", "city": "Paris", "vip": False}
    assert stored(registered) == ("ada@new.example", attributes)
    history = registered.json("audit", "customer", "ada")["history"]
    shown = [(each["what"], each["by"], each["cause"]) for each in history[:2]]
    assert shown == [
        ("attributes_changed", "Grace", "person"),
        ("email_changed", "Grace", "person"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --email, --set or --remove"),
        (("--email", "ada"), "email: Not an e-mail address"),
        (("--set", "country"), "--set takes NAME=VALUE"),
        (("--set", "created_at=x"), "created_at: The name of an attribute"),
    ],
)
def test_what_makes_no_sense_is_refused(
    registered: Desk, options: tuple[str, ...], message: str
) -> None:
    result = registered.run("customers", "change", "ada", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert stored(registered)[0] == "ada@example.com"


# Erasing


def test_an_erasure_is_confirmed_first(registered: Desk) -> None:
    assert registered.run("customers", "erase", "ada").exit_code == 1
    assert stored(registered)[0] == "ada@example.com"


def test_a_customer_is_erased_by_name_and_the_rest_is_left_to_the_service(registered: Desk) -> None:
    result = registered.run("customers", "erase", "ada", "--yes", "--no-wait", "--by", "Grace")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == (
        "customer ada is erased; removing what other records hold"
    )
    assert result.stdout.splitlines()[-1].startswith("waiting for requests that may be under way")
    assert registered.run("customers", "show", "ada").exit_code == 2
    history = registered.json("audit", "customer", "ada")["history"]
    assert [(each["what"], each["by"], each["email"]) for each in history] == [
        ("erased", "Grace", None),
        ("registered", None, None),
    ]
    assert registered.run("customers", "list").stdout.splitlines()[-1] == "1 customer."


def test_the_command_completes_an_erasure_and_leaves_no_byte(registered: Desk) -> None:
    with registered.service(minutes=20) as services:
        services.erasures.erase("ada")
    result = registered.run("customers", "erase", "ada", "--yes")
    assert result.stdout.splitlines()[-1] == "done: nothing of the customer is left but the audit"
    files = registered.database.parent.glob(f"{registered.database.name}*")
    assert not any(b"ada@example.com" in path.read_bytes() for path in files)
    assert registered.run("customers", "erase", "ada", "--yes").exit_code == 0  # once more


def test_what_is_open_is_told(registered: Desk) -> None:
    with registered.service() as services:
        order = PaymentOrder("ada", "ada@example.com", usd("5"), "paypal")
        payment = services.payments.request(order).payment
    result = registered.run("customers", "erase", "ada", "--yes")
    assert result.exit_code == 2
    assert f"Payment {payment.payment_id} is pending." in result.stderr
    assert stored(registered)[0] == "ada@example.com"
