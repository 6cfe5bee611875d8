"""API Gateway's models: generated from the schemas, up to date, never stricter than the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker  # type: ignore[import-untyped]

from deploy.aws import make_models
from paymentapp.api.problems import KINDS, MEDIA_TYPE
from paymentapp.models.customers import CUSTOMER_ID_PATTERN, EMAIL_PATTERN
from tests.api.conftest import Bench

CUSTOMER_PATH, PAYMENT_PATH = "/v1/api/customer", "/v1/api/payment"
HOLD_PATH = "/v1/api/holds"
PATHS = {"NewCustomer": CUSTOMER_PATH, "PaymentOrder": PAYMENT_PATH, "NewHold": HOLD_PATH}
ORDER = {"customer_id": "ada", "email": "ada@example.com", "amount": 12.5, "currency": "USD"}
NEW_HOLD = {"scope": "customer", "value": "ada", "reason": "a doubt"}
CUSTOMER = {"customer_id": "bob", "email": "bob@example.com"}
# The keywords of draft-04 that AWS's model documentation has no reservation about.
KNOWN_KEYWORDS = {
    *("$schema", "title", "description", "type", "properties", "required", "enum"),
    *("minimum", "maximum", "maxLength", "pattern", "maxProperties"),
}
VALIDATORS = {
    name: Draft4Validator(model, format_checker=FormatChecker())
    for name, model in make_models.gateway_models().items()
}


def texts(
    name: str, good: dict[str, Any], wrong: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    """Yield a valid body with one member replaced by each text, and without the member."""
    for member, values in wrong.items():
        for value in values:
            rest = {key: json.dumps(text) for key, text in good.items() if key != member}
            members = [f'"{key}": {text}' for key, text in {**rest, member: value}.items()]
            yield name, "{" + ", ".join(members) + "}"
    for member in good:
        yield name, json.dumps({key: text for key, text in good.items() if key != member})


ANY = ["null", "true", "false", "0", "-1", "[]", "{}", '""', '" "', '"a\\u0000"', '"\\ud800"']
IDS = [
    '"a/b"',
    '"-a"',
    '"ä"',
    '"\\u0430"',
    '"a b"',
    '"a\\n"',
    '"a\\u202eb"',
    f'"{"a" * 50}"',
    f'"{"a" * 51}"',
]
EMAILS = [
    *('"x"', '"x@y"', '"x@y.z"', '"a@b@c.de"', '"a b@c.de"', '"ä@example.com"', '"a@exämple.com"'),
    *('"x@example.com\\n"', '"\\"x\\"@example.com"', '"x@[127.0.0.1]"', '".x@example.com"'),
    *(
        '"x..y@example.com"',
        '"x@-a.com"',
        '"x@a-.com"',
        '"x@a.museum"',
        '"x@a.xn--p1ai"',
        '"x@a.test"',
    ),
    *(f'"{"a" * 115}@example.com"', f'"{"a" * 116}@example.com"', f'"{"a" * 117}@example.com"'),
    *(f'"{"a" * 200}@example.com"', '"o\'hara+tag@sub.example.co.uk"', '"!#$%&*/=?^_`{|}~-@e.com"'),
]
AMOUNTS = [
    *("0", "-0", "0.0", "-1", "0.01", "1", "1.0", "1.50", "12.345", "1e2", "1E+2", "1e-2", "1e400"),
    *("1e-400", "-1e400", "NaN", "Infinity", "-Infinity", '"12.50"', "999999999999999"),
    *("999999999999999.9", "1000000000000000", "0.1234567890123456789", "1" * 19, "1" * 500, "01"),
    *("+1", ".5", "1.", "0x10", "1_000", "60000", "20000"),
]
CURRENCIES = [
    '"usd"',
    '"US"',
    '"USDX"',
    '"XXX"',
    '"EUR"',
    '"JPY"',
    '"ÚSD"',
    '"USD\\n"',
    '"\\uff35SD"',
]
METHODS = ['"paypal"', '"Paypal"', '"stripe"', '"cash on delivery"', f'"{"a" * 33}"', '"paypal\\n"']
VALUES = [
    *ANY,
    *('"text"', f'"{"x" * 200}"', f'"{"x" * 201}"', f'"{"🙂" * 140}"', '"ä\\n"', "1.5", "1e15"),
    *("999999999999999", "-999999999999999", "1e-15", "1e-16", "[1]", '{"a": 1}'),
]
TEXTS = ['"invoice 1007"', '"ä"', '"\\u2028"', '"a\\n"', f'"{"🙂" * 200}"', f'"{"🙂" * 201}"']
PAIRS = [
    *('{"": "a"}', '{"a b": "a"}', f'{{"{"k" * 40}": "a"}}', f'{{"{"k" * 41}": "a"}}'),
    json.dumps({f"k{n}": "a" for n in range(20)}),
    json.dumps({f"k{n}": "a" for n in range(21)}),
]
WHOLE = [
    *("", " ", "{}", "[]", "null", "1", '"text"', "{", '{"a"', "{'a': 1}", "\ufeff{}", "// no"),
    *("[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500, "[" * 100_000),
    '{"customer_id": "ada", "customer_id": "bob", "email": "ada@example.com"}',
    '{"customer_id": "ada", "email": "ada@example.com", "pad": "' + "x" * 70_000 + '"}',
    json.dumps({**CUSTOMER, **{f"a{n}": n for n in range(10)}}),
    json.dumps({**CUSTOMER, **{f"a{n}": n for n in range(11)}}),
    json.dumps({**CUSTOMER, **{f"a{n}": "x" * 199 for n in range(3)}}),
]
BODIES = [
    *texts(
        "PaymentOrder",
        ORDER,
        {
            "customer_id": ANY + IDS,
            "email": ANY + EMAILS,
            "amount": ANY + AMOUNTS,
            "currency": ANY + CURRENCIES,
            "payment_method": ANY + METHODS,
            "reference": ANY + IDS + TEXTS,
            "description": ANY + TEXTS,
            "metadata": [*ANY, *(f'{{"a": {text}}}' for text in ANY + TEXTS), *PAIRS],
            "options": [*ANY, *(f'{{"a": {text}}}' for text in ANY + TEXTS), *PAIRS],
            "unknown": ANY,
        },
    ),
    *texts(
        "NewCustomer",
        CUSTOMER,
        {
            "customer_id": ANY + IDS,
            "email": ANY + EMAILS,
            "nick": VALUES,
            "1st": ['"x"'],
            "x" * 40: ['"x"'],
            "x" * 41: ['"x"'],
            "created_at": ['"x"'],
            "näme": ['"x"'],
        },
    ),
    *texts(
        "NewHold",
        NEW_HOLD,
        {"scope": [*ANY, '"all"', '"ALL"'], "value": ANY + IDS, "reason": VALUES, "unknown": ANY},
    ),
    *((name, body) for name in PATHS for body in WHOLE),
]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def paying(bench: Bench) -> Bench:
    """Return the setup with a registered customer."""
    bench.add_customer()
    return bench


def gateway_takes(name: str, body: str) -> bool:
    """Return whether a request validator accepts a body: it parses it and checks the model."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return bool(VALIDATORS[name].is_valid(value))


