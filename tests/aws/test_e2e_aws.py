"""The service on an AWS emulator, deployed by Terraform, paying through the PayPal simulator.

`make e2e-aws` runs it. It deploys what a user deploys, with Terraform's defaults;
tests/support/emulated_aws.py says where the emulator differs from AWS.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paymentapp.models.actors import BUNDLES
from paymentapp.storage.dynamodb.tables import definition
from tests.support import lambda_runtime
from tests.support.cognito import accepting, sign_in
from tests.support.emulated_aws import Answer, EmulatedAws, emulated_aws, fetch
from tests.support.emulators import FAKE_ACCOUNT, ministack_program
from tests.support.terraform import SOURCE, terraform_program

pytestmark = pytest.mark.skipif(
    not os.environ.get("E2E_AWS"), reason="deploys to an emulator: run by make e2e-aws"
)
SECRET = "what-no-state-file-may-hold"
TABLES = ("Customers", "Disbursements", "Operations")
PROBLEMS = json.loads((SOURCE / "problems.json").read_text())
PAYMENTS = "/v1/api/payment"
ADA = {"customer_id": "ada", "email": "ada@example.com"}
# Callers whose limits are soon reached, beside the one that is there by default.
LIMITED = {
    "plans": {
        "basic": {"rate": 10, "burst": 20, "month": 100_000},
        "hasty": {"rate": 1, "burst": 1},
        "trial": {"rate": 100, "burst": 100, "month": 2},
    },
    "callers": {"first": "basic", "hasty": "hasty", "trial": "trial"},
}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedAws]:
    terraform_program()
    program = ministack_program()
    assert program is not None, "no emulator: tests/support/emulator.sh"
    # Of AWS there is the emulator alone: not the DynamoDB that other tests may have been given.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in FAKE_ACCOUNT.items():
        monkeypatch.setenv(name, value)
    print("deployed:", lambda_runtime.deployable(tmp_path / "lambda.zip"))
    with emulated_aws(program, tmp_path / "lambda.zip", tmp_path) as ours:
        yield ours


def test_deploy_pay_and_take_down(cloud: EmulatedAws) -> None:
    cloud.terraform.init()
    cloud.apply(sweep_enabled=False, cognito=True, **LIMITED)
    open_for_business(cloud)
    people_sign_in(cloud)
    check_tables(cloud)
    check_alarms(cloud)
    the_gateway_refuses_by_itself(cloud)
    the_gateway_limits_callers(cloud)
    details_are_kept(cloud)
    pay_by_stream_alone(cloud)

    cloud.apply(events_topic=True)
    wait_for_a_sweep(cloud)
    queue = subscribe_a_queue(cloud)
    cloud.run("curl/story.sh", "story")
    the_topic_tells_of_success(cloud, queue)
    a_webhook_tells_of_a_refund(cloud)
    limits_are_kept(cloud)
    nothing_went_wrong(cloud)
    # The emulator gives half of an alarm back to Terraform, which would put it right again.
    assert [a for a in cloud.terraform.planned() if "metric_alarm" not in a] == []
    assert SECRET not in cloud.terraform.state_text()

    cloud.terraform.run("destroy", "-auto-approve")
    check_nothing_is_left(cloud)


def open_for_business(cloud: EmulatedAws) -> None:
    """Set the secret and create the keys, as README.md says to do after the first apply."""
    outputs = cloud.terraform.outputs()
    secret = json.dumps({"client_id": "e2e", "client_secret": SECRET})
    secrets = cloud.client("secretsmanager")
    secrets.put_secret_value(SecretId=outputs["secret_arn"], SecretString=secret)
    stage = outputs["url"].rpartition("/")[2]
    cloud.url = f"{cloud.address}/restapis/{outputs['api_id']}/{stage}/_user_request_"
    cloud.key = cloud.run(sys.executable, "-m", "paymentapp", "keys", "create", "e2e").strip()
    cloud.curl_adds(f"X-API-Key: {gateway_key(cloud, 'first')}")


def gateway_key(cloud: EmulatedAws, caller: str) -> str:
    key_id = cloud.terraform.outputs()["gateway_key_ids"][caller]
    value: str = cloud.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
    return value


def people_sign_in(cloud: EmulatedAws) -> None:
    """Sign in as the first user, and verify the token by the settings of the API's function.

    The function itself cannot: the pool's issuer has an address of AWS.
    """
    made = cloud.terraform.outputs()["cognito"]
    client = cloud.client("cognito-idp")
    token = sign_in(client, made["user_pool_id"], made["client_id"], "first")["AccessToken"]
    function = cloud.client("lambda").get_function_configuration(FunctionName="paymentapp-api")
    tokens = accepting(function["Environment"]["Variables"], cloud.address)
    assert tokens.actor(token).scopes == BUNDLES["read"] | BUNDLES["write"]


def check_tables(cloud: EmulatedAws) -> None:
    """Check that Terraform makes the same tables as the engine (storage/dynamodb/tables.py)."""
    dynamodb = cloud.client("dynamodb")
    for name in TABLES:
        table = dynamodb.describe_table(TableName=name)["Table"]
        wanted = definition("", name)
        indexes = [_index(index) for index in table.get("GlobalSecondaryIndexes", ())]
        assert table["KeySchema"] == wanted["KeySchema"]
        assert indexes == [_index(index) for index in wanted.get("GlobalSecondaryIndexes", ())]
        assert _types(table) == _types(wanted)
        assert table["BillingModeSummary"]["BillingMode"] == wanted["BillingMode"]
        backups = dynamodb.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert expiry.get("AttributeName") == ("expires_at" if name == "Operations" else None)
        stream = table.get("StreamSpecification", {}).get("StreamViewType")
        assert stream == ("NEW_IMAGE" if name == "Disbursements" else None)


def _index(index: Any) -> Any:
    return {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}


def _types(table: Any) -> dict[str, str]:
    return {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}


def check_alarms(cloud: EmulatedAws) -> None:
    """Check that each alarm exists and notifies the topic."""
    topic = cloud.terraform.outputs()["alarm_topic_arn"]
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == len([a for a in cloud.terraform.state() if "metric_alarm" in a]) > 15
    assert all(alarm["AlarmActions"] == [topic] and alarm["AlarmDescription"] for alarm in alarms)


def the_gateway_refuses_by_itself(cloud: EmulatedAws) -> None:
    """Check the gateway's own refusals: none of them runs a function."""
    key = {"X-API-Key": gateway_key(cloud, "first")}
    order = {**ADA, "amount": 12.5, "currency": "USD"}
    for wrong in ({}, {"X-API-Key": "0" * 32}):
        assert is_problem(cloud.call("POST", PAYMENTS, order, wrong), "INVALID_API_KEY") == 403
        assert is_problem(cloud.call("GET", f"{PAYMENTS}/ada", None, wrong), "INVALID_API_KEY")
    for change in (
        *({"amount": "12.50"}, {"amount": -1}, {"amount": None}, {"currency": "dollars"}),
        *({"email": "nobody"}, {"email": "a@b@example.com"}, {"email": 7}, {"customer_id": "a/b"}),
    ):
        answer = cloud.call("POST", PAYMENTS, order | change, key)
        assert is_problem(answer, "BAD_REQUEST_BODY") == 400, change
    for body in ("", "{", "[]", '"text"', json.dumps({"customer_id": "ada"})):
        for path in (PAYMENTS, "/v1/api/customer"):
            assert is_problem(cloud.call("POST", path, body, key), "BAD_REQUEST_BODY") == 400, body
    for path in ("/v1/api/nothing", "/"):
        answer = cloud.call("GET", path, None, key)
        assert is_problem(answer, "MISSING_AUTHENTICATION_TOKEN") == 404
    assert cloud.invocations("api") == 0, "a function has run"

    assert cloud.call("POST", "/v1/api/customer", {**ADA, "nick": "Countess"}, key).status == 201
    assert cloud.call("GET", "/healthz").status == 200
    assert cloud.invocations("api") == 2
    # The gateway's key alone opens nothing.
    assert cloud.call("GET", "/v1/api/customer/ada", None, key).status == 200
    assert (
        cloud.call("GET", "/v1/api/customer/ada", None, {**key, "Authorization": ""}).status == 401
    )


