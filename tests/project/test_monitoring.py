"""The alert rules and the dashboard: they use metrics that exist, and each alert is tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from paymentapp.metrics.prometheus import PrometheusMetrics
from tests.support.service import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
_NAME = re.compile(r"\bpaymentapp[_:][a-z_:]+\b")
_LABELS = re.compile(r'\{[^}]*\}|"[^"]*"')


def groups() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return found


def rules(kind: str) -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"] if kind in rule]


def exposed_names() -> set[str]:
    """Return the names of all samples that there may be, also of metrics without a value yet."""
    text = PrometheusMetrics().expose().body.decode()
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        parts = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        names |= {f"{name}{part}" for part in parts}
    return names


def used_names(expression: str) -> set[str]:
    return set(_NAME.findall(_LABELS.sub("", expression)))


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        assert "CI" not in os.environ, "promtool is not installed"
        pytest.skip("promtool is not installed: it is in Debian's package prometheus")
    done = subprocess.run(
        [program, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_rules() -> None:
    promtool("check", "rules", "rules.yml")


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", "rules_test.yml")


def test_every_alert_is_tried() -> None:
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    firing = {
        each["alertname"]
        for test in tests
        for each in test["alert_rule_test"]
        if each["exp_alerts"]
    }
    quiet = {
        each["alertname"]
        for test in tests
        for each in test["alert_rule_test"]
        if not each["exp_alerts"]
    }
    alerts = {rule["alert"] for rule in rules("alert")}
    assert firing == alerts
    assert quiet == alerts


def test_the_rules_use_metrics_that_are_exposed() -> None:
    known = exposed_names() | {rule["record"] for rule in rules("record")}
    for rule in [*rules("alert"), *rules("record")]:
        assert used_names(rule["expr"]) <= known, rule


def test_the_dashboard_uses_metrics_that_are_exposed() -> None:
    known = exposed_names() | {rule["record"] for rule in rules("record")}
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    used = [used_names(t["expr"]) for panel in dashboard["panels"] for t in panel["targets"]]
    assert len(used) >= 15
    assert set().union(*used) <= known


def test_every_alert_says_what_is_wrong_and_is_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text()
    for rule in rules("alert"):
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")
        assert f"`{rule['alert']}`" in readme


def test_every_metric_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    text = PrometheusMetrics().expose().body.decode()
    for name in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE):
        assert f"| `{name}` |" in page, name
