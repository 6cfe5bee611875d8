"""Debian's Prometheus, over the alert rules with every duration shortened."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.service import ROOT, free_port

RULES = ROOT / "deploy" / "monitoring" / "rules.yml"
START_SECONDS = 30
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SHORTER, _LONGEST = 30, 6
# A text between quotes, a duration, or a number of seconds: from 60 on. Lesser numbers are counts.
_TIMES = re.compile(r'"[^"]*"|\b(?P<number>\d+)(?P<unit>[smhd])\b|\b(?P<seconds>[6-9]\d|\d{3,})\b')


def shorter(seconds: int) -> int:
    """Return a thirtieth of a duration, from one to six seconds.

    >>> [shorter(seconds) for seconds in (1, 60, 120, 180, 300, 3600)]
    [1, 2, 4, 6, 6, 6]
    """
    return max(1, min(_LONGEST, seconds // _SHORTER))


def shortened(rules: dict[str, Any]) -> dict[str, Any]:
    """Return rules in which each duration, and each number of seconds, is shorter."""
    made = copy.deepcopy(rules)
    for rule in (rule for group in made["groups"] for rule in group["rules"]):
        for name in {"expr", "for"} & rule.keys():
            rule[name] = _TIMES.sub(_shorter_text, rule[name])
    return made


def _shorter_text(found: re.Match[str]) -> str:
    if found["unit"]:
        return f"{shorter(int(found['number']) * _UNITS[found['unit']])}s"
    return str(shorter(int(found["seconds"]))) if found["seconds"] else found[0]


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str
    log: Path

    def get(self, path: str) -> Any:
        """Return the data of an answer of its API."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = self.get("/api/v1/alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def until_firing(self, *names: str, seconds: float = 90) -> None:
        """Wait until each of some alerts has fired."""
        end, missing = time.monotonic() + seconds, set(names)
        while missing := missing - self.firing():
            assert time.monotonic() < end, f"has not fired: {missing}; {self._state()}"
            time.sleep(0.2)

    def until_quiet(self, seconds: float = 90) -> None:
        """Wait until no alert fires, by what was scraped after this call."""
        end, next_scrape = time.monotonic() + seconds, time.monotonic() + 2
        while self.firing() or time.monotonic() < next_scrape:
            assert time.monotonic() < end, f"has not cleared; {self._state()}"
            time.sleep(0.2)

    def _state(self) -> str:
        return json.dumps(self.get("/api/v1/alerts")["alerts"], indent=1)


@contextmanager
def running_prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    """Run Prometheus on 127.0.0.1 over a service's port: it scrapes and evaluates each second."""
    program = shutil.which("prometheus")
    if program is None:
        assert "CI" not in os.environ, "prometheus is not installed"
        pytest.skip("prometheus is not installed: it is in Debian's package prometheus")
    folder.mkdir()
    port = free_port()
    rules = shortened(yaml.safe_load(RULES.read_text()))
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(target)))
    log = folder / "prometheus.log"
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with log.open("w") as output:
        process = subprocess.Popen([program, *arguments], stdout=output, stderr=output)
    prometheus = Prometheus(f"http://127.0.0.1:{port}", log)
    try:
        _await_ready(process, prometheus)
        yield prometheus
    finally:
        process.terminate()
        process.wait(30)


def _configuration(target: int) -> dict[str, Any]:
    times = {f"{name}_interval": "1s" for name in ("scrape", "evaluation")}
    job = {"job_name": "paymentapp", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
    return {
        "global": times | {"scrape_timeout": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [job],
    }


def _await_ready(process: subprocess.Popen[bytes], prometheus: Prometheus) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{prometheus.url}/-/ready", timeout=2):
                return
        except OSError:
            assert process.poll() is None, prometheus.log.read_text()
            assert time.monotonic() < end, prometheus.log.read_text()
            time.sleep(0.05)
