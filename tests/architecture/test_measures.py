"""Functions stay as short as they are."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.measures import PACKAGE, function_lengths


def test_functions_stay_short() -> None:
    lengths = function_lengths(PACKAGE)
    assert lengths.median <= 6
    assert lengths.p90 <= 17
    assert lengths.longest <= 60
    assert lengths.over_30 <= 0.9, "percent of functions over 30 lines"


def test_a_docstring_does_not_make_a_function_longer(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    )
    assert function_lengths(tmp_path).longest == 2
