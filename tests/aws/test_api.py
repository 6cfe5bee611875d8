"""The API behind API Gateway's proxy events."""

from __future__ import annotations

import base64
import json

import pytest

from paymentapp.aws_lambda.api_gateway import StagePath, stage_path_of
from paymentapp.config import Settings
from paymentapp.quotas import Quota
from paymentapp.services.api_keys import id_of
from tests.aws.conftest import Cloud
from tests.support.lambda_events import LambdaContext, http_event, rest_event

ADA = {"customer_id": "ada", "email": "ada@example.com"}
ORDER = {**ADA, "amount": 12.5, "currency": "USD"}


def test_a_payment_is_accepted_shown_and_listed(cloud: Cloud) -> None:
    answer, _ = cloud.call("POST", "/v1/api/customer", ADA)
    assert answer["statusCode"] == 201
    answer, payment = cloud.call("POST", "/v1/api/payment", ORDER)
    assert answer["statusCode"] == 202
    assert payment["status"] == "pending"
    path = f"/v1/api/payment/ada/{payment['payment_id']}"
    assert answer["multiValueHeaders"]["Location"] == [f"/live{path}"]
    assert cloud.call("GET", path)[1] == payment
    _, page = cloud.call("GET", "/v1/api/payment/ada", query={"limit": ["1"]})
    assert [p["payment_id"] for p in page["payments"]] == [payment["payment_id"]]


def test_a_repeated_key_is_answered_with_the_first_payment(cloud: Cloud) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    key = {"idempotency-key": '"k1"'}
    _, first = cloud.call("POST", "/v1/api/payment", ORDER, headers=key)
    answer, again = cloud.call("POST", "/v1/api/payment", ORDER, headers=key)
    assert again == first
    assert answer["multiValueHeaders"]["Idempotent-Replayed"] == ["true"]


def test_a_body_may_come_as_base64(cloud: Cloud) -> None:
    key = {"Authorization": f"Bearer {cloud.token}"}
    event = rest_event("POST", "/v1/api/customer", ADA, key, isBase64Encoded=True)
    event["body"] = base64.b64encode(json.dumps(ADA).encode()).decode()
    assert cloud.gateway(event, cloud.context)["statusCode"] == 201


@pytest.mark.parametrize("given", [{}, {"X-Request-Id": "not well-formed"}])
def test_the_gateways_request_id_is_the_answers(cloud: Cloud, given: dict[str, str]) -> None:
    event = rest_event("GET", "/v1/api/customer/ada", None, given)
    event["requestContext"]["requestId"] = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    answer = cloud.gateway(event, cloud.context)
    assert answer["multiValueHeaders"]["X-Request-Id"] == [event["requestContext"]["requestId"]]
    assert json.loads(answer["body"])["request_id"] == event["requestContext"]["requestId"]


def test_a_callers_request_id_counts_before_the_gateways(cloud: Cloud) -> None:
    event = rest_event("GET", "/v1/api/customer/ada", None, {"X-Request-Id": "r-1"})
    event["requestContext"]["requestId"] = "g-1"
    answer = cloud.gateway(event, cloud.context)
    assert json.loads(answer["body"])["request_id"] == "r-1"


@pytest.mark.parametrize("context", [{}, {"requestId": "g-1"}, {"requestId": ["no text"]}, 5])
def test_a_malformed_request_is_refused_with_an_id(cloud: Cloud, context: object) -> None:
    answer = cloud.gateway({"httpMethod": 5, "requestContext": context}, cloud.context)
    given = json.loads(answer["body"])["request_id"]
    assert (answer["statusCode"], answer["headers"]["X-Request-Id"]) == (400, given)
    assert given == "g-1" or len(given) == 32


def test_a_repeated_query_parameter_is_seen_as_such(cloud: Cloud) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    answer, body = cloud.call("GET", "/v1/api/payment/ada", query={"limit": ["1", "2"]})
    assert answer["statusCode"] == 400
    assert body["errors"] == [{"parameter": "limit", "message": "Given more than once."}]


def test_an_http_api_is_served_too(cloud: Cloud) -> None:
    key = {"authorization": f"Bearer {cloud.token}"}
    answer = cloud.gateway(http_event("POST", "/v1/api/customer", ADA, key), cloud.context)
    assert answer["statusCode"] == 201
    assert answer["headers"]["location"] == "/live/v1/api/customer/ada"


def test_without_a_key_of_ours_the_gateway_opens_nothing(cloud: Cloud) -> None:
    """Ignore what the gateway's own authorizer and usage plan have accepted."""
    event = rest_event("GET", "/v1/api/customer/ada", headers={"x-api-key": "of-a-usage-plan"})
    event["requestContext"]["authorizer"] = {"claims": {"sub": "somebody"}}
    answer = cloud.gateway(event, cloud.context)
    assert answer["statusCode"] == 401
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]


def test_a_process_that_was_frozen_reads_keys_again(cloud: Cloud) -> None:
    """Its timer does not count the time that it was frozen; the key was revoked meanwhile."""
    cloud.call("POST", "/v1/api/customer", ADA)
    elsewhere = Cloud(store=cloud.store).services.api_keys
    cloud.call("GET", "/v1/api/customer/ada")
    elsewhere.revoke(id_of(cloud.token) or "")
    answer, _ = cloud.call("GET", "/v1/api/customer/ada")
    assert answer["statusCode"] == 401


