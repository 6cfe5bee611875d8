"""Write the requirements files: exact versions of everything that is installed, with hashes.

`make requirements` runs it, with uv from requirements-tools.txt. A version that a file pins stays
unless `--upgrade` or `--upgrade-package NAME` is given; hashes are those of all files of a version,
so that one file serves each processor and system.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = ROOT / ".tools" / "supply" / "bin" / "uv"

# Extras whose libraries are installed in the container image, and in the zip for Lambda.
IMAGE_EXTRAS = ("oidc", "metrics", "cli", "postgresql")
MORE_EXTRAS = (*IMAGE_EXTRAS, "tracing", "sftp", "pgp", "xlsx")  # of the image by an argument
LAMBDA_EXTRAS = ("oidc",)
# s3fs asks for an older botocore than the service runs on (docs/decisions/0014-ach.md).
UNPINNED_EXTRAS = ("s3",)


@dataclass(frozen=True)
class Pinned:
    """A requirements file and what it is made from, all by paths below the root."""

    output: str
    sources: tuple[str, ...]
    extras: tuple[str, ...] = ()  # of setup.cfg
    constraint: str | None = None
    python: str = "3.11"  # the oldest that it has to work with
    options: tuple[str, ...] = ()


def extras() -> tuple[str, ...]:
    """Return the names of all extras of setup.cfg that are pinned for tests and checks."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return tuple(name for name in parser["options.extras_require"] if name not in UNPINNED_EXTRAS)


def files() -> tuple[Pinned, ...]:
    """Return the requirements files, each after the one that constrains it."""
    setup, image = ("setup.cfg",), "requirements.txt"
    return (
        Pinned(image, setup, IMAGE_EXTRAS),
        Pinned("requirements-extras.txt", setup, MORE_EXTRAS, image),
        Pinned("requirements-build.txt", ("requirements-build.in",)),
        Pinned("deploy/aws/requirements.txt", setup, LAMBDA_EXTRAS, image, python="3.12"),
        Pinned("requirements-dev.txt", (*setup, "requirements-dev.in"), extras(), image),
        *_tools(),
    )


def _tools() -> tuple[Pinned, ...]:
    """Return the files of the tools that have an environment of their own."""
    return (
        Pinned("requirements-tools.txt", ("requirements-tools.in",)),
        Pinned("tests/clients/requirements.txt", ("tests/clients/requirements.in",)),
        Pinned("tests/support/ministack.txt", ("tests/support/ministack.in",)),
        Pinned("tests/support/policy.txt", ("tests/support/policy.in",)),
        Pinned("tests/support/awslambdaric.txt", ("tests/support/awslambdaric.in",)),
        Pinned("tests/support/sam.txt", ("tests/support/sam.in",), options=("--no-deps",)),
    )


def command(pinned: Pinned, output: Path, *options: str) -> list[str]:
    """Return the command that writes `output`, whose present pins are kept."""
    return [
        *(str(UV), "pip", "compile", "--quiet", "--no-config", "--universal", "--generate-hashes"),
        *("--python-version", pinned.python, "--custom-compile-command", "make requirements"),
        *(f"--extra={name}" for name in pinned.extras),
        *(("--constraint", pinned.constraint) if pinned.constraint else ()),
        *(*pinned.options, *options, *pinned.sources, "--output-file", str(output)),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="pin the newest versions")
    parser.add_argument("--upgrade-package", metavar="NAME", action="append", default=[])
    chosen = parser.parse_args()
    options = ["--upgrade"] * chosen.upgrade
    options += [f"--upgrade-package={name}" for name in chosen.upgrade_package]
    for pinned in files():
        print(pinned.output)
        done = subprocess.run(
            command(pinned, ROOT / pinned.output, *options), cwd=ROOT, check=False
        )
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
