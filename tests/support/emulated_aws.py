"""A deployment on the AWS emulator by Terraform, with the PayPal simulator beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from tests.support.emulators import FAKE_ACCOUNT, ministack
from tests.support.lambda_runtime import ARCHITECTURE
from tests.support.service import clean_environ, free_port
from tests.support.terraform import ROOT, Terraform

WEBHOOK_ID = "SIMULATORWEBHOOK01"  # the simulator's own, unless it is told another
# Where the emulator differs from AWS. It takes the provider's empty value of a new gateway key for
# a value that is too short, where AWS makes one; and it does not tell a function its handler.
DIFFERENCES = """
resource "aws_api_gateway_api_key" "this" {
  value = substr(sha256("${var.name} ${each.key}"), 0, 32)
}

resource "aws_lambda_function" "this" {
  environment {
    variables = merge(local.environments[each.key], { _HANDLER = each.value.handler })
  }
}
"""
# AWS checks sns:Publish for PublishBatch too; the emulator wants an action of that name, which AWS
# does not have.
BESIDES = """
resource "aws_iam_role_policy" "publish_batch" {
  count = var.events_topic ? 1 : 0

  name = "emulator"
  role = aws_iam_role.function["deliver"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sns:PublishBatch", Resource = aws_sns_topic.events[*].arn }
    ]
  })
}
"""


class Answer(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class EmulatedAws:
    """The service on the AWS emulator, and the simulator that it pays through."""

    address: str
    paypal: str
    folder: Path
    zip: Path
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

    def run(self, *command: str) -> str:
        """Run a command with the environment of somebody who works on this deployment."""
        done = subprocess.run(
            command, cwd=ROOT, env=self._environ(), capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, f"{command[0]}:\n{done.stdout}\n{done.stderr}{self.logs()}"
        return done.stdout

    def _environ(self) -> dict[str, str]:
        return {
            **clean_environ(),
            **FAKE_ACCOUNT,
            "AWS_ENDPOINT_URL": self.address,
            "CURL_HOME": str(self.folder),
            "PAYMENTAPP_STORE": "dynamodb",
            "PAYMENTAPP_URL": self.url,
            "PAYMENTAPP_KEY": self.key,
        }

    def curl_adds(self, *headers: str) -> None:
        """Make curl send these headers with every request, as deploy/aws/README.md describes."""
        lines = [f'header = "{header}"\n' for header in headers]
        (self.folder / ".curlrc").write_text("".join(lines))

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request with the service's key; `headers` add to its headers, or replace them."""
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        text = body if isinstance(body, str) else json.dumps(body)
        data = None if body is None else text.encode()
        return fetch(f"{self.url}{path}", method, data, {**sent, **(headers or {})})

    def invocations(self, function: str) -> int:
        """Return how often a function has run: each run begins with a line in its log."""
        pages = (
            self.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=f"/aws/lambda/paymentapp-{function}", filterPattern='"START RequestId"'
            )
        )
        return sum(len(page["events"]) for page in pages)

    def logs(self, lines: int = 60) -> str:
        return "\n".join((self.folder / "ministack.log").read_text().splitlines()[-lines:])

    def apply(self, **variables: Any) -> None:
        ours = {
            "lambda_zip": str(self.zip),
            "lambda_architecture": ARCHITECTURE,
            "deletion_protection": False,
            "secret_recovery_days": 0,
            "paypal_base_url": self.paypal,
            "paypal_webhook_id": WEBHOOK_ID,
            "settings": {
                "PAYMENTAPP_PAYPAL_WEBHOOK_CA": str(self.folder / "simulator.pem"),
                "PAYMENTAPP_LIMITS": "all USD 100000/24h; customer USD 500/24h",
            },
        }
        self.terraform.set(**{**ours, **variables})
        self.terraform.run("apply", "-auto-approve")


@contextmanager
def emulated_aws(program: Path, zip_file: Path, folder: Path) -> Iterator[EmulatedAws]:
    """Run the emulator with nothing deployed; it enforces IAM policies and signatures."""
    with ministack(program, folder, AUTH="true") as address, simulator(folder) as paypal:
        certificate = fetch(f"{paypal}/_simulator/ca").body
        (folder / "simulator.pem").write_text(certificate)
        terraform = Terraform(folder, {**FAKE_ACCOUNT, "AWS_ENDPOINT_URL": address})
        terraform.write("emulator_override.tf", DIFFERENCES)
        terraform.write("emulator.tf", BESIDES)
        yield EmulatedAws(address, paypal, folder, zip_file, terraform)


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """Run the PayPal simulator on a free port, with immediate outcomes and fast refunds."""
    port = free_port()
    delays = ("--settle-delay", "0.3", "--reversal-delay", "1")
    with (folder / "simulator.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulators", "--port", str(port), *delays],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + 60
        while "PayPal simulator on" not in (folder / "simulator.log").read_text():
            assert process.poll() is None, (folder / "simulator.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def fetch(
    url: str,
    method: str = "GET",
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request; return the response, whatever its status."""
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return _read(answer, answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error, error.code)


def _read(answer: Any, status: int) -> Answer:
    text = answer.read().decode()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    is_json = "json" in headers.get("content-type", "")
    return Answer(status, headers, json.loads(text) if is_json and text else text)
