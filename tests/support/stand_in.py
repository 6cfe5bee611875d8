"""Terraform on deploy/gcp and deploy/azure, with a stand-in for the cloud's provider.

The stand-in has the published schema of the real one (tests/deploy/schemas.json), so that Terraform
validates, plans and applies; no cloud is called, and the clouds' own command lines are stand-ins
too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paymentapp.config import Settings, load_settings
from tests.support.hcl import PYTHON, ROOT, need_scanner
from tests.support.terraform import COMMAND_SECONDS, REGISTRY, Terraform

PROVIDERS = {"gcp": "google", "azure": "azurerm"}
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
REQUIRED = {"gcp": {"project": "a-project"}, "azure": {"subscription_id": SUBSCRIPTION}}
IMAGE = "registry.example.com/paymentapp:1"
SERVICE = {"gcp": "google_cloud_run_v2_service.this", "azure": "azurerm_container_app.this"}
INIT = {"gcp": "google_cloud_run_v2_job.this", "azure": "azurerm_container_app_job.init"}
SCHEMAS = ROOT / "tests" / "deploy" / "schemas.json"
# Writes down how it was called, and reads what it is given. A job that the tests let fail says so.
COMMAND_LINE = """\
#!/bin/sh
echo "${0##*/} $*" >> "$CALLS"
case "$*" in
  *" --data-file=-"*) cat > /dev/null ;;
  "containerapp job start "*) echo paymentapp-init-x1 ;;
  "containerapp job execution show "*) echo "${JOB_STATE:-Succeeded}" ;;
  "run jobs execute "*) [ "${JOB_STATE:-Succeeded}" = Succeeded ] ;;
  "config get-value project") echo a-project ;;
  "account show "*) echo 00000000-0000-0000-0000-000000000000 ;;
  "-s https://api.ipify.org") echo 203.0.113.7 ;;
esac
"""
# `tf` does not have the messages of ephemeral resources, so a value takes this one's place.
_EPHEMERAL = re.compile(r'^ephemeral "random_password".*?^\}\n', re.M | re.S)
_RANDOM = re.compile(r"^    random = \{.*?^    \}\n", re.M | re.S)
OWNER_PASSWORD = "made-by-an-ephemeral-resource"


class Cloud(Terraform):
    """A working copy of one cloud's folder, and how the cloud's command line was called."""

    def __init__(self, place: Path, cloud: str, reattach: str) -> None:
        self.cloud = cloud
        self._calls = place / "calls"
        for name in ("gcloud", "az", "curl"):
            program = place / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(COMMAND_LINE)
            program.chmod(0o755)
        environment = {
            "TF_REATTACH_PROVIDERS": reattach,
            "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self._calls),
            "RUN_JOB_SECONDS": "0",
        }
        super().__init__(place, environment, ROOT / "deploy" / cloud)
        shutil.copy(ROOT / "deploy" / "first_key.py", place)
        self.edit("versions.tf", _RANDOM, "")
        if cloud == "gcp":
            self.edit("database.tf", _EPHEMERAL, "")
            self.edit(
                "database.tf", r"ephemeral\.random_password\.owner\.result", f'"{OWNER_PASSWORD}"'
            )
        self.run("init", "-backend=false")
        self.given()

    def given(self, **variables: object) -> None:
        """Set variables beside those that are required."""
        self.set(**{**REQUIRED[self.cloud], **variables})

    def edit(self, name: str, pattern: str | re.Pattern[str], text: str) -> None:
        """Replace all that a pattern matches in a file."""
        path = self._folder / name
        changed, count = re.subn(pattern, lambda _: text, path.read_text())
        assert count or isinstance(pattern, re.Pattern), f"{name} has no {pattern}"
        path.write_text(changed)

    def calls(self) -> list[str]:
        """Return the calls of the cloud's command line, which are many while a job runs."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def empty(self) -> None:
        """Set no variable, as in a fresh clone."""
        (self._folder / "terraform.tfvars.json").unlink()

    def shell(self, commands: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run commands in the folder, as a person does who answers `yes` to Terraform."""
        environment = {**self._environment, **variables}
        environment["TF_CLI_ARGS_apply"] += " -auto-approve"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def let_jobs_fail(self) -> None:
        self._environment["JOB_STATE"] = "Failed"

    def plan(self, **variables: object) -> dict[str, dict[str, Any]]:
        """Return the planned values of all resources by address."""
        self.given(**variables)
        self.run("plan", "-out=next.tfplan")
        plan = json.loads(self.run("show", "-json", "next.tfplan"))
        return _by_address(plan["planned_values"])

    def apply(self, **variables: object) -> dict[str, dict[str, Any]]:
        """Apply, and return the values of all resources by address."""
        self.given(**variables)
        self.run("apply", "-auto-approve")
        return _by_address(json.loads(self.run("show", "-json"))["values"])


def _by_address(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    resources = values["root_module"].get("resources", [])
    return {each["address"]: each.get("values", {}) for each in resources}


@contextmanager
def provider(cloud: str, place: Path) -> Iterator[str]:
    """Run the stand-in for a cloud's provider; yield how Terraform reaches it."""
    need_scanner()
    name, socket = PROVIDERS[cloud], place / "provider.sock"
    program = ROOT / "tests" / "support" / "stand_in_provider.py"
    with subprocess.Popen(
        [PYTHON, program, SCHEMAS, name, socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        address = {"Network": "unix", "String": str(socket)}
        reached = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": process.pid, "Test": True}
        yield json.dumps({f"{REGISTRY}/hashicorp/{name}": {**reached, "Addr": address}})
        process.stdin.close()


@contextmanager
def deployment(cloud: str, place: Path) -> Iterator[Cloud]:
    """Yield a working copy with its provider running."""
    with provider(cloud, place) as reattach:
        yield Cloud(place, cloud, reattach)


class Deployed:
    """A cloud's folder, applied once for all tests that only look at it."""

    def __init__(self, cloud: Cloud) -> None:
        self.name = cloud.cloud
        self.resources = cloud.apply(image=IMAGE)
        self.state = cloud.state_text()

    def containers(self, address: str) -> dict[str, Any]:
        """Return the container of the service, a job or an app."""
        template = self.resources[address]["template"][0]
        template = template["template"][0] if "template" in template else template
        found: dict[str, Any] = (template.get("containers") or template.get("container"))[0]
        return found

    def service(self, name: str) -> dict[str, Any]:
        return self.resources[f'{SERVICE[self.name]}["{name}"]']

    def environment(self, address: str) -> dict[str, str]:
        """Return the variables of a container, with a text for each that is a secret."""
        listed = self.containers(address)["env"]
        return {each["name"]: each["value"] or "a secret of the cloud's store" for each in listed}

    def settings(self, name: str) -> Settings:
        return load_settings(self.environment(f'{SERVICE[self.name]}["{name}"]'))

    def init(self) -> dict[str, str]:
        key = '["init"]' if self.name == "gcp" else "[0]"
        return self.environment(f"{INIT[self.name]}{key}")
