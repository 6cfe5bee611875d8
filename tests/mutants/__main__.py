"""Change the code that moves money a little, many times, and see whether the fast tests notice.

`make mutants` draws a sample by seed, runs for each change the tests that run the changed lines,
and prints the score and the survivors. docs/mutants.md judges each survivor that is known.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.mutants import forks
from tests.mutants.coverage_map import CoverageMap, load_or_measure
from tests.mutants.mutations import Mutant, enumerations, mutants_of

ROOT = Path(__file__).parents[2]
JUDGED = ROOT / "docs" / "mutants.md"
MODULES = (  # that move money, or say that it has moved
    "services/payments.py",
    "services/payment_methods.py",
    "services/routing.py",
    "services/settlement.py",
    "services/dispatch/*.py",
    "services/inbound/*.py",
    "services/backoffice/parked_batches.py",
    "worker/*.py",
    "models/batches.py",
    "models/payments.py",
    "models/idempotency.py",
    "models/item_ids.py",
    "models/provider_state.py",
    "providers/http.py",
    "providers/paypal/*.py",
    "providers/stripe/*.py",
    "providers/ach/*.py",
    "storage/codec/*.py",
    "storage/base.py",
    "vault/sealing.py",
)
_SLACK = 15.0  # seconds to load the code and the tests
_PATIENCE = 4  # times as long as the tests took while they were measured
_LONGEST = 120.0  # seconds for tests that are named
_PASSED = 0  # pytest's exit code; any other is a failure


class _Selection:
    """A plugin that runs the chosen tests alone."""

    def __init__(self, tests: set[str]) -> None:
        self._tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._tests]


def candidates() -> list[Mutant]:
    """Return every change of the modules, in a fixed order."""
    package = ROOT / "paymentapp"
    members = enumerations(package)
    paths = sorted({path for pattern in MODULES for path in package.glob(pattern)})
    seen: Counter[str] = Counter()
    found = []
    for mutant in (each for path in paths for each in mutants_of(path, ROOT, members)):
        seen[mutant.name] += 1
        again = seen[mutant.name]
        found.append(mutant if again == 1 else replace(mutant, what=f"{mutant.what} #{again}"))
    return found


def job_with(mutant: Mutant, paths: Sequence[str]) -> tuple[Callable[[], object], float]:
    """Return the run of tests that were named for a mutant."""

    def run() -> int:
        _change(mutant)
        return forks.run_tests(["-x", *paths], object())

    return run, _LONGEST


def job_of(mutant: Mutant, known: CoverageMap) -> tuple[Callable[[], object], float]:
    """Return the run of a mutant's tests, and how many seconds it may take."""
    tests = known.of_lines(mutant.path, mutant.lines) if mutant.in_function else set()
    tests = tests or known.of_file(mutant.path) or known.of_folder(str(Path(mutant.path).parent))
    seconds = sum(known.seconds[test] for test in tests)
    return partial(_run, mutant, tests, known), _SLACK + _PATIENCE * seconds


def _run(mutant: Mutant, tests: set[str], known: CoverageMap) -> int:
    """Return pytest's exit code of the tests, the files with the quickest ones first."""
    if not tests:
        return _PASSED
    _change(mutant)
    cost: dict[str, float] = {}
    for test in tests:
        file = test.partition("::")[0]
        cost[file] = cost.get(file, 0) + known.seconds[test]
    return forks.run_tests(["-x", *sorted(cost, key=cost.__getitem__)], _Selection(tests))


def _change(mutant: Mutant) -> None:
    path = ROOT / mutant.path
    forks.change_module(mutant.module, path, mutant.apply(path.read_bytes()))


def equivalents() -> set[str]:
    """Return the names that docs/mutants.md lists as changing nothing."""
    _, _, part = JUDGED.read_text().partition("## Equivalent")
    lines = part.partition("\n## ")[0].splitlines()
    return {line.split("`")[1] for line in lines if line.startswith("- `")}


def report(sample: Sequence[Mutant], survived: Sequence[Mutant], slow: int) -> None:
    """Print the score and the survivors."""
    known = equivalents()
    counted = [mutant for mutant in sample if mutant.name not in known]
    left = [mutant for mutant in survived if mutant.name not in known]
    for mutant in sorted(left, key=lambda each: each.name):
        print(f"survived: {mutant.name} (line {mutant.lines.start})")
    killed = len(counted) - len(left)
    print(
        f"{len(sample)} mutants, {len(sample) - len(counted)} of them equivalent: {killed} of "
        f"{len(counted)} killed, {killed / max(1, len(counted)):.1%}; {slow} by the time limit"
    )


def main() -> int:
    """Run the sample that was asked for; 1 where a mutant survived that is not equivalent."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=80, help="mutants to draw")
    parser.add_argument("--only", default="", help="of those whose name has this in it")
    parser.add_argument("--tests", nargs="+", help="run these instead, and measure nothing")
    parser.add_argument("--lanes", type=int, default=2, help="runs beside each other")
    asked = parser.parse_args()
    found = [mutant for mutant in candidates() if asked.only in mutant.name]
    sample = random.Random(asked.seed).sample(found, min(asked.count, len(found)))
    print(f"{len(found)} mutants, {len(sample)} drawn by seed {asked.seed}", flush=True)
    forks.load_libraries()
    folder = ROOT / "build" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    if asked.tests:
        jobs = [job_with(mutant, asked.tests) for mutant in sample]
    else:
        known = load_or_measure(ROOT, folder, asked.lanes)
        jobs = [job_of(mutant, known) for mutant in sample]
    survived, slow = [], 0
    with tempfile.TemporaryDirectory() as results:
        for number, code in forks.run_all(jobs, Path(results), asked.lanes):
            slow += code is None
            if code == _PASSED:
                survived.append(sample[number])
                print(f"  {sample[number].name}", flush=True)
    report(sample, survived, slow)
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
