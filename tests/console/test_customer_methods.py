"""Payment methods of a customer in the console: each provider's fields, and no secret again."""

from __future__ import annotations

import pytest

from paymentapp.errors import NotFound
from paymentapp.services.payment_methods import PaymentMethodView
from tests.console.conftest import ConsoleBench, Person
from tests.support.payment_methods import WirePayees, ledger

ACCOUNT = "123456789"
PATH = "/customers/ada/methods/wire"


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench(
        providers={"paypal": ledger("paypal"), "wire": ledger("wire", WirePayees())}
    )
    bench.add_customer()
    return bench


def stored(console: ConsoleBench) -> PaymentMethodView:
    return console.services.methods.get("ada", "wire")


def test_the_form_has_the_fields_that_the_provider_declares(person: Person) -> None:
    page = person.see(PATH)
    assert "The account." in page
    assert 'name="detail_account"' in page
    assert 'name="detail_name"' in page
    assert "Set wire" in person.see("/customers/ada")


def test_details_are_stored_and_shown_masked(console: ConsoleBench, person: Person) -> None:
    answer = person.send(PATH, detail_account=ACCOUNT, detail_name="Ada L", default="1")
    assert answer.headers["Location"] == "/console/customers/ada?done=method-set"
    assert dict(stored(console).details) == {"account": "*6789", "name": "Ada L"}
    assert stored(console).default
    for page in (person.see("/customers/ada"), person.see(PATH)):
        assert "*6789" in page
        assert ACCOUNT not in page
    assert console.services.customers.get("ada").default_method == "wire"


def test_the_default_is_taken_away_by_the_empty_box(console: ConsoleBench, person: Person) -> None:
    person.send(PATH, detail_account=ACCOUNT, default="1")
    person.send(PATH, detail_account=ACCOUNT)
    assert not stored(console).default


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "Missing detail."),
        ({"detail_account": "12"}, "Must be 4 to 17 digits."),
        ({"detail_account": "0000"}, "Must not be all zeros."),
        ({"detail_account": ACCOUNT, "detail_name": "Ada 1"}, "Must be a name."),
        ({"detail_account": "1" * 201}, "account"),
    ],
)
def test_wrong_details_are_said_beside_the_field_and_not_repeated(
    console: ConsoleBench, person: Person, fields: dict[str, str], problem: str
) -> None:
    answer = person.send(PATH, **fields)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert problem in page
    assert not any(f'value="{value}"' in page for value in fields.values())
    with pytest.raises(NotFound):
        stored(console)


def test_details_are_removed_after_a_question(console: ConsoleBench, person: Person) -> None:
    person.send(PATH, detail_account=ACCOUNT)
    page = person.see(f"{PATH}/remove")
    assert "Remove wire of ada?" in page
    assert "still made with them" in page
    assert stored(console)
    answer = person.send(f"{PATH}/remove")
    assert answer.headers["Location"] == "/console/customers/ada?done=method-removed"
    with pytest.raises(NotFound):
        stored(console)
    assert person.send(f"{PATH}/remove").status_code == 404


def test_the_history_says_who_changed_what(person: Person) -> None:
    person.send(PATH, detail_account=ACCOUNT, default="1")
    page = person.see("/customers/ada")
    for text in ("Details for wire set", "*6789", "Default method: wire", "by test"):
        assert text in page


def test_a_method_without_details_has_no_form(person: Person) -> None:
    person.see("/customers/ada/methods/paypal", 404)
    person.see("/customers/ada/methods/gold", 404)
    assert person.send("/customers/ada/methods/paypal").status_code == 404


def test_who_may_not_change_payees_gets_403_and_no_button(console: ConsoleBench) -> None:
    clerk = console.somebody("clerk", "customers:read", "customers:write")
    page = clerk.see("/customers/ada")
    assert "payees:write" in page
    assert "Set wire" not in page
    for path in (PATH, f"{PATH}/remove"):
        clerk.see(path, 403)
        assert clerk.send(path, detail_account=ACCOUNT).status_code == 403
    with pytest.raises(NotFound):
        stored(console)


def test_who_may_erase_and_not_read_is_shown_no_method(
    console: ConsoleBench, person: Person
) -> None:
    person.send(PATH, detail_account=ACCOUNT)
    assert "(wire)" in person.see("/customers/ada/erase")
    assert "(wire)" not in console.somebody("privacy", "customers:write").see(
        "/customers/ada/erase"
    )


def test_details_that_cannot_be_opened_here_spare_the_rest_of_the_page(
    console: ConsoleBench, person: Person
) -> None:
    person.send(PATH, detail_account=ACCOUNT)
    console.providers["wire"].payees = WirePayees()  # with another key
    page = person.see("/customers/ada")
    assert "cannot be opened here now" in page
    assert "ada@example.com" in page
