"""Requests to PayPal and the tests' answers conform to PayPal's API description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    oas30_format_checker,
)

from paymentapp.clock import utc_now
from paymentapp.models.money import Money
from paymentapp.providers.paypal.balances import BALANCES
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.paypal.search import TRANSACTIONS
from paymentapp.providers.paypal.tables import BATCH_STATUS, CURRENCIES, TRANSACTION_STATUS
from paymentapp.vault.sealing import Vault, new_key
from tests.support.paypal_server import (
    ACCESS_TOKEN,
    ITEMS,
    PAYOUTS,
    PayPalServer,
    Says,
    Seen,
    a_batch,
    created,
    duplicate,
    header,
    members,
    payout_item,
    problem,
    settings_for,
)
from tests.support.published import missing, published

FOLDER = published("paypal")
FILE = FOLDER / "payments_payouts_batch_v1.json"
REPORTING = FOLDER / "reporting_transactions_v1.json"

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=missing(FOLDER))

BATCH = a_batch()


class Description:
    """The parts of an OpenAPI 3.0 document that requests and answers must conform to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def schema(self, name: str) -> Any:
        return self._document["components"]["schemas"][name]

    def hosts(self) -> set[str]:
        return {server["url"] for server in self._document["servers"]}

    def check_request(self, seen: Seen) -> None:
        """Fail if the description does not allow the request."""
        operation, in_path = self._operation(seen.method, seen.path)
        given = {"path": in_path, "query": seen.query}
        parameters = [self._resolved(each) for each in operation["parameters"]]
        for parameter in parameters:
            value = given.get(parameter["in"], {}).get(parameter["name"])
            assert value is not None or not parameter.get("required"), parameter["name"]
            if value is not None:
                self._check(_typed(value, parameter["schema"]), parameter["schema"], writing=True)
        known = {each["name"] for each in parameters if each["in"] == "query"}
        assert set(seen.query) <= known
        assert operation["security"][0]["Oauth2"]
        assert seen.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
        self._check_body(operation, seen.body)

    def _check_body(self, operation: Mapping[str, Any], body: bytes) -> None:
        if "requestBody" not in operation:
            assert body == b""
            return
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        self._check(json.loads(body), schema, writing=True)
        self._check_declared(json.loads(body), schema)

    def check_answer(self, seen: Seen, says: Says) -> None:
        """Fail if the description has no such answer to the request."""
        operation, _ = self._operation(seen.method, seen.path)
        responses = operation["responses"]
        found = responses.get(str(says.status), responses["default"])
        self._check(says.body, found["content"]["application/json"]["schema"], writing=False)

    def _operation(self, method: str, path: str) -> tuple[Any, dict[str, str]]:
        for template, operations in self._document["paths"].items():
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
            if match and method.lower() in operations:
                return operations[method.lower()], match.groupdict()
        raise AssertionError(f"the description has no {method} {path}")

    def _resolved(self, schema: Any) -> Any:
        while "$ref" in schema:
            kind, name = schema["$ref"].split("/")[-2:]
            schema = self._document["components"][kind][name]
        return schema

    def _check(self, value: Any, schema: Any, *, writing: bool) -> None:
        whole = schema | {"components": self._document["components"]}
        kind = OAS30WriteValidator if writing else OAS30ReadValidator
        validator = kind(whole, format_checker=oas30_format_checker)
        problems = [f"{each.json_path}: {each.message}" for each in validator.iter_errors(value)]
        assert not problems, problems

    def _check_declared(self, value: Any, schema: Any) -> None:
        """Fail if a body has a property that the description does not name.

        It would be valid, and mean nothing.
        """
        schema = self._resolved(schema)
        if isinstance(value, list):
            for each in value:
                self._check_declared(each, schema["items"])
        elif isinstance(value, dict):
            assert value.keys() <= schema["properties"].keys()
            for name, each in value.items():
                self._check_declared(each, schema["properties"][name])


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    return json.loads(value) if schema["type"] in {"integer", "boolean"} else value


@pytest.fixture(scope="module")
def description() -> Description:
    return Description(json.loads(FILE.read_text("utf-8")))


@pytest.fixture
def server() -> Iterator[PayPalServer]:
    with PayPalServer().running() as running:
        yield running


def checked(server: PayPalServer, description: Description, expected: int) -> None:
    """Check all calls except those for tokens, which the description leaves to OAuth."""
    calls = [seen for seen in server.seen if not seen.path.endswith("/token")]
    assert len(calls) == expected
    for seen in calls:
        assert seen.path != "/v1/payments/payment"
        description.check_request(seen)


@pytest.mark.parametrize("note", ["", "Thank you", "Grüße " * 100])
def test_batches_are_created_as_described(
    server: PayPalServer, description: Description, note: str
) -> None:
    server.says("POST", PAYOUTS, created("BATCH1", BATCH.batch_id))
    paypal = PayPal(settings_for(server.url, note=note), utc_now)
    for currency, rule in CURRENCIES.items():
        for amount in (str(rule.maximum), "1"):
            paypal.submit(BATCH, members("ann@example.com", amount=amount, currency=currency))
    checked(server, description, 2 * len(CURRENCIES))