def the_gateway_limits_callers(cloud: EmulatedAws) -> None:
    """Check the usage plans: they apply before the body is read, and to one caller each."""
    for caller, reason in (("hasty", "THROTTLED"), ("trial", "QUOTA_EXCEEDED")):
        key = {"X-API-Key": gateway_key(cloud, caller)}
        answers = [cloud.call("POST", PAYMENTS, {}, key) for _ in range(6)]
        assert is_problem(answers[0], "BAD_REQUEST_BODY") == 400
        refused = [answer for answer in answers if answer.status == 429]
        assert len(refused) >= 1
        assert all(
            is_problem(answer, reason) and answer.headers["retry-after"] for answer in refused
        )
    key = {"X-API-Key": gateway_key(cloud, "first")}
    assert cloud.call("GET", "/v1/api/customer/ada", None, key).status == 200


def details_are_kept(cloud: EmulatedAws) -> None:
    """Write, show and delete payment details, which changes the customer's record."""
    key = {"X-API-Key": gateway_key(cloud, "first")}
    path = "/v1/api/customer/ada/payment-methods"
    body = {"details": {"email": "ada.l@example.com"}}
    assert cloud.call("PUT", f"{path}/paypal", body, key).status == 201
    assert cloud.call("GET", f"{path}/paypal", None, key).body["details"] == body["details"]
    assert cloud.call("DELETE", f"{path}/paypal", None, key).status in {200, 204}
    assert cloud.call("GET", f"{path}/paypal", None, key).status == 404


