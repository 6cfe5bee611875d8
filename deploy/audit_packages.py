"""Ask the package index for known vulnerabilities of what the requirements files pin.

`make audit-packages` runs pip-audit (requirements-tools.txt). Exit status: 0 nothing is known, or
no index answers, which is said; 1 a vulnerability is known; 2 pip-audit failed. With `--required`,
3 if no index answers: for a gate that has to have asked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PIP_AUDIT = ROOT / ".tools" / "supply" / "bin" / "pip-audit"
FILES = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")
SECONDS = 15  # of one request
UNREACHED = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ServiceError", "ProxyError")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--required", action="store_true", help="fail if no index answers")
    parser.add_argument("files", nargs="*", default=FILES, help="requirements files with hashes")
    chosen = parser.parse_args()
    done = audit(chosen.files)
    if not done.stdout.strip():
        if any(name in done.stderr for name in UNREACHED):
            return _unanswered(chosen.required)
        print(done.stderr, file=sys.stderr)
        return 2
    return report(json.loads(done.stdout), required=chosen.required)


def audit(files: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pip-audit, which installs nothing: it reads the pins."""
    arguments = [argument for name in files for argument in ("--requirement", name)]
    return subprocess.run(
        [
            *(PIP_AUDIT, "--require-hashes", "--disable-pip", "--progress-spinner=off"),
            *(f"--timeout={SECONDS}", "--format=json", *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def report(found: dict[str, Any], *, required: bool) -> int:
    """Print what pip-audit found; return the exit status.

    An index without advisories knows no package: pip-audit skips each, and finds nothing.
    """
    packages = found["dependencies"]
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return _unanswered(required)
    for package in packages:
        name = f"{package['name']} {package.get('version', '')}"
        if "skip_reason" in package:
            print(f"{name}: not audited: {package['skip_reason']}")
        for advisory in package.get("vulns", ()):
            fixed = ", ".join(advisory["fix_versions"]) or "no version"
            print(f"{name}: {advisory['id']}, fixed in {fixed}")
    vulnerable = [package["name"] for package in asked if package["vulns"]]
    print(f"{len(asked)} packages audited, {len(vulnerable)} with known vulnerabilities")
    return 1 if vulnerable else 0


def _unanswered(required: bool) -> int:
    print("no index of advisories answers here: nothing was audited")
    return 3 if required else 0


if __name__ == "__main__":
    sys.exit(main())
