"""The driver of `make mutants`: what it changes, and that a change is what the tests then run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.mutants import forks
from tests.mutants.__main__ import ROOT, candidates
from tests.mutants.mutations import mutants_of

SOURCE = b'''"""A module."""
LIMIT = 35

def keeps(age: int, open_: bool) -> bool:
    """Text is left alone: 35."""
    log.info("kept for %s days", 35)
    if age < LIMIT and open_:
        return True
    raise ValueError("older than 35 days")
'''


def changed(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "a.py"
    path.write_bytes(SOURCE)
    return {each.what: each.apply(SOURCE).decode() for each in mutants_of(path, tmp_path, {})}


def test_limits_comparisons_conditions_and_results_are_changed(tmp_path: Path) -> None:
    found = changed(tmp_path)
    for what in (
        "35 -> 36",
        "35 -> 17",
        "age < LIMIT -> age <= LIMIT",
        "age < LIMIT -> age >= LIMIT",
        "age < LIMIT and open_ -> age < LIMIT or open_",
        "return True -> return None",
        "True -> False",
    ):
        assert what in found


def test_what_is_for_people_is_left_alone(tmp_path: Path) -> None:
    for text in changed(tmp_path).values():
        assert "Text is left alone: 35." in text
        assert '"kept for %s days", 35' in text


def test_every_mutant_is_code_of_a_name_of_its_own() -> None:
    found = candidates()
    assert max(Counter(each.name for each in found).values()) == 1
    for each in found[:: len(found) // 200]:
        source = (ROOT / each.path).read_bytes()
        assert each.apply(source) != source
        compile(each.apply(source), each.path, "exec")


def test_a_fork_runs_the_changed_module(tmp_path: Path) -> None:
    name, path = "paymentapp.models.idempotency", ROOT / "paymentapp" / "models" / "idempotency.py"

    def days() -> object:
        import sys

        sys.modules.pop(name, None)
        forks.change_module(name, path, path.read_bytes().replace(b"days=35", b"days=3"))
        import paymentapp.models.idempotency as found

        return found.KEY_RETENTION.days

    assert list(forks.run_all([(days, 20.0)], tmp_path, 1)) == [(0, 3)]
    assert json.loads((tmp_path / "0.json").read_text()) == 3


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    import time

    assert list(forks.run_all([(lambda: time.sleep(60), 0.2)], tmp_path, 1)) == [(0, None)]