def is_problem(answer: Answer, reason: str) -> int:
    """Return the status of a gateway error; check that it is problem+json, word for word."""
    wanted = PROBLEMS[reason]
    body = wanted["body"] | {"request_id": answer.headers["x-request-id"]}
    assert (answer.status, answer.body) == (wanted["status"], body), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.status


def pay_by_stream_alone(cloud: EmulatedAws) -> None:
    """Pay while the sweep is off, so that only the stream can wake the dispatcher."""
    begun = time.monotonic()
    cloud.run("curl/pay_customer.sh", "ada", "12.50", "USD")
    answered = time.monotonic() - begun
    while not paid(cloud.paypal):
        assert time.monotonic() < begun + 60, cloud.logs()
        time.sleep(0.05)
    woken = time.monotonic() - begun
    assert cloud.invocations("sweep") == 0
    print(f"answered after {answered:.2f} s; at PayPal, by the stream, after {woken:.2f} s")


def paid(paypal: str) -> list[Any]:
    """Return the items on the simulator's ledger."""
    books: list[Any] = fetch(f"{paypal}/_simulator/ledger").body["items"]
    return books


def wait_for_a_sweep(cloud: EmulatedAws) -> None:
    """Wait until the service is ready: the scheduled sweep has run once.

    A run gets its lines in the log when it has ended, and makes the service ready before.
    """
    end = time.monotonic() + 150
    while time.monotonic() < end:
        if cloud.call("GET", "/readyz").status == 200 and cloud.invocations("sweep") > 0:
            return
        time.sleep(1)
    pytest.fail(f"no sweep has run:\n{cloud.logs()}")


def subscribe_a_queue(cloud: EmulatedAws) -> str:
    """Subscribe a queue to the payments that succeed; return its URL."""
    topic = cloud.terraform.outputs()["events_topic_arn"]
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    url: str = sqs.create_queue(QueueName="books")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    wanted = {"FilterPolicy": json.dumps({"type": ["payment.succeeded"]})}
    attributes = {"RawMessageDelivery": "true", **wanted}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url


