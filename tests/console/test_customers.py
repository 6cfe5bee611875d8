"""Customers in the console: find, see, register, change and erase them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from paymentapp.errors import NotFound
from paymentapp.models.customers import Customer
from tests.console.conftest import ConsoleBench, Person

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench()
    bench.add_customer()
    return bench


def ada(console: ConsoleBench) -> Customer:
    return console.services.customers.get("ada")


def attributes(*rows: tuple[str, str, str]) -> dict[str, Any]:
    """Return the fields of rows: name, value, kind."""
    names, values, kinds = zip(*rows, strict=True) if rows else ((), (), ())
    parts = {"name": names, "value": values, "kind": kinds}
    return {f"attribute_{part}": list(values) for part, values in parts.items()}


def test_customers_are_listed_a_page_at_a_time(console: ConsoleBench, person: Person) -> None:
    for number in range(50):
        console.add_customer(f"c{number:02}", f"c{number}@example.com")
    page = person.see("/customers")
    following = re.search(r'rel="next" href="/console(/customers\?cursor=[^"]+)"', page)
    assert following is not None
    names = re.findall(r'href="/console/customers/([a-z0-9]+)"', page + person.see(following[1]))
    assert len(set(names)) == 51


def test_one_is_found_by_the_whole_address(console: ConsoleBench, person: Person) -> None:
    console.add_customer("bob", "bob@example.com")
    page = person.see("/customers", q=" bob@example.com ")
    assert 'href="/console/customers/bob"' in page
    assert 'href="/console/customers/ada"' not in page
    assert "No customer has this e-mail" in person.see("/customers", q="eve@example.com")


def test_or_by_the_id(person: Person) -> None:
    answer = person.client.get("/console/customers?q=ada")
    assert answer.headers["Location"] == "/console/customers/ada"
    for wanted in ("bob", SCRIPT, "a b"):
        assert "No customer has this id" in person.see("/customers", q=wanted)


def test_a_wrong_address_or_cursor_is_said(person: Person) -> None:
    assert "Not an e-mail address" in person.see("/customers", 422, q="ada@")
    assert "next_cursor" in person.see("/customers", 422, cursor="x")


def test_a_customer_is_shown_with_payments_and_history(
    console: ConsoleBench, person: Person
) -> None:
    console.pay(reference="invoice 7")
    page = person.see("/customers/ada")
    for text in (
        "ada@example.com",
        "12.50 USD",
        "invoice 7",
        "a***@example.com",
        "Registered with",
    ):
        assert text in page, text


def test_payments_and_history_have_pages(console: ConsoleBench, person: Person) -> None:
    for number in range(26):
        console.pay(amount=100 + number)
        person.send("/customers/ada/change", **changed(console, ("n", str(number), "number")))
    page = person.see("/customers/ada")
    assert "100.00 USD" not in page
    assert "Registered with" not in page
    links = re.findall(r'rel="next" href="/console([^"]+)"', page)
    older, earlier = (link.replace("&amp;", "&") for link in links)
    assert "100.00 USD" in person.see(older)
    assert "Registered with" in person.see(earlier)


def test_who_may_not_read_payments_sees_the_customer_alone(console: ConsoleBench) -> None:
    console.pay(reference="invoice 7")
    clerk = console.somebody("clerk", "customers:read")
    page = clerk.see("/customers/ada")
    assert "payments:read" in page
    assert "invoice 7" not in page
    for word in (">Pay<", ">Change<", ">Erase<", "Set "):
        assert word not in page


def test_who_may_not_read_customers_gets_403(console: ConsoleBench) -> None:
    other = console.somebody("ann", "payments:read")
    assert "customers:read" in other.see("/customers", 403)
    assert "customers:read" in other.see("/customers/ada", 403)
    other.see("/new-customer", 403)
    assert other.send("/new-customer", customer_id="eve", email="e@x.org").status_code == 403


def test_a_customer_is_registered_with_attributes(console: ConsoleBench, person: Person) -> None:
    rows = attributes(
        ("name", "Bob B.", "text"),
        ("score", "12.50", "number"),
        ("vip", "yes", "yes-no"),
        ("", "", "text"),
    )
    answer = person.send("/new-customer", customer_id="bob", email="bob@example.com", **rows)
    assert answer.headers["Location"] == "/console/customers/bob?done=registered"
    bob = console.services.customers.get("bob")
    assert bob.email == "bob@example.com"
    assert bob.attributes["name"] == "Bob B."
    assert str(bob.attributes["score"]) == "12.50"
    assert bob.attributes["vip"] is True
    (line,) = console.services.history.every("bob")
    assert line.entry.by == "test"


def test_every_id_has_a_page_also_one_that_is_a_word_of_the_console(
    console: ConsoleBench, person: Person
) -> None:
    console.add_customer("new", "new@example.com")
    assert "Customer new" in person.see("/customers/new")


def test_the_same_again_changes_nothing_and_another_is_refused(
    console: ConsoleBench, person: Person
) -> None:
    answer = person.send("/new-customer", customer_id="ada", email="ada@example.com")
    assert answer.headers["Location"].endswith("done=registered-before")
    answer = person.send("/new-customer", customer_id="ada", email="other@example.com")
    assert answer.status_code == 422
    assert "already registered with another e-mail" in answer.get_data(as_text=True)
    assert ada(console).email == "ada@example.com"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"customer_id": "b b"}, "Must be 1 to 50 letters"),
        ({"email": "nobody"}, "Not an e-mail address"),
        ({"customer_id": ""}, "Fill this in."),
        (attributes(("a-b", "1", "text")), "must be a letter"),
        (attributes(("a", "x", "number")), "Write a number"),
        (attributes(("a", "1e5", "number")), "Write a number"),
        (attributes(("a", "1" * 30, "number")), "at most 18 digits"),
        (attributes(("a", "maybe", "yes-no")), "Write yes or no."),
        (attributes(("a", "x", "gold")), "Write a number"),
        (attributes(("email", "x@y.org", "text")), "has this field already"),
        (attributes(("a", "1", "text"), ("a", "2", "text")), "there twice"),
        (attributes(("", "1", "text")), "Give the attribute a name."),
        (attributes(("a", "x" * 201, "text")), "at most 200 characters"),
        (attributes(*((f"a{n}", "1", "text") for n in range(11))), "At most 10"),
        (attributes(*((f"a{n}", "x" * 150, "text") for n in range(5))), "at most 600 bytes"),
    ],
)
def test_what_cannot_be_registered_is_said(
    console: ConsoleBench, person: Person, fields: dict[str, Any], problem: str
) -> None:
    data = {"customer_id": "bob", "email": "bob@example.com", **fields}
    answer = person.send("/new-customer", **data)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True).replace("&#39;", "'")
    assert problem in page
    with pytest.raises(NotFound):
        console.services.customers.get("bob")


def changed(console: ConsoleBench, *rows: tuple[str, str, str], **fields: str) -> dict[str, Any]:
    """Return the fields of the form of Ada's record as it is, with changes."""
    record = {"version": ada(console).version_tag, "email": ada(console).email}
    return {**record, **attributes(*rows), **fields}