def service_takes(bench: Bench, name: str, body: str) -> bool:
    answer = bench.send(PATHS[name], body.encode(errors="surrogatepass"))
    assert answer.status_code < 500, body
    return answer.status_code not in {400, 413}


def test_the_files_are_as_the_schemas_are_now() -> None:
    assert make_models.stale() == [], "make models"
    assert make_models.main(["--check"]) == 0


def test_the_models_are_draft_04_with_known_keywords() -> None:
    def keywords(schema: dict[str, Any]) -> Iterator[str]:
        yield from schema
        for inner in schema.get("properties", {}).values():
            yield from keywords(inner)

    for model in make_models.gateway_models().values():
        Draft4Validator.check_schema(model)
        assert set(keywords(model)) <= KNOWN_KEYWORDS


def test_the_models_ask_for_what_the_prototype_asked_for() -> None:
    models = make_models.gateway_models()
    assert models["NewCustomer"]["required"] == ["customer_id", "email"]
    assert set(models["PaymentOrder"]["required"]) == set(ORDER)
    assert models["PaymentOrder"]["properties"]["amount"]["type"] == "number"


def test_the_list_has_a_few_hundred_bodies_of_both_kinds(paying: Bench) -> None:
    taken = [service_takes(paying, *body) for body in BODIES]
    assert len(BODIES) > 250
    assert 40 < sum(taken) < len(BODIES) - 100