def the_topic_tells_of_success(cloud: EmulatedAws, queue: str) -> None:
    """Receive the event that a payment has succeeded: on DynamoDB half a minute after it did."""
    sqs = cloud.client("sqs")
    end = time.monotonic() + 150
    messages: list[Any] = []
    while not messages:
        assert time.monotonic() < end, cloud.logs()
        cloud.client("lambda").invoke(FunctionName="paymentapp-sweep", Payload=b"{}")
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=3).get("Messages", [])
    event = json.loads(messages[0]["Body"])
    assert event["type"] == "payment.succeeded"
    assert event["data"]["status"] == "succeeded"
    sqs.delete_queue(QueueUrl=queue)


def a_webhook_tells_of_a_refund(cloud: EmulatedAws) -> None:
    """Refund a settled payment, which is no longer polled.

    Only the simulator's signed event, posted to the gateway, reports the refund.
    """
    rita = {"customer_id": "rita", "email": "refunded-rita@example.com"}
    key = {"X-API-Key": gateway_key(cloud, "first")}
    settings = json.dumps({"webhook_url": f"{cloud.url}/webhooks/paypal"}).encode()
    assert fetch(f"{cloud.paypal}/_simulator/settings", "PUT", settings).status == 200
    assert cloud.call("POST", "/v1/api/customer", rita, key).status == 201
    order = {**rita, "amount": 7, "currency": "USD"}
    payment = cloud.call("POST", PAYMENTS, order, key).body
    path = f"{PAYMENTS}/rita/{payment['payment_id']}"
    end = time.monotonic() + 150
    while payment["status"] != "returned":
        assert time.monotonic() < end, f"{payment}\n{cloud.logs()}"
        cloud.client("lambda").invoke(FunctionName="paymentapp-sweep", Payload=b"{}")
        time.sleep(1)
        payment = cloud.call("GET", path, None, key).body
    statuses = [move["status"] for move in payment["history"]]
    assert statuses[-2:] == ["succeeded", "returned"]
    forged = cloud.call("POST", "/webhooks/paypal", {"event_type": "PAYMENT.PAYOUTS-ITEM.FAILED"})
    assert forged.status == 400
    assert fetch(f"{cloud.paypal}/_simulator/outbox").body == {"waiting": 0}


def limits_are_kept(cloud: EmulatedAws) -> None:
    """Refuse a payment above a limit, of which the refunded payment uses nothing any more."""
    key = {"X-API-Key": gateway_key(cloud, "first")}
    order = {"customer_id": "rita", "email": "refunded-rita@example.com", "currency": "USD"}
    refused = cloud.call("POST", PAYMENTS, order | {"amount": 500.01}, key)
    assert (refused.status, refused.body["remaining"]) == (422, 500)
    limits = cloud.call("GET", "/v1/api/limits?customer_id=rita", None, key).body["limits"]
    everybody, customer = (limit["used"] for limit in limits)
    assert everybody >= 12.5
    assert customer == 0


def nothing_went_wrong(cloud: EmulatedAws) -> None:
    """Check that no event was set aside and no policy refused a call of a function."""
    sqs = cloud.client("sqs")
    for url in cloud.terraform.outputs()["dead_letter_urls"].values():
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert "AccessDenied" not in cloud.logs(10**6)


def check_nothing_is_left(cloud: EmulatedAws) -> None:
    assert cloud.terraform.state() == []
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("apigateway").get_rest_apis()["items"] == []
    assert cloud.client("apigateway").get_api_keys()["items"] == []
    assert cloud.client("secretsmanager").list_secrets()["SecretList"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("cognito-idp").list_user_pools(MaxResults=1)["UserPools"] == []
    assert cloud.client("sns").list_topics()["Topics"] == []
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert not cloud.client("sqs").list_queues().get("QueueUrls")
