"""The report of a run, bench/RESULTS.md: machine, date, commit, targets, raw numbers."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "RESULTS.md"
BUSY = 0.5  # load average before the start
PACKAGES = ("flask", "flask-smorest", "marshmallow", "gunicorn", "boto3", "requests")


@dataclass(frozen=True)
class Finding:
    """One number and its target; without a target it is for information."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "**missed**", None: ""}[self.met]


@dataclass
class Section:
    """One measurement: its method, findings and raw numbers."""

    title: str
    method: str
    findings: list[Finding] = field(default_factory=list)
    columns: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    why: str = ""  # of what was missed
    skipped: str = ""
    failed: str = ""

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.method, ""]
        if self.skipped:
            return "\n".join([*lines, f"skipped: {self.skipped}", ""])
        if self.failed:
            return "\n".join([*lines, f"**failed**: {self.failed}", ""])
        lines += table(
            ("", "measured", "target", ""),
            [(each.what, each.value, each.target, each.verdict) for each in self.findings],
        )
        if self.why and any(each.met is False for each in self.findings):
            lines += ["", f"Why it was missed: {self.why}"]
        if self.rows:
            lines += ["", "<details><summary>Raw numbers</summary>", ""]
            lines += [*table(self.columns, self.rows), "", "</details>"]
        return "\n".join([*lines, ""])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def write(
    sections: Sequence[Section], *, seconds: float, busy: float, quick: bool, path: Path
) -> None:
    """Write the results; `busy` is the machine's load average before the start."""
    note = " **A quick run: too short for its numbers to mean much.**" if quick else ""
    if busy > BUSY:
        note += " **Other programs kept the machine busy: measure again before relying on this.**"
    lines = [
        "# Results of `make bench`",
        "",
        "Servers, load and simulator share one machine: ratios count, not rates. Both sides of a",
        "ratio are measured in one run, in turns, and the median of the turns counts. CPU time is",
        f"that of the two gunicorn workers alone; it depends less on what else runs.{note}",
        "",
        *table(("", ""), [*machine(busy), ("took", f"{seconds:.0f} s")]),
        "",
        *(section.markdown() for section in sections),
    ]
    path.write_text("\n".join(lines))


def machine(busy: float) -> list[tuple[str, str]]:
    """Return what was measured on, by its name; `busy` is the load average before the start."""
    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", _commit()),
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"),
        ("load before", f"{busy:.2f} (of {os.cpu_count()})"),
        ("a sync to disk", f"{_sync_time():.2f} ms"),
        ("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
    ]


def _sync_time() -> float:
    """Return the median time of fdatasync after a small write, in ms."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return median(times)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return "unknown"
    head = subprocess.run(
        [git, "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    changed = subprocess.run(
        [git, "status", "--porcelain", "--", "paymentapp"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return head.stdout.strip() + (" with local changes" if changed.stdout else "")
