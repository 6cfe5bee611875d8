"""Write monitoring/rules.yaml: the alerts of deploy/monitoring, for the Prometheus Operator.

Run `python -m deploy.kubernetes.make_rules` after a change of deploy/monitoring/rules.yml.
"""

from __future__ import annotations

from pathlib import Path

RULES = Path(__file__).parents[1] / "monitoring" / "rules.yml"
OUTPUT = Path(__file__).parent / "monitoring" / "rules.yaml"
_HEAD = """\
# Generated from deploy/monitoring/rules.yml by `python -m deploy.kubernetes.make_rules`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: paymentapp
  namespace: paymentapp
spec:
"""


def manifest() -> str:
    """Return the text of the manifest."""
    lines = [line for line in RULES.read_text().splitlines() if not line.lstrip().startswith("#")]
    return _HEAD + "".join(f"  {line}\n" for line in lines)


if __name__ == "__main__":
    OUTPUT.write_text(manifest())