def test_a_record_is_changed_and_an_attribute_removed(
    console: ConsoleBench, person: Person
) -> None:
    person.send(
        "/customers/ada/change", **changed(console, ("vip", "yes", "yes-no"), ("n", "1", "number"))
    )
    form = person.see("/customers/ada/change")
    assert 'value="vip" maxlength="40" autocomplete="off" spellcheck="false" readonly' in form
    rows = ("vip", "yes", "yes-no"), ("n", "2", "number")
    fields = changed(console, *rows, attribute_removed="vip", email="ada@new.example")
    answer = person.send("/customers/ada/change", **fields)
    assert answer.headers["Location"] == "/console/customers/ada?done=changed"
    assert (ada(console).email, dict(ada(console).attributes)) == ("ada@new.example", {"n": 2})
    page = person.see("/customers/ada", done="changed")
    assert "E-mail address set to ada@new.example" in page


def test_a_record_that_changed_meanwhile_is_not_overwritten(
    console: ConsoleBench, person: Person
) -> None:
    stale = changed(console, ("n", "1", "number"))
    person.send("/customers/ada/change", **changed(console, ("n", "2", "number")))
    answer = person.send("/customers/ada/change", **stale)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "has changed since you opened this form" in page
    assert ada(console).attributes == {"n": 2}
    assert ada(console).version_tag in page


