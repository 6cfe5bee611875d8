"""Terraform on a copy of deploy/aws, with the provider plugins that the machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "deploy" / "aws"
REGISTRY = "registry.terraform.io"
# Where people and images keep providers for machines without internet; three folders deep at most.
# Of Terraform's calls at a time. With its own ten, on two busy processors, the provider was seen to
# repeat a Create that the emulator had answered; the second one is refused.
PARALLEL = 4
COMMAND_SECONDS = 600
_PLACES = ("/opt", "/usr/share", "/usr/local/share", "/var/lib", "~/.terraform.d", "~/.local/share")


def terraform_program() -> str:
    """Return Terraform's path; without it, skip the test, or fail it in CI."""
    program = shutil.which("terraform")
    if program is None:
        reason = "terraform is not installed: developer.hashicorp.com/terraform/install"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


def provider_mirror() -> Path | None:
    """Return a folder of provider plugins in the registry's layout, if the machine has one."""
    for place in _PLACES:
        top = Path(place).expanduser()
        for depth in ("", "*/", "*/*/"):
            found = next(top.glob(f"{depth}{REGISTRY}/hashicorp/aws"), None)
            if found is not None:
                return found.parents[2]
    return None


class Terraform:
    """One working copy with its state."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        source: Path = SOURCE,
    ) -> None:
        self._program = terraform_program()
        self._folder = folder / source.name
        ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars")
        shutil.copytree(source, self._folder, ignore=ignored)
        settings = folder / "terraform.rc"
        settings.write_text(_settings())
        self._environment = {
            **os.environ,
            **(environment or {}),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_CLI_ARGS_apply": f"-no-color -parallelism={PARALLEL}",
            "TF_CLI_ARGS_destroy": f"-no-color -parallelism={PARALLEL}",
            "TF_CLI_ARGS_plan": "-no-color",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *arguments: str) -> str:
        """Run a command to its end, and return its output."""
        done = self._run(arguments)
        assert done.returncode == 0, f"terraform {arguments[0]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def complaint(self, *arguments: str) -> str:
        """Return the error output of a command that must fail."""
        done = self._run(arguments)
        assert done.returncode == 1, f"terraform {arguments[0]}:\n{done.stdout}"
        return done.stderr

    def _run(self, arguments: Sequence[str], entered: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            cwd=self._folder,
            env=self._environment,
            input=entered,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def init(self, *options: str) -> None:
        """Run `terraform init`; without the AWS provider, skip the test, or fail it in CI."""
        done = self._run(("init", *options))
        missing = "provider" in done.stderr and "hashicorp/aws" in done.stderr
        if done.returncode != 0 and missing and not os.environ.get("CI"):
            pytest.skip("no AWS provider: there is neither a mirror nor the registry here")
        assert done.returncode == 0, f"terraform init:\n{done.stdout}\n{done.stderr}"

    def set(self, **variables: Any) -> None:
        """Set the variables; all others have their defaults."""
        (self._folder / "terraform.tfvars.json").write_text(json.dumps(variables))

    def write(self, name: str, text: str) -> None:
        """Write a further file beside the others."""
        (self._folder / name).write_text(text)

    def planned(self) -> list[str]:
        """Return the addresses of everything that the next apply would change."""
        self.run("plan", "-out=next.tfplan")
        plan = json.loads(self.run("show", "-json", "next.tfplan"))
        changes = plan["resource_changes"]
        return [each["address"] for each in changes if each["change"]["actions"] != ["no-op"]]

    def value(self, expression: str) -> Any:
        """Return the value of an expression that depends on variables alone."""
        done = self._run(("console",), f"jsonencode({expression})\n")
        assert done.returncode == 0, f"terraform console:\n{done.stdout}\n{done.stderr}"
        return json.loads(json.loads(done.stdout))

    def outputs(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in shown.items()}

    def state(self) -> list[str]:
        """Return the addresses of everything in the state."""
        return self.run("state", "list").split()

    def state_text(self) -> str:
        """Return the state file's text."""
        return (self._folder / "terraform.tfstate").read_text()


def _settings() -> str:
    """Return Terraform's own configuration: a mirror if there is one, else the registry."""
    mirror = provider_mirror()
    if mirror is None:
        return ""
    source = f"{REGISTRY}/hashicorp/aws"
    return f"""\
provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["{source}"]
  }}
  direct {{
    exclude = ["{source}"]
  }}
}}
"""
