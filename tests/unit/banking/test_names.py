"""Names that are offered where an entry cannot hold the one that was given."""

from __future__ import annotations

import pytest

from paymentapp.banking import transliterated_name


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("Zo\u00eb", "Zoe"),
        ("Jos\u00e9 \u00c1ngel Fern\u00e1ndez de la Vega", "Jose Angel Fernandez"),
        ("S\u00f8ren \u0141ukasz Gro\u00df", "Soren Lukasz Gross"),
        ("\u0410\u043d\u043d\u0430", "Anna"),
        ("\u738b\u5c0f\u660e", "WangXiaoMing"),
        ("D\u2019Arc", "D'Arc"),
        ("  Ann \t Example\n", "Ann Example"),
        ("Wolfeschlegelsteinhausenbergerdorff", "Wolfeschlegelsteinhaus"),
        ("Maximilian Alexander Xaver", "Maximilian Alexander"),
        ("Ann " * 30, "Ann Ann Ann Ann Ann"),
    ],
)
def test_a_name_is_transliterated_and_shortened(name: str, offered: str) -> None:
    assert transliterated_name(name) == offered


@pytest.mark.parametrize("name", ["", " ", "0", "0 0", "\u0660\u0660"])
def test_where_no_name_is_left_none_is_offered(name: str) -> None:
    assert transliterated_name(name) is None