def test_a_stored_null_stays_as_it_is(console: ConsoleBench, person: Person) -> None:
    console.services.customers.register("nil", "nil@example.com", {"a": None, "b": "x"})
    nil = console.services.customers.get("nil")
    assert '<option value="nothing" selected>' in person.see("/customers/nil/change")
    fields = {"version": nil.version_tag, "email": nil.email}
    rows = attributes(("a", "", "nothing"), ("b", "y", "text"))
    assert person.send("/customers/nil/change", **fields, **rows).status_code == 303
    assert console.services.customers.get("nil").attributes == {"a": None, "b": "y"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"email": "nobody"}, "Not an e-mail address"), ({"email": ""}, "Not an e-mail address")],
)
def test_a_wrong_value_changes_nothing(
    console: ConsoleBench, person: Person, fields: dict[str, str], problem: str
) -> None:
    answer = person.send("/customers/ada/change", **changed(console, **fields))
    assert answer.status_code == 422
    assert problem in answer.get_data(as_text=True)
    assert ada(console).email == "ada@example.com"


def test_a_new_address_takes_the_right_to_change_payees(console: ConsoleBench) -> None:
    clerk = console.somebody("clerk", "customers:read", "customers:write")
    assert "payees:write" in clerk.see("/customers/ada/change")
    answer = clerk.send("/customers/ada/change", **changed(console, email="c@evil.example"))
    assert answer.status_code == 403
    assert ada(console).email == "ada@example.com"
    answer = clerk.send("/customers/ada/change", **changed(console, ("vip", "yes", "yes-no")))
    assert answer.status_code == 303


def test_an_erasure_says_before_what_goes_and_what_stays(person: Person) -> None:
    page = person.see("/customers/ada/erase")
    for text in ("What goes", "What stays", "cannot be undone", "Write ada to confirm"):
        assert text in page


def test_a_customer_is_erased(console: ConsoleBench, person: Person) -> None:
    fields = {"version": ada(console).version_tag, "confirmed": "ada"}
    answer = person.send("/customers/ada/erase", **fields)
    assert answer.headers["Location"] == "/console/customers/ada?done=erased"
    with pytest.raises(NotFound):
        ada(console)
    page = person.see("/customers/ada", done="erased")
    assert "This customer was erased at" in page
    assert "by test" in page
    assert "ada@example.com" not in page
    for word in (">Pay<", ">Change<", ">Erase<"):
        assert word not in page
    for path in ("change", "erase", "pay"):
        person.see(f"/customers/ada/{path}", 404)


def test_who_may_erase_and_not_read_is_shown_no_payment(console: ConsoleBench) -> None:
    console.pay()
    page = console.somebody("privacy", "customers:write").see("/customers/ada/erase")
    assert "Erase ada for good" in page
    assert "12.50" not in page


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"confirmed": "bob"}, "Write ada here to confirm"),
        ({}, "Write ada here to confirm"),
        ({"confirmed": "ada", "version": "old"}, "has changed since"),
    ],
)
def test_without_the_confirmation_or_the_version_nobody_is_erased(
    console: ConsoleBench, person: Person, fields: dict[str, str], problem: str
) -> None:
    data = {"version": ada(console).version_tag, **fields}
    answer = person.send("/customers/ada/erase", **data)
    assert answer.status_code == 422
    assert problem in answer.get_data(as_text=True)
    assert not ada(console).is_erased


def test_open_payments_refuse_an_erasure(console: ConsoleBench, person: Person) -> None:
    location = console.pay().headers["Location"]
    assert "refused while payments are open" in person.see("/customers/ada/erase")
    fields = {"version": ada(console).version_tag, "confirmed": "ada"}
    answer = person.send("/customers/ada/erase", **fields)
    assert answer.status_code == 422
    assert "Nothing was erased. Payments of this customer are open" in answer.get_data(as_text=True)
    console.client.post(f"{location}/cancel")
    assert person.send("/customers/ada/erase", **fields).status_code == 303


def test_who_may_not_write_customers_gets_403_and_no_button(console: ConsoleBench) -> None:
    reader = console.somebody("ann", "read")
    page = reader.see("/customers/ada")
    assert ">Change<" not in page
    assert "/erase" not in page
    assert ">Register a customer<" not in reader.see("/customers")
    for path in ("/customers/ada/change", "/customers/ada/erase", "/new-customer"):
        assert "customers:write" in reader.see(path, 403)
        assert reader.send(path, confirmed="ada").status_code == 403
    assert not ada(console).is_erased


def test_hostile_attributes_are_texts(console: ConsoleBench, person: Person) -> None:
    console.services.customers.register("eve", "eve@example.com", {"note": SCRIPT})
    for path in ("/customers/eve", "/customers/eve/change"):
        page = person.client.get(f"/console{path}").get_data(as_text=True)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