def test_beside_an_authorizer_the_key_comes_in_its_own_header(cloud: Cloud) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    event = rest_event("GET", "/v1/api/customer/ada", headers={"x-api-key": cloud.token})
    assert cloud.gateway(event, cloud.context)["statusCode"] == 200


def test_with_keys_off_nobody_is_served_from_afar() -> None:
    """Do not believe a caller that claims to be on this machine."""
    cloud = Cloud(settings=Settings(auth=False))
    headers = {"Host": "127.0.0.1", "X-Forwarded-For": "127.0.0.1"}
    event = rest_event("GET", "/v1/api/customer/ada", headers=headers)
    assert cloud.gateway(event, cloud.context)["statusCode"] == 403
    for name in ("headers", "multiValueHeaders"):
        del event[name]["X-Forwarded-For"]
    assert cloud.gateway(event, cloud.context)["statusCode"] == 403


def test_behind_the_gateway_rights_are_the_same(cloud: Cloud) -> None:
    """Require the scope of the view, whatever the gateway's own authorizer allowed."""
    _, cloud.token = cloud.services.api_keys.create("reader", ["payments:read"])
    answer, problem = cloud.call("POST", "/v1/api/payment", ORDER)
    assert answer["statusCode"] == 403
    assert problem["detail"] == "This requires the scope payments:write."


def test_behind_the_gateway_the_security_log_has_the_address_of_the_caller(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "paymentapp.security")
    answer, _ = cloud.call("POST", "/v1/api/customer", ADA, headers={"X-Request-Id": "r-1"})
    assert answer["multiValueHeaders"]["X-Request-Id"] == ["r-1"]
    event = rest_event("POST", "/v1/api/customer", ADA)
    address = event["requestContext"]["identity"]["sourceIp"]
    lines = [r.getMessage() for r in caplog.records if r.name == "paymentapp.security"]
    assert lines[0].startswith('event=write client="test"')
    assert lines[0].endswith(f"status=201 request=r-1 source={address}")


def test_behind_the_gateway_wrong_keys_count_for_the_address_of_the_caller() -> None:
    cloud = Cloud(settings=Settings(rate_limit_addresses=Quota(20, 60)))
    event = rest_event("GET", "/v1/api/customer/ada", headers={"x-api-key": "pk_wrong"})
    assert cloud.gateway(event, cloud.context)["statusCode"] == 401
    refused = cloud.gateway(event, cloud.context)
    assert refused["statusCode"] == 429
    assert refused["multiValueHeaders"]["Retry-After"] == ["60"]
    event["requestContext"]["identity"]["sourceIp"] = "203.0.113.9"
    assert cloud.gateway(event, cloud.context)["statusCode"] == 401


def test_waiting_ends_before_the_function_does(cloud: Cloud) -> None:
    cloud.call("POST", "/v1/api/customer", ADA)
    cloud.context = LambdaContext(lambda: 4.5)
    prefer = {"Prefer": "wait=30"}
    answer, payment = cloud.call("POST", "/v1/api/payment", ORDER, headers=prefer)
    assert (answer["statusCode"], payment["status"]) == (202, "pending")
    assert answer["multiValueHeaders"]["Preference-Applied"] == ["wait=1"]


PAYMENT = "/v1/api/payment/{customer_id}/{payment_id}"
IDS = {"customer_id": "ada", "payment_id": "2026-01-02T03:04:05.678901Z"}
PATH = "/v1/api/payment/ada/2026-01-02T03:04:05.678901Z"


@pytest.mark.parametrize(
    ("event", "stage_path"),
    [
        (
            {"resource": PAYMENT, "pathParameters": IDS, "path": PATH}
            | {"requestContext": {"path": f"/live{PATH}"}},
            StagePath("/live", PATH),
        ),
        (  # a custom domain with a base path mapping has it in both paths
            {"resource": PAYMENT, "pathParameters": IDS, "path": f"/pay{PATH}"}
            | {"requestContext": {"path": f"/pay{PATH}"}},
            StagePath("/pay", PATH),
        ),
        (
            {"resource": "/{proxy+}", "pathParameters": {"proxy": PATH[1:]}, "path": PATH}
            | {"requestContext": {"path": f"/live{PATH}"}},
            StagePath("/live", PATH),
        ),
        (
            {"resource": "/", "path": "/", "requestContext": {"path": "/live/"}},
            StagePath("/live", "/"),
        ),
        ({"path": PATH}, StagePath("", PATH)),  # a test event without a context
        (
            {"version": "2.0", "rawPath": f"/live{PATH}", "routeKey": "$default"}
            | {"requestContext": {"stage": "live"}},
            StagePath("/live", PATH),
        ),
        (
            {"version": "2.0", "rawPath": PATH, "routeKey": "$default"}
            | {"requestContext": {"stage": "$default"}},
            StagePath("", PATH),
        ),
    ],
)
def test_where_the_api_is_mounted(event: dict[str, object], stage_path: StagePath) -> None:
    assert stage_path_of(event) == stage_path


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/sign-in"])
def test_there_is_no_console(cloud: Cloud, path: str) -> None:
    event = rest_event("GET", path, None, {"Authorization": f"Bearer {cloud.token}"})
    assert cloud.gateway(event, cloud.context)["statusCode"] == 404
