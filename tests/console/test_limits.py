"""Limits in the console: the rules in words, what is used and left, and when it resets."""

from __future__ import annotations

from paymentapp.config import Settings
from tests.console.conftest import ConsoleBench, Person

RULES = (
    "all USD 100/day; client USD 50/24h ask; customer EUR 20/month; payment USD 40; "
    "customer x USD 5/day"
)


def limited(limits: str = RULES) -> ConsoleBench:
    bench = ConsoleBench(Settings(limits=limits, duplicate_hours=1))
    bench.add_customer()
    return bench


def test_without_rules_the_page_says_how_to_set_them(person: Person) -> None:
    page = person.see("/limits")
    assert "No limit is set" in page
    assert "PAYMENTAPP_LIMITS" in page


def test_each_rule_is_in_words_with_what_is_used_and_left() -> None:
    console = limited()
    console.pay(amount=12.5)
    page = console.person.see("/limits")
    for text in (
        "Everybody together: at most 100.00 USD a day",
        "Each client: at most 50.00 USD in any 24 hours",
        "One payment: at most 40.00 USD",
        "Customer x: at most 5.00 USD a day",
        "12.50 USD",
        "87.50 USD",
        "37.50 USD",
        "2026-03-02 00:00",
        "needs approval",
        "25 %",
        "Name a customer below",
        "within 1 hours",
    ):
        assert text in page, text


def test_the_use_of_another_client_and_of_a_customer() -> None:
    console = limited()
    console.pay(amount=12.5, currency="EUR")
    page = console.person.see("/limits", client="payroll", customer_id="ada")
    assert "what <strong>payroll</strong> has used" in page
    assert "7.50 EUR" in page
    assert "2026-04-01 00:00" in page


def test_a_wrong_customer_is_said_beside_the_field() -> None:
    console = limited()
    page = console.person.see("/limits", 422, customer_id="<script>")
    assert "Must be the id of a customer." in page
    source = console.person.client.get("/console/limits?customer_id=<script>alert(1)")
    assert "<script>alert" not in source.get_data(as_text=True)


def test_who_may_not_read_payments_gets_403() -> None:
    console = limited()
    assert "payments:read" in console.somebody("ann", "customers:read").see("/limits", 403)
