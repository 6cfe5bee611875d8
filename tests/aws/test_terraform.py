"""Terraform's checks of deploy/aws, the validation of its variables, and the policy scanner."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from paymentapp import create_app
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.models.actors import BUNDLES, SCOPES
from tests.support.terraform import ROOT, SOURCE, Terraform

SCANNER = ROOT / ".tools" / "policy" / "bin" / "checkov"


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    copy = Terraform(tmp_path_factory.mktemp("terraform"))
    copy.init("-backend=false")
    return copy


def test_the_files_have_terraforms_format(terraform: Terraform) -> None:
    terraform.run("fmt", "-check", "-recursive", "-diff")


def test_the_configuration_is_valid(terraform: Terraform) -> None:
    assert json.loads(terraform.run("validate", "-json"))["diagnostics"] == []


def test_the_policy_scanner_finds_nothing_that_we_do_not_mean() -> None:
    if not SCANNER.exists():
        reason = "no checkov: make policy installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [SCANNER, "--config-file", "deploy/aws/.checkov.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    assert "Failed checks: 0" in done.stdout


WRONG: list[dict[str, object]] = [
    {
        "name": "Payments!",
        "region": "the moon",
        "table_prefix": "a b",
        "kms_key_arn": "alias/mine",
        "lambda_architecture": "mips",
        "lambda_memory_mb": 128,
        "dispatch_concurrency": 0,
        "sweep_schedule": "every minute",
        "due_shards": 0,
        "paypal_base_url": "http://api-m.paypal.com",
        "paypal_webhook_id": "../x",
        "settings": {"PAYPAL_CLIENT_SECRET": "x"},
        "secret_recovery_days": 3,
        "stage": "Live",
        "throttle": {"rate": -1},
        "plans": {"basic": {"rate": 0, "burst": 1}},
        "authorizer": {},
        "log_retention_days": 1,
        "oldest_waiting_seconds": 5,
    },
    {
        "due_shards": 1.5,
        "batch_size": 20_000,
        "dispatch_per_shard": 11,
        "dispatch_window_seconds": -1,
        "callers": {"ada": "gold"},
        "paypal_base_url": "https://api-m.paypal.com/",
        "authorizer": {"function_arn": "arn:x", "user_pool_arns": ["arn:y"]},
    },
    {"settings": {"PAYMENTAPP_VAULT_KEYS": "k1:AAAA"}},
    {"cognito_groups": {"pay ers": ["read"]}, "cognito_clients": ["a b"]},
    {"cognito_groups": {"payers": ["everything"]}},
    {"cognito_groups": {"payers": []}},
    {"cognito_users": {"ada": ["strangers"]}},
    {"authorizer": {"function_arn": "arn:x", "scopes": ["pay"]}},
    {"authorizer": {"function_arn": "arn:x", "header": "Authorization"}},
    {"events_topic_fifo": True},
    {
        "sweep_concurrency": 0,
        "deliver_concurrency": 1,
        "further_credentials": ["paypal"],
        "public_throttle": {"health_rate": 0},
        "waf": {"requests_per_address": 99},
    },
    {"api_registers_endpoints": True},
]


@pytest.mark.parametrize("variables", WRONG, ids=lambda some: f"{len(some)} wrong")
def test_wrong_variables_are_refused(terraform: Terraform, variables: dict[str, object]) -> None:
    """Refuse invalid values before any call to AWS: there is no AWS here."""
    terraform.set(**variables)
    told = terraform.complaint("plan", "-refresh=false")
    refused = set(re.findall(r"var\.([a-z_]+)", told))
    assert refused >= set(variables), told


def test_no_policy_has_a_wildcard_for_an_action_or_all_resources() -> None:
    for path in SOURCE.glob("*.tf"):
        text = path.read_text()
        assert not re.search(r'(actions|resources)\s*=\s*\[[^\]]*"\*"', text), path.name
        assert not re.search(r'"[a-z]+:\*"', text), path.name


@pytest.mark.parametrize("document", ["api", "carry"])
def test_who_changes_customers_may_write_their_history(document: str) -> None:
    """A transaction needs the rights of the writes in it, and none of its own."""
    text = (SOURCE / "iam.tf").read_text()
    block = text.partition(f'data "aws_iam_policy_document" "{document}"')[2].partition("\n}\n")[0]
    allowed: dict[str, set[str]] = {"customers": set(), "operations": set()}
    for actions, table in re.findall(
        r"actions\s*=\s*(\[[^\]]*\])\s*resources\s*=\s*\[aws_dynamodb_table\.(\w+)\.arn\]", block
    ):
        allowed.setdefault(table, set()).update(re.findall(r'"(dynamodb:\w+)"', actions))
    assert "dynamodb:UpdateItem" in allowed["customers"]
    assert "dynamodb:PutItem" in allowed["operations"]


def test_deliver_alone_publishes_events_and_to_their_topic_alone() -> None:
    text = "".join((SOURCE / name).read_text() for name in ("iam.tf", "events.tf"))
    statements = re.findall(r'sid += "(\w+)"\s+actions += \["sns:Publish"\]\s+(.+)', text)
    assert statements == [("PublishEvents", "resources = [statement.value]")]
    deliver = text.partition('data "aws_iam_policy_document" "deliver"')[2].partition("\n}\n")[0]
    assert "for_each = local.events_topic_arns" in deliver
    assert "PublishEvents" in deliver
    assert not re.search(r"DeleteItem|Scan|PartiQL|disbursements[^]]*UpdateItem", deliver)


def test_a_message_is_hidden_for_longer_than_its_function_may_run() -> None:
    """AWS refuses a mapping otherwise; it recommends six times the function's time limit."""
    text = (SOURCE / "deliver.tf").read_text()
    assert 'visibility_timeout_seconds        = 6 * local.functions["deliver"].timeout' in text
    assert "batch_size       = 1\n" in text


