"""The service on an AWS emulator, deployed by Terraform itself, paying at the PayPal simulator.

`make e2e-aws` runs it. What the emulator lacks is left out by variables whose defaults are right
on AWS; each of them says why in deploy/aws/variables.tf.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from paymentapp.storage.dynamodb.tables import definition
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program
from tests.support.service import clean_environ, free_port
from tests.support.terraform import ROOT, Terraform, terraform_program

pytestmark = pytest.mark.skipif(
    not os.environ.get("E2E_AWS"), reason="deploys to an emulator: run by make e2e-aws"
)
SECRET = "what-no-state-file-may-hold"
TABLES = ("Customers", "Disbursements", "Operations")
# What the emulator (ministack 1.4.21) lacks: request validators, tags that can be read back.
EMULATED = {"request_validation": False, "tags": {}}
# And what it takes, but does not read back as it was given.
FORGOTTEN = {"alarms": False, "callers": {}}


@dataclass
class Cloud:
    """The emulator with the service on it, and the simulator that it pays at."""

    address: str
    paypal: str
    folder: Path
    terraform: Terraform
    url: str = ""
    key: str = ""

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name=FAKE_ACCOUNT["AWS_DEFAULT_REGION"],
            aws_access_key_id=FAKE_ACCOUNT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=FAKE_ACCOUNT["AWS_SECRET_ACCESS_KEY"],
        )

    def environ(self) -> dict[str, str]:
        """Of a person at a terminal who works on this deployment."""
        return {
            **clean_environ(),
            **FAKE_ACCOUNT,
            "AWS_ENDPOINT_URL": self.address,
            "PAYMENTAPP_STORE": "dynamodb",
            "PAYMENTAPP_URL": self.url,
            "PAYMENTAPP_KEY": self.key,
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ(), capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, f"{command[0]}:\n{done.stdout}\n{done.stderr}{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        return "\n".join((self.folder / "ministack.log").read_text().splitlines()[-60:])

    def apply(self, **variables: Any) -> None:
        self.terraform.set(**self._variables(), **variables)
        self.terraform.run("apply", "-auto-approve")

    def _variables(self) -> dict[str, Any]:
        return {
            "lambda_zip": str(self.folder / "lambda.zip"),
            "lambda_architecture": "arm64" if platform.machine() == "aarch64" else "x86_64",
            "deletion_protection": False,
            "secret_recovery_days": 0,
            "paypal_base_url": self.paypal,
            **EMULATED,
        }


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    terraform_program()
    program = ministack_program()
    assert program is not None
    for name, value in FAKE_ACCOUNT.items():
        monkeypatch.setenv(name, value)
    write_zip(tmp_path / "lambda.zip")
    with ministack(program, tmp_path) as address, simulator(tmp_path) as paypal:
        terraform = Terraform(tmp_path, {**FAKE_ACCOUNT, "AWS_ENDPOINT_URL": address})
        yield Cloud(address, paypal, tmp_path, terraform)


def test_deploy_pay_and_take_down(cloud: Cloud) -> None:
    cloud.terraform.init()
    cloud.apply(sweep_enabled=False)
    open_for_business(cloud)
    check_tables(cloud)
    check_alarms(cloud)
    pay_by_stream_alone(cloud)

    cloud.apply(**FORGOTTEN)
    wait_for_a_sweep(cloud)
    cloud.run("curl/story.sh", "story")
    nothing_put_aside(cloud)
    cloud.terraform.run("plan", "-detailed-exitcode")  # 2, where there was anything to change
    assert SECRET not in cloud.terraform.state_text()

    cloud.terraform.run("destroy", "-auto-approve")
    check_nothing_is_left(cloud)


def open_for_business(cloud: Cloud) -> None:
    """What README.md tells to do after the first apply: the secret, and a key."""
    outputs = cloud.terraform.outputs()
    secret = json.dumps({"client_id": "e2e", "client_secret": SECRET})
    secrets = cloud.client("secretsmanager")
    secrets.put_secret_value(SecretId=outputs["secret_arn"], SecretString=secret)
    stage = outputs["url"].rpartition("/")[2]
    cloud.url = f"{cloud.address}/restapis/{outputs['api_id']}/{stage}/_user_request_"
    cloud.key = cloud.run(sys.executable, "-m", "paymentapp", "keys", "create", "e2e").strip()


def check_tables(cloud: Cloud) -> None:
    """Terraform makes the same tables as the engine does (storage/dynamodb/tables.py)."""
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


def check_alarms(cloud: Cloud) -> None:
    """Each is there, and tells the topic."""
    topic = cloud.terraform.outputs()["alarm_topic_arn"]
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == len([a for a in cloud.terraform.state() if "metric_alarm" in a]) > 15
    assert all(alarm["AlarmActions"] == [topic] and alarm["AlarmDescription"] for alarm in alarms)


def pay_by_stream_alone(cloud: Cloud) -> None:
    """The sweep is off: only the stream can have woken the dispatcher."""
    cloud.run("curl/add_customer.sh", "ada")
    begun = time.monotonic()
    cloud.run("curl/pay_customer.sh", "ada", "12.50", "USD")
    answered = time.monotonic() - begun
    while not paid(cloud.paypal):
        assert time.monotonic() < begun + 30, cloud.logs()
        time.sleep(0.05)
    woken = time.monotonic() - begun
    sweeps = [line for line in cloud.logs().splitlines() if "paymentapp-sweep: dispatched" in line]
    assert sweeps == []
    print(f"answered after {answered:.2f} s; at PayPal, by the stream, after {woken:.2f} s")


def paid(paypal: str) -> list[Any]:
    """What the simulator has on its books."""
    with urllib.request.urlopen(f"{paypal}/_simulator/ledger", timeout=5) as answer:
        books: list[Any] = json.loads(answer.read())["items"]
        return books


def wait_for_a_sweep(cloud: Cloud) -> None:
    """Ready means that somebody dispatches: the schedule has run once."""
    end = time.monotonic() + 100
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{cloud.url}/readyz", timeout=10).close()
            return
        time.sleep(1)
    pytest.fail(f"no sweep has run:\n{cloud.logs()}")


def nothing_put_aside(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    for url in cloud.terraform.outputs()["dead_letter_urls"].values():
        assert "Messages" not in sqs.receive_message(QueueUrl=url)


def check_nothing_is_left(cloud: Cloud) -> None:
    assert cloud.terraform.state() == []
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("apigateway").get_rest_apis()["items"] == []
    assert cloud.client("secretsmanager").list_secrets()["SecretList"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("sns").list_topics()["Topics"] == []
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert not cloud.client("sqs").list_queues().get("QueueUrls")


def write_zip(path: Path) -> None:
    """The sources alone. The emulator runs Python functions as processes of its own interpreter,
    whose libraries they use; `make lambda` builds for AWS's."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted((ROOT / "paymentapp").rglob("*")):
            if source.suffix in {".py", ".html", ".pem", ".json"}:
                archive.write(source, source.relative_to(ROOT))


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """The project's PayPal on a free port; outcomes come at once."""
    port = free_port()
    command = [sys.executable, "-m", "paymentapp.simulator", "--port", str(port)]
    with (folder / "simulator.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--settle-delay", "0.3"], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + 20
        while "PayPal simulator on" not in (folder / "simulator.log").read_text():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
