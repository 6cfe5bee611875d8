"""Routes: the method of a payment, the stored explanation, and the next route."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import pytest

from paymentapp.errors import NotPayable, SettingsError
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.base import CurrencyRule, RemittanceRules
from paymentapp.services.routing import Route, Routes, RoutingRule, declined, read_rules
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.records import NOW, a_customer, a_payment, stamped, usd

WIRED = {"wire": PaymentMethod("k.sealed", NOW)}


def routes(rules: str = "", *failing: str) -> Routes:
    providers = {"paypal": LedgerProvider(), "wire": ledger("wire", WirePayees())}
    providers["gift"] = ledger("gift")
    return Routes(providers, read_rules(rules), failing.__contains__)


def ada(**fields: object) -> Customer:
    return a_customer(**{"methods": WIRED, **fields})


def test_rules_are_read_in_order() -> None:
    assert read_rules(" wire USD ..25000; gift EUR,GBP 10..20.50 ;paypal ") == [
        RoutingRule(1, "wire", frozenset({"USD"}), None, Decimal(25000)),
        RoutingRule(2, "gift", frozenset({"EUR", "GBP"}), Decimal(10), Decimal("20.50")),
        RoutingRule(3, "paypal"),
    ]
    assert read_rules("") == []


@pytest.mark.parametrize("text", ["Wire", "wire usd", "wire USD 10", "wire USD -1..", "a b c"])
def test_a_rule_that_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_ROUTES: rule 2"):
        read_rules(f"paypal; {text}")


def test_a_rule_for_a_method_that_there_is_not_is_an_error_at_start() -> None:
    with pytest.raises(SettingsError, match="rule 1 names cheque, there is gift, paypal, wire"):
        routes("cheque").check()
    routes("wire; paypal").check()


def test_without_rules_a_payment_goes_by_paypal() -> None:
    assert routes().choose(ada(), usd("5"), None) == Route("paypal", None, None)


def test_a_request_that_names_a_method_gets_it() -> None:
    assert routes("paypal").choose(ada(), usd("5"), "wire") == Route("wire", "k.sealed", None)


def test_a_named_method_without_details_is_refused() -> None:
    with pytest.raises(NotPayable, match="no details for wire") as refused:
        routes().choose(a_customer(), usd("5"), "wire")
    assert refused.value.field == "payment_method"


@pytest.mark.parametrize(
    ("money", "method"),
    [
        (usd("100"), "wire"),
        (usd("100.01"), "gift"),
        (usd("1.99"), "gift"),
        (Money(Decimal(50), "EUR"), "paypal"),
    ],
)
def test_the_first_rule_that_fits_decides(money: Money, method: str) -> None:
    chosen = routes("wire USD 2..100; gift USD; paypal").choose(ada(), money, None)
    assert chosen.method == method
    assert chosen.explanation == {"wire": "rule 1", "gift": "rule 2", "paypal": "rule 3"}[method]


def test_the_customers_default_comes_before_the_rules() -> None:
    chosen = routes("paypal").choose(ada(default_method="wire"), usd("5"), None)
    assert chosen == Route("wire", "k.sealed", "the customer's default")


def test_what_was_passed_over_is_told() -> None:
    chosen = routes("wire; gift").choose(a_customer(), usd("5"), None)
    assert chosen == Route("gift", None, "rule 2; wire has no details")


def test_a_provider_that_fails_is_passed_over_while_there_is_another() -> None:
    chosen = routes("wire; gift; paypal", "wire").choose(ada(), usd("5"), None)
    assert chosen == Route("gift", None, "rule 2; wire is failing")


def test_where_all_are_failing_the_first_waits() -> None:
    chosen = routes("wire; gift", "wire", "gift").choose(ada(), usd("5"), None)
    assert chosen == Route("wire", "k.sealed", "rule 1, though wire is failing")


def test_a_provider_that_is_not_set_up_is_passed_over() -> None:
    chosen = routes("gift; paypal")
    chosen.providers["gift"].configured = False
    assert chosen.choose(ada(), usd("5"), None).explanation == "rule 2; gift is not set up"


def test_where_no_rule_fits_the_payment_is_refused() -> None:
    with pytest.raises(NotPayable, match="No payment method of this customer fits"):
        routes("wire USD ..10").choose(ada(), usd("11"), None)


def test_the_next_way_is_one_that_was_not_tried() -> None:
    rules = routes("gift; wire; paypal")
    first = a_payment(payment_method="gift", route="rule 1")
    assert rules.another(ada(), first) == Route("wire", "k.sealed", "rule 2; gift did nothing")
    second = a_payment(payment_method="wire", route="rule 2", tried_methods=("gift",))
    assert rules.another(ada(), second) == Route(
        "paypal", None, "rule 3; gift did nothing; wire did nothing"
    )
    third = a_payment(payment_method="paypal", route="rule 3", tried_methods=("gift", "wire"))
    assert rules.another(ada(), third) is None


def test_a_payment_whose_method_was_asked_for_has_no_other_way() -> None:
    assert routes("gift; paypal").another(ada(), a_payment(payment_method="gift")) is None


def test_an_explanation_is_short() -> None:
    customer = a_customer()
    rules = "; ".join(["wire"] * 3 + ["gift USD"] + ["paypal"])
    told = routes(rules, "gift", "paypal").choose(customer, usd("5"), None).explanation
    assert told is not None
    assert len(told) <= 110


def test_a_provider_that_does_not_pay_such_an_amount_is_passed_over() -> None:
    providers = {"paypal": LedgerProvider(), "gift": ledger("gift")}
    providers["gift"].currencies = {"USD": CurrencyRule(2, Decimal(10))}
    choosing = Routes(providers, read_rules("gift; paypal"), lambda _: False)
    assert choosing.choose(ada(), usd("10"), None) == Route("gift", None, "rule 1")
    chosen = choosing.choose(ada(), usd("10.01"), None)
    assert chosen == Route("paypal", None, "rule 2; gift does not pay this amount")
    chosen = choosing.choose(ada(), Money(Decimal(5), "EUR"), None)
    assert chosen.explanation == "rule 2; gift does not pay this currency"


@pytest.mark.parametrize(
    ("customer", "money"),
    [
        (a_customer(default_method="wire"), usd("5")),  # no details of it are stored
        (ada(default_method="gift"), Money(Decimal(5), "EUR")),
        (ada(default_method="gift"), usd("10.01")),
        (ada(default_method="cheque"), usd("5")),  # not configured any more
    ],
)
def test_a_default_that_does_not_fit_is_not_replaced_by_paypal(
    customer: Customer, money: Money
) -> None:
    """The customer asked for another method than PayPal at their e-mail."""
    choosing = routes()
    choosing.providers["gift"].currencies = {"USD": CurrencyRule(2, Decimal(10))}
    with pytest.raises(NotPayable, match="No payment method of this customer fits") as refused:
        choosing.choose(customer, money, None)
    assert refused.value.field == "payment_method"


def test_a_default_that_is_failing_waits_and_is_not_replaced_by_paypal() -> None:
    chosen = routes("", "wire").choose(ada(default_method="wire"), usd("5"), None)
    assert (chosen.method, chosen.destination) == ("wire", "k.sealed")


def test_every_method_that_was_tried_is_remembered() -> None:
    store = MemoryStore()
    store.add_customer(ada())
    choosing = routes("gift; wire; paypal")
    payment = a_payment(payment_method="gift", route="rule 1", status=Status.SUBMITTING)
    seen = []
    for _ in range(3):
        payment = declined(store, choosing, payment, NOW, "NO")
        seen.append((payment.payment_method, payment.tried_methods, payment.status))
        if payment.status is Status.PENDING:
            payment = stamped(payment)
    assert seen == [
        ("wire", ("gift",), Status.PENDING),
        ("paypal", ("gift", "wire"), Status.PENDING),
        ("paypal", ("gift", "wire"), Status.FAILED),
    ]


def test_a_payment_of_a_customer_who_is_not_on_record_fails_with_the_reason() -> None:
    payment = a_payment(route="rule 1", status=Status.SUBMITTING)
    failed = declined(MemoryStore(), routes("gift; paypal"), payment, NOW, "NO")
    assert (failed.status, failed.reason) == (Status.FAILED, "NO")


SECRET = CallerTexts(None, "für Ada")


def in_ascii(rules: str = "", *failing: str) -> Routes:
    """Return routes of which the wire sends on ASCII alone."""
    found = routes(rules, *failing)
    cast(LedgerProvider, found.providers["wire"]).remittance = RemittanceRules(
        r"[ -~]*", "Must be ASCII."
    )
    return found


def test_a_named_method_that_cannot_send_on_the_description_is_refused() -> None:
    with pytest.raises(NotPayable, match="wire: Must be ASCII") as raised:
        in_ascii().choose(ada(), usd("5"), "wire", SECRET)
    assert raised.value.field == "description"


def test_a_rule_passes_over_a_method_that_cannot_send_on_the_description() -> None:
    chosen = in_ascii("wire; gift").choose(ada(), usd("5"), None, SECRET)
    assert chosen.method == "gift"
    assert chosen.explanation == "rule 2; wire cannot send on the description"


def test_a_declined_payment_goes_by_no_method_that_cannot_send_on_its_description() -> None:
    payment = a_payment(texts=SECRET, route="rule 1", payment_method="gift")
    assert in_ascii("gift; wire").another(ada(), payment) is None
