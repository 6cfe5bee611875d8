"""The API's function answers whatever event it is given."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paymentapp.aws_lambda import submit_records
from tests.aws.conftest import Cloud
from tests.support.lambda_events import LambdaContext, http_event, rest_event, stream_event

ADA = {"customer_id": "ada", "email": "ada@example.com"}
ORDER = {**ADA, "amount": 12.5, "currency": "USD"}
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-03-01T12:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/warm"],
    "detail": {},
}


@pytest.mark.parametrize(
    "event",
    [
        {},
        SCHEDULED,
        {"source": "serverless-plugin-warmup"},
        {"warmer": True, "concurrency": 3},
        {"Records": []},
        None,
        [],
        [{}],
        "ping",
        5,
    ],
)
def test_an_event_that_is_no_request_is_ignored(
    cloud: Cloud, event: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = cloud.gateway(event, cloud.context)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"status": "ignored"}
    (record,) = [each for each in caplog.records if "ignored" in each.message]
    assert record.levelno == logging.INFO


@pytest.mark.parametrize(
    "change",
    [
        {"httpMethod": None},
        {"path": ...},
        {"path": 5},
        {"headers": "x", "multiValueHeaders": "x"},
        {"multiValueHeaders": {"Host": [None]}},
        {"multiValueQueryStringParameters": [1]},
        {"requestContext": "x"},
        {"requestContext": {"identity": 5}},
        {"resource": "/{customer_id+}", "pathParameters": {"customer_id": 5}},
        {"body": {"customer_id": "ada"}},
        {"body": "\ud800"},
        {"body": "x", "isBase64Encoded": True},
        {"version": "3.0"},
        {"version": "2.0"},
        {"version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": {}},
    ],
)
def test_a_malformed_request_is_a_bad_request(cloud: Cloud, change: dict[str, Any]) -> None:
    event = rest_event("POST", "/v1/api/customer", ADA) | change
    sent = {name: value for name, value in event.items() if value is not ...}
    answer = cloud.gateway(sent, cloud.context)
    assert answer["statusCode"] == 400
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"])["type"] == "/problems/invalid-request"


def test_a_console_test_event_with_nulls_is_a_request(cloud: Cloud) -> None:
    event = rest_event("GET", "/healthz", multiValueHeaders=None, headers=None, pathParameters=None)
    assert cloud.gateway(event, cloud.context)["statusCode"] == 200


@pytest.mark.parametrize("path", ["/caf\u00e9", "/caf%C3%A9", "/€", "/%E2%82%AC", "/%ff"])
def test_a_path_of_any_letters_is_not_found(cloud: Cloud, path: str) -> None:
    answer = cloud.gateway(rest_event("GET", path), cloud.context)
    assert answer["statusCode"] == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
GOOD = [rest_event("POST", "/v1/api/customer", ADA), http_event("GET", "/v1/api/payment/ada")]


@settings(
    max_examples=300,
    # How long an example takes depends on what else the machine does.
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_event_raises(cloud: Cloud, data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(GOOD))
    event = dict(good)
    for name in data.draw(st.lists(st.sampled_from(sorted(good)), max_size=3)):
        event[name] = data.draw(JSON)
    if isinstance(event["requestContext"], dict) and data.draw(st.booleans()):
        inner = data.draw(st.sampled_from(["stage", "path", "identity", "http"]))
        event["requestContext"] = event["requestContext"] | {inner: data.draw(JSON)}
    assert 200 <= cloud.gateway(event, cloud.context)["statusCode"] < 500


# Headers


def pay(cloud: Cloud, lines: dict[str, list[str]], version: str = "1.0") -> dict[str, Any]:
    """Request a payment with the lines of headers, as API Gateway passes them on."""
    lines = {"Authorization": [f"Bearer {cloud.token}"], **lines}
    if version == "2.0":
        joined = {name.lower(): ",".join(values) for name, values in lines.items()}
        event = http_event("POST", "/v1/api/payment", ORDER, joined)
    else:
        event = rest_event("POST", "/v1/api/payment", ORDER)
        event["multiValueHeaders"] |= lines
        event["headers"] |= {name: values[-1] for name, values in lines.items()}
    return cloud.gateway(event, cloud.context)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Idempotency-Key", ["a", "b"]),
        ("Idempotency-Key", ["a", "a"]),
        ("Idempotency-Key", ['"a"', '"b"']),
        ("X-API-Key", ["a", "b"]),
        ("If-Match", ['"1"', '"2"']),
        ("Content-Type", ["text/plain", "application/json"]),
        ("Content-Length", ["5", "7"]),
    ],
)
def test_two_values_of_a_header_with_one_are_refused(
    cloud: Cloud, name: str, values: list[str], version: str
) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    answer = pay(cloud, {name: values}, version)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["errors"][0]["header"] == name
    assert cloud.call("GET", "/v1/api/payment/ada")[1]["payments"] == []


def test_two_authorizations_are_refused(cloud: Cloud) -> None:
    answer = pay(cloud, {"authorization": [f"Bearer {cloud.token}"] * 2})
    assert answer["statusCode"] == 400


def test_two_lines_that_differ_in_case_are_two_values(cloud: Cloud) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    answer = pay(cloud, {"Idempotency-Key": ["a"], "idempotency-key": ["b"]})
    assert answer["statusCode"] == 400


def test_a_header_with_an_underscore_is_no_header_of_ours(cloud: Cloud) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    first = pay(cloud, {"Idempotency-Key": ["a"], "Idempotency_Key": ["b"]})
    again = pay(cloud, {"Idempotency-Key": ["a"]})
    assert json.loads(first["body"])["payment_id"] == json.loads(again["body"])["payment_id"]


def test_a_body_may_be_any_base64(cloud: Cloud) -> None:
    event = rest_event("POST", "/v1/api/customer", ADA, isBase64Encoded=True)
    event["body"] = base64.b64encode(b"\xff").decode()
    assert cloud.gateway(event, cloud.context)["statusCode"] == 401


# The dispatcher's function


@pytest.mark.parametrize(
    "event",
    [
        *({}, None, [], SCHEDULED, {"Records": None}, {"Records": [None]}, {"Records": [{}]}),
        *({"Records": [{"dynamodb": None}]}, {"Records": [{"dynamodb": {"NewImage": None}}]}),
        {"Records": [{"dynamodb": {"NewImage": {"due_at": {"S": "x"}}}}]},
    ],
)
def test_the_dispatcher_survives_what_is_no_stream_event(cloud: Cloud, event: Any) -> None:
    assert submit_records(cloud.services, event, cloud.context) == {"batchItemFailures": []}


def test_a_strange_record_does_not_hold_up_the_others(cloud: Cloud) -> None:
    event = stream_event(*cloud.accept("ann"))
    event["Records"].insert(0, {"dynamodb": {"NewImage": {"due_at": {"S": "x"}}}})
    cloud.context = LambdaContext()
    assert submit_records(cloud.services, event, cloud.context) == {"batchItemFailures": []}
    assert [member.customer_id for member in cloud.provider.paid()] == ["ann"]