def test_every_kind_of_recipient_is_described(
    server: PayPalServer, description: Description
) -> None:
    server.says("POST", PAYOUTS, created("BATCH1", BATCH.batch_id))
    vault = Vault(new_key())
    kinds = [
        {"phone": "+14155550100", "wallet": "venmo"},
        {"paypal_id": "QYR5Z8XDVJNXQ", "notification_language": "zh-Hant-TW"},
        {"user_handle": f"@{'a' * 50}", "wallet": "venmo"},
        {"email": "a" * 115 + "@example.com", "wallet": "venmo"},
    ]
    sent = [
        member._replace(
            destination=PayPalPayees(vault).destination(member.customer_id, details),
            description="\N{GRINNING FACE}" * 200,
        )
        for member, details in zip(members(*["ann@example.com"] * 4), kinds, strict=True)
    ]
    paypal = PayPal(settings_for(server.url, language="pt-BR"), utc_now, vault)
    paypal.submit(BATCH, sent)
    checked(server, description, 1)


def test_the_largest_batch_is_created_as_described(
    server: PayPalServer, description: Description
) -> None:
    longest = "a" * 115 + "@example.com"  # 127 characters
    server.says("POST", PAYOUTS, created("BATCH1", BATCH.batch_id))
    PayPal(settings_for(server.url), utc_now).submit(BATCH, members(*[longest] * 15_000))
    checked(server, description, 1)


def test_batches_and_items_are_read_and_cancelled_as_described(
    server: PayPalServer, description: Description
) -> None:
    page = {"batch_header": header("BATCH1", BATCH.batch_id), "total_pages": 2}
    server.says(
        "GET",
        f"{PAYOUTS}/BATCH1",
        Says(200, page | {"items": [payout_item("i-1", "SUCCESS")]}),
        Says(200, page | {"items": [payout_item("i-2", "SUCCESS")]}),
    )
    server.says("POST", f"{ITEMS}/ITEM1/cancel", problem(400, "ITEM_INCORRECT_STATUS"))
    server.says("GET", f"{ITEMS}/ITEM1", Says(200, payout_item("i-1", "SUCCESS")))
    paypal = PayPal(settings_for(server.url), utc_now)
    paypal.fetch(BATCH.changed(reference="BATCH1"))
    paypal.cancel("ITEM1")
    checked(server, description, 4)


def test_a_duplicate_is_looked_up_as_described(
    server: PayPalServer, description: Description
) -> None:
    server.says("POST", PAYOUTS, duplicate(f"{server.url}{PAYOUTS}/BATCH1"))
    found = {"batch_header": header("BATCH1", BATCH.batch_id), "items": []}
    server.says("GET", f"{PAYOUTS}/BATCH1", Says(200, found))
    PayPal(settings_for(server.url), utc_now).submit(BATCH, members("ann@example.com"))
    checked(server, description, 2)


def test_the_books_are_searched_as_described(server: PayPalServer) -> None:
    reporting = Description(json.loads(REPORTING.read_text("utf-8")))
    info = {
        "transaction_id": "TX1",
        "transaction_initiation_date": "2026-03-01T10:00:00Z",
        "transaction_amount": {"currency_code": "USD", "value": "-12.50"},
        "custom_field": BATCH.batch_id,
    }
    answer = Says(200, {"transaction_details": [{"transaction_info": info}], "total_pages": 2})
    server.says("GET", TRANSACTIONS, answer)
    paypal = PayPal(settings_for(server.url), utc_now)
    now = utc_now()
    assert len(list(paypal.transaction_search.transactions(now - timedelta(days=40), now))) == 4
    checked(server, reporting, 4)
    reporting.check_answer(server.asked("GET", TRANSACTIONS)[0], answer)


def test_the_request_for_balances_is_as_described(server: PayPalServer) -> None:
    reporting = Description(json.loads(REPORTING.read_text("utf-8")))
    money = {"currency_code": "USD", "value": "-12.50"}
    row = {"currency": "USD", "total_balance": money, "available_balance": money}
    answer = Says(200, {"balances": [row], "last_refresh_time": "2026-03-01T09:30:02Z"})
    server.says("GET", BALANCES, answer)
    (found,) = PayPal(settings_for(server.url), utc_now).balances.read()
    assert found.available == Money(Decimal("-12.5"), "USD")
    checked(server, reporting, 1)
    reporting.check_answer(server.asked("GET", BALANCES)[0], answer)


def test_the_tests_answer_as_described(description: Description) -> None:
    create = Seen("POST", PAYOUTS, {}, {}, b"")
    description.check_answer(create, created("BATCH1", BATCH.batch_id))
    description.check_answer(create, duplicate("https://api.sandbox.paypal.com/x"))
    description.check_answer(create, problem(400, "VALIDATION_ERROR", {"issue": "x"}))
    error = {"name": "RECEIVER_UNREGISTERED", "message": "x", "debug_id": "1"}
    item = payout_item("i-1", "UNCLAIMED", error=error)
    page = {"batch_header": header("BATCH1", BATCH.batch_id, "SUCCESS"), "items": [item]}
    description.check_answer(Seen("GET", f"{PAYOUTS}/BATCH1", {}, {}, b""), Says(200, page))
    description.check_answer(Seen("GET", f"{ITEMS}/ITEM1", {}, {}, b""), Says(200, item))


def test_every_status_of_the_description_is_in_the_tables(description: Description) -> None:
    assert set(description.schema("transaction_enum")["enum"]) <= set(TRANSACTION_STATUS)
    assert set(description.schema("batch_enum")["enum"]) == set(BATCH_STATUS)


def test_the_servers_of_the_description_are_known(description: Description) -> None:
    described = {PayPal(settings_for(url), utc_now).description for url in description.hosts()}
    assert described == {
        "PayPal LIVE (api-m.paypal.com)",
        "PayPal sandbox (api-m.sandbox.paypal.com)",
    }


def test_a_batch_is_never_larger_than_described(description: Description) -> None:
    largest = description.schema("create_payout_request")["properties"]["items"]["maxItems"]
    assert PayPal(settings_for("https://x", batch_size=10**6), utc_now).batch_size == largest
