"""Declared variables: parsed by kind, refused by name, and never quoted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from paymentapp.errors import SettingsError
from paymentapp.variables import (
    Declared,
    Unfit,
    VariableKind,
    Variables,
    choice,
    file,
    number,
    switch,
    text,
    url,
    variable,
    variables_of,
    without_user,
)


def _is_odd(value: str) -> str:
    if "hunter2" in value:
        raise Unfit("must not hold a password")
    if int(value) % 2 == 0:
        raise ValueError(value)
    return value


@dataclass(frozen=True, slots=True)
class Kettle(Declared):
    """One variable of each kind."""

    title: ClassVar[str] = "Kettle"

    owner: str = variable("KETTLE_OWNER", text(), None, "who it belongs to")
    cups: int = variable("KETTLE_CUPS", number(1, 12), "2", "how much it holds")
    lid: bool = variable("KETTLE_LID", switch(), "on", "whether it has one")
    metal: str = variable("KETTLE_METAL", choice("tin", "zinc", "gold"), "tin", "made of")
    manual: str = variable("KETTLE_MANUAL", file(), "", "how to use it")
    shop: str = variable("KETTLE_SHOP", url(), "https://kettles.example", "where to buy it")
    boil: timedelta = variable(
        "KETTLE_BOIL", number(1, 9).then(lambda n: timedelta(minutes=n)), "3", "how long it takes"
    )
    odd: str = variable("KETTLE_ODD", VariableKind(_is_odd, "an odd number"), "1", "its number")
    pin: str = variable("KETTLE_PIN", text(), "", "opens the lid", secret=True)
    colour: str = "red"  # is no variable

    def check(self) -> None:
        if self.metal == "tin" and self.cups > 6:
            raise SettingsError("KETTLE_METAL is too weak for KETTLE_CUPS")


def load(**environ: str) -> Kettle:
    given = {f"KETTLE_{name.upper()}": value for name, value in environ.items()}
    return Variables({"KETTLE_OWNER": "ann", **given}).load(Kettle)


def test_what_is_not_set_has_its_default() -> None:
    assert load() == Kettle(owner="ann")
    assert load(cups="", lid=" ") == Kettle(owner="ann")
    assert (load().cups, load().boil, load().pin) == (2, timedelta(minutes=3), "")


def test_what_is_set_is_read_by_its_kind(tmp_path: Path) -> None:
    manual = tmp_path / "manual"
    manual.touch()
    made = load(cups=" 3 ", lid="OFF", metal="gold", manual=str(manual), boil="9", odd="7")
    assert (made.cups, made.lid, made.metal, made.manual) == (3, False, "gold", str(manual))
    assert (made.boil, made.odd) == (timedelta(minutes=9), "7")


@pytest.mark.parametrize("word", ["on", "true", "1", "yes", "Yes"])
def test_a_switch_knows_some_words(word: str) -> None:
    assert load(lid=word).lid


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("cups", "0", "must be a whole number from 1 to 12"),
        ("cups", "13", "must be a whole number from 1 to 12"),
        ("cups", "2.5", "must be a whole number from 1 to 12"),
        ("cups", "\N{SUPERSCRIPT TWO}", "must be a whole number from 1 to 12"),
        ("cups", "9" * 5000, "must be a whole number from 1 to 12"),
        ("lid", "perhaps", "must be on or off"),
        ("metal", "TIN", "must be tin, zinc or gold"),
        ("manual", "/nowhere/manual", "must be the path of a file that is there"),
        ("shop", "http://kettles.example", "must be an https:// address"),
        ("shop", "https://?kettle", "must be an https:// address"),
        ("shop", "https://[kettles", "must be an https:// address"),
        ("odd", "twenty-two", "must be an odd number"),
        ("odd", "hunter2", "must not hold a password"),
    ],
)
def test_what_is_wrong_is_named_and_never_quoted(name: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(**{name: value})
    assert str(raised.value).startswith(f"KETTLE_{name.upper()} {problem}")
    if len(value) > 4:
        assert value not in str(raised.value)
    assert raised.value.__context__ is None  # whose text may quote the value


def test_what_must_be_set_is_named_where_it_is_not() -> None:
    with pytest.raises(SettingsError, match="KETTLE_OWNER is not set"):
        load(owner=" ")


def test_values_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="KETTLE_METAL is too weak for KETTLE_CUPS"):
        load(cups="7")
    assert load(cups="7", metal="zinc").cups == 7


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "[::1]:80"])
def test_an_address_on_this_machine_may_be_plain(host: str) -> None:
    assert load(shop=f"http://{host}/x").shop == f"http://{host}/x"


def test_secrets_stay_out_of_repr() -> None:
    variables = Variables({"KETTLE_OWNER": "ann", "KETTLE_PIN": "hunter2"})
    assert variables.load(Kettle).pin == "hunter2"
    assert "hunter2" not in repr(variables) + repr(variables.load(Kettle))


def test_an_address_is_shown_without_its_user() -> None:
    shown = variables_of(Kettle)["shop"].kind.show("https://ann:hunter2@kettles.example/a@b")
    assert shown == "https://kettles.example/a@b"
    assert without_user("sftp://ann@bank.example") == "sftp://bank.example"


def test_only_variables_are_declared() -> None:
    assert "colour" not in variables_of(Kettle)
    assert Variables({"KETTLE_OWNER": "ann"}).load(Kettle, colour="blue").colour == "blue"


def test_a_variable_that_is_set_is_found_by_its_prefix() -> None:
    variables = Variables({"KETTLE_CUPS": "2", "TEAPOT_CUPS": ""})
    assert variables.any("KETTLE_")
    assert not variables.any("TEAPOT_")