MONEY, SIGNING, VERIFYING = "paypal", "vault", "webhooks"  # what a secret is for


@pytest.mark.parametrize(
    ("variables", "readers"),
    [
        (
            {},
            {MONEY: ["dispatch", "sweep"], SIGNING: ["deliver"], VERIFYING: ["api", "sweep"]},
        ),
        (
            {"further_credentials": ["vault"], "api_registers_endpoints": True},
            {
                MONEY: ["dispatch", "sweep"],
                SIGNING: ["api", "deliver"],
                VERIFYING: ["api", "sweep"],
            },
        ),
        (
            {"settings": {"PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY": "paypal"}},
            {
                MONEY: ["api", "dispatch", "sweep"],
                SIGNING: ["deliver"],
                VERIFYING: ["api", "sweep"],
            },
        ),
        ({"undivided_credentials": True}, {MONEY: ["api", "deliver", "dispatch", "sweep"]}),
    ],
    ids=["default", "endpoints by the API", "webhooks verified by PayPal", "one secret"],
)
def test_each_function_reads_the_secrets_that_it_needs(
    terraform: Terraform, variables: dict[str, object], readers: dict[str, list[str]]
) -> None:
    terraform.set(**variables)
    found = terraform.value("local.secret_readers")
    assert {secret: sorted(functions) for secret, functions in found.items()} == readers


def test_a_function_s_role_reads_the_secrets_that_its_environment_names() -> None:
    iam, secrets = ((SOURCE / name).read_text() for name in ("iam.tf", "secrets.tf"))
    assert re.findall(r'"secretsmanager:\w+"', iam) == ['"secretsmanager:GetSecretValue"']
    assert "resources = statement.value" in iam.partition('"OwnSecrets"')[2].partition("}")[0]
    assert "for_each = length(local.secret_arns[each.key]) == 0" in iam
    assert (
        "concat(local.credentials_arns[function], local.further_secret_arns[function])" in secrets
    )
    assert "for arn in local.credentials_arns[function] :" in secrets
    assert 'join(",", local.further_secret_arns[function])' in secrets


def test_methods_that_need_no_key_have_a_throttle_of_their_own() -> None:
    methods = re.findall(
        r"(\w+) += \{ resource = (\S+), .*public = true", (SOURCE / "gateway.tf").read_text()
    )
    assert [name for name, _ in methods] == ["receive_webhook", "healthz", "readyz"]
    limits = re.findall(
        r'"(\S+)/\w+" += \{ .*rate = var\.public_throttle', (SOURCE / "stage.tf").read_text()
    )
    assert limits == ["webhooks/{provider}", "healthz", "readyz"]


def test_every_function_but_the_api_has_executions_that_no_request_takes() -> None:
    """Lambda gives the API what the others do not reserve."""
    text = (SOURCE / "lambda.tf").read_text()
    reserved = dict(re.findall(r"lambda\.(\w+)\"\n.+\n +concurrency = (\S+)", text))
    assert reserved == {
        "api": "-1",
        **{name: f"var.{name}_concurrency" for name in ("dispatch", "sweep", "deliver")},
    }


def test_no_secret_is_given_to_terraform() -> None:
    """Keep secrets out of variables and resources, and so out of the state."""
    text = "".join(path.read_text() for path in SOURCE.glob("*.tf"))
    assert "aws_secretsmanager_secret_version" not in text
    assert not re.search(
        r'variable "\w*(secret|password)\w*" ', text.replace("secret_recovery", "")
    )


def test_the_gateway_has_every_endpoint() -> None:
    """Compare with the operations of the OpenAPI document; the gateway refuses any other path."""
    app = create_app(build_services(Settings(store="sqlite:///:memory:"), providers={}))
    document = json.loads(app.test_client().get("/openapi.json").get_data(as_text=True))
    operations = {
        f"{operation['operationId']} {verb.upper()}"
        for path in document["paths"].values()
        for verb, operation in path.items()
        if isinstance(operation, dict)
    }
    block = re.search(r"\n  methods = \{\n(.+?)\n  \}", (SOURCE / "gateway.tf").read_text(), re.S)
    assert block is not None
    methods = re.findall(r'^ +(\w+) += \{ .*verb = "([A-Z]+)"', block[1], re.M)
    assert {" ".join(method) for method in methods} == operations


def test_cognito_offers_the_services_own_scopes() -> None:
    block = re.search(r"\n  scopes = \{\n(.+?)\n  \}", (SOURCE / "cognito.tf").read_text(), re.S)
    assert block is not None
    assert dict(re.findall(r'^ +"(.+)" += "(.+)"$', block[1], re.M)) == SCOPES
    bundles = re.search(r"bundles = (\[.+\])", (SOURCE / "cognito.tf").read_text())
    assert bundles is not None
    assert json.loads(bundles[1]) == list(BUNDLES)


def test_the_lines_that_alarms_count_are_lines_that_the_service_logs() -> None:
    text = (SOURCE / "alarms.tf").read_text()
    block = text[text.index("log_lines = {") :].partition("}")[0]
    lines = re.findall(r'= "(.+)"', block)
    assert len(lines) == 8
    sources = "".join(path.read_text() for path in Path(ROOT, "paymentapp").rglob("*.py"))
    for line in lines:
        logged = line.replace("waits: Misconfigured", "waits: %s").replace(
            "waits: OutcomeUnknown", "waits: %s"
        )
        assert logged in sources, line
