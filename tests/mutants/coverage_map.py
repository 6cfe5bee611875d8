"""Which tests run each line, and how long they take: measured once for each state of the code."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants import forks

TESTS = (  # the fast ones, in parts that are run beside each other
    ("tests/unit",),
    (
        *("tests/api", "tests/cli/test_parked.py", "tests/contract/test_providers.py"),
        *("tests/contract/test_sqlite_engine.py", "tests/aws/test_dispatch.py"),
        "tests/aws/test_sweep.py",
    ),
)
_LONGEST = 1200  # seconds


@dataclass(frozen=True)
class CoverageMap:
    """The tests that pass, with their seconds, and for each file and line those that run it."""

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[str, Sequence[str]]]

    def of_lines(self, path: str, lines: range) -> set[str]:
        """Return the tests that run one of the lines."""
        file = self.lines.get(path, {})
        return {test for line in lines for test in file.get(str(line), ())}

    def of_file(self, path: str) -> set[str]:
        """Return the tests that run any line of a file."""
        return {test for tests in self.lines.get(path, {}).values() for test in tests}

    def of_folder(self, path: str) -> set[str]:
        """Return the tests that run any line of a folder's files, as of a table without code."""
        return {
            test
            for file in self.lines
            if file.rpartition("/")[0] == path
            for test in self.of_file(file)
        }


class _Recorder:
    """A plugin that gives each test a context of its own in the coverage."""

    def __init__(self) -> None:
        from coverage import Coverage

        self.coverage = Coverage(data_file=None, source_pkgs=["paymentapp"], config_file=False)
        self.coverage.start()
        self.seconds: dict[str, float] = {}
        self._failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        begin = time.monotonic()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.monotonic() - begin
            self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._failed.add(report.nodeid)

    def result(self, root: Path) -> dict[str, object]:
        """Return what was measured of the tests that passed."""
        self.coverage.stop()
        data = self.coverage.get_data()
        passed = {name: took for name, took in self.seconds.items() if name not in self._failed}
        lines = {}
        for file in data.measured_files():
            lines[str(Path(file).relative_to(root))] = {
                line: [name for name in names if name in passed]
                for line, names in data.contexts_by_lineno(file).items()
            }
        return {"seconds": passed, "lines": lines}


def load_or_measure(root: Path, folder: Path, lanes: int) -> CoverageMap:
    """Return the map of the tree as it is now."""
    kept = folder / f"coverage-{_digest(root)}.json"
    if not kept.exists():
        jobs = [(_measurement(root, part), _LONGEST) for part in TESTS]
        found = [result for _, result in forks.run_all(jobs, folder, lanes)]
        kept.write_text(json.dumps(found))
    seconds: dict[str, float] = {}
    lines: dict[str, dict[str, list[str]]] = {}
    for part in json.loads(kept.read_text()):
        seconds |= part["seconds"]
        for file, tests in part["lines"].items():
            for line, names in tests.items():
                lines.setdefault(file, {}).setdefault(line, []).extend(names)
    return CoverageMap(seconds, lines)


def _measurement(root: Path, paths: Sequence[str]) -> Callable[[], object]:
    def measure() -> object:
        recorder = _Recorder()
        forks.run_tests(paths, recorder)
        return recorder.result(root)

    return measure


def _digest(root: Path) -> str:
    """Return a digest of all code that the tests depend on."""
    digest = hashlib.sha256()
    for folder in ("paymentapp", "simulators", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            if "mutants" in path.parts:
                continue
            digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
