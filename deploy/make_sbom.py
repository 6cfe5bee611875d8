"""Write the bill of materials (CycloneDX 1.6, JSON) of what is installed at run time.

`make sbom` runs it, with cyclonedx-py from requirements-tools.txt. It installs requirements.txt
into an environment of its own, describes what is there, and checks the result against the schema.
The same pins give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".tools" / "supply" / "bin"
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "sbom.json")
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        python = install(Path(folder))
        _run(TOOLS / "cyclonedx-py", "environment", python, "--output-reproducible", "-o", output)
    described = json.loads(output.read_text())
    describe_vendored(described)
    describe_service(described)
    output.write_text(json.dumps(described, indent=2) + "\n")
    _run(TOOLS / "python", "-c", VALIDATE, output)
    print(f"{output}: {len(described['components'])} libraries")
    return 0


def install(folder: Path) -> Path:
    """Install what the image contains, without pip; return the environment's Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    _run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
        *("--disable-pip-version-check", "--no-deps", "--require-hashes", "--no-compile"),
        *("-r", ROOT / "requirements.txt"),
    )
    return python


def describe_vendored(described: dict[str, Any]) -> None:
    """Add what is in the package itself: htmx, at the version that its tests compare it with."""
    lock = json.loads((ROOT / "tests" / "browser" / "package-lock.json").read_text())
    version = lock["packages"]["node_modules/htmx.org"]["version"]
    purl = f"pkg:npm/htmx.org@{version}"
    content = (ROOT / "paymentapp" / "console" / "static" / "htmx.min.js").read_bytes()
    described["components"].append(
        {
            "type": "library",
            "bom-ref": purl,
            "name": "htmx.org",
            "version": version,
            "licenses": [{"license": {"id": "0BSD", "acknowledgement": "declared"}}],
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
        }
    )
    described["dependencies"].append({"ref": purl})


def describe_service(described: dict[str, Any]) -> None:
    """Name the service itself as what the bill of materials is of; it depends on its libraries."""
    text = (ROOT / "paymentapp" / "_version.py").read_text()
    (version,) = re.findall(r'__version__ = "(.+)"', text)
    reference = f"paymentapp=={version}"
    described["metadata"]["component"] = {
        "type": "application",
        "bom-ref": reference,
        "name": "paymentapp",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}],
        "purl": f"pkg:pypi/paymentapp@{version}",
    }
    every = [component["bom-ref"] for component in described["components"]]
    described["dependencies"].append({"ref": reference, "dependsOn": sorted(every)})


def _run(*command: object) -> None:
    """Run a command without this environment's modules, which are not what is described."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, env=environ)


if __name__ == "__main__":
    sys.exit(main())