@pytest.mark.parametrize("name", PATHS)
def test_the_gateway_refuses_nothing_that_the_service_takes(paying: Bench, name: str) -> None:
    for kind, body in BODIES:
        if kind == name and service_takes(paying, name, body):
            assert gateway_takes(name, body), body


@pytest.mark.parametrize(
    "body",
    [
        *(f'{{"email": {text}}}' for text in ANY + EMAILS),
        *(f'{{"nick": {text}}}' for text in VALUES),
        *WHOLE,
        json.dumps({"email": "ada@example.com", **{f"a{n}": None for n in range(20)}}),
        json.dumps({f"a{n}": None for n in range(21)}),
    ],
)
def test_any_change_that_the_service_takes_passes_the_gateway(paying: Bench, body: str) -> None:
    answer = paying.client.patch(
        f"{CUSTOMER_PATH}/ada",
        data=body.encode(errors="surrogatepass"),
        headers={"If-Match": "*"},
        content_type="application/json",
    )
    assert answer.status_code < 500
    assert answer.status_code in {400, 413} or gateway_takes("CustomerPatch", body)


def test_the_gateway_is_of_use() -> None:
    """Check that the gateway refuses most malformed bodies, so that they run no function."""
    refused = [body for body in BODIES if not gateway_takes(*body)]
    assert len(refused) > len(BODIES) / 2
    assert not gateway_takes("PaymentOrder", json.dumps({**ORDER, "amount": "12.50"}))
    assert not gateway_takes("PaymentOrder", json.dumps({**ORDER, "amount": -1}))
    assert not gateway_takes("NewCustomer", json.dumps({**CUSTOMER, "email": "nobody"}))


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
amounts = st.decimals(0, 10**16, places=2, allow_nan=False).map(float) | scalars
orders = st.fixed_dictionaries(
    {},
    optional={
        "customer_id": st.from_regex(CUSTOMER_ID_PATTERN) | st.just("ada") | scalars,
        "email": st.from_regex(EMAIL_PATTERN) | st.just("ada@example.com") | scalars,
        "amount": amounts,
        "currency": st.sampled_from(["USD", "EUR", "JPY", "xxx"]) | scalars,
        "payment_method": st.just("paypal") | scalars,
    },
)
customers = st.builds(
    lambda own, more: {**more, **own},
    st.fixed_dictionaries(
        {
            "customer_id": st.from_regex(CUSTOMER_ID_PATTERN),
            "email": st.from_regex(EMAIL_PATTERN) | st.emails(),
        }
    ),
    st.dictionaries(st.from_regex(r"^[A-Za-z][A-Za-z0-9_]{0,5}$", fullmatch=True), scalars),
)


@given(body=orders | orders.map(lambda some: {**ORDER, **some}))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_that_the_service_takes_passes_the_gateway(
    paying: Bench, body: dict[str, Any]
) -> None:
    text = json.dumps(body)
    assert gateway_takes("PaymentOrder", text) or not service_takes(paying, "PaymentOrder", text)


@given(body=customers)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_customer_that_the_service_takes_passes_the_gateway(
    bench: Bench, body: dict[str, Any]
) -> None:
    text = json.dumps(body)
    assert gateway_takes("NewCustomer", text) or not service_takes(bench, "NewCustomer", text)


def test_the_gateways_own_errors_are_problems_of_the_service() -> None:
    titles = {kind.type: kind.title for kind in KINDS}
    for name, response in make_models.gateway_problems().items():
        body = response["body"]
        assert response["headers"]["Content-Type"] == MEDIA_TYPE
        assert body["status"] == response["status"]
        assert set(body) == {"type", "title", "status", "detail", "request_id"}
        assert body.pop("request_id") == "$context.requestId"
        assert body["type"] in titles or response["status"] == 429
        assert "$" not in json.dumps(response), f"{name}: the gateway would take it for a variable"
        assert "'" not in "".join(response["headers"].values())
