"""Amounts as people write them: `1,234.56`, `1.234,56`, `1 234,56`, `1'234.56`.

What can be read in two ways is refused, never guessed: `1,234` is 1234 to one reader and 1.234 to
another.
"""

from __future__ import annotations

import re
from decimal import Decimal

TEXT_MAX = 40  # characters
_SPACES = re.compile("[ \u00a0\u2009\u202f'\u2019]")  # between groups of digits, in one form: `_`
_CHARACTERS = re.compile(r"[0-9]([0-9_.,]*[0-9])?")
_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")


class UnclearAmount(ValueError):
    """A text is no amount, or can be read as two; the message says which would be clear."""


def read_amount(text: str) -> Decimal:
    """Return the amount that a text stands for, whichever separators it has.

    Raises UnclearAmount.

    >>> read_amount("1,234.56"), read_amount("1.234,56"), read_amount("12,5")
    (Decimal('1234.56'), Decimal('1234.56'), Decimal('12.5'))
    """
    if len(text) > TEXT_MAX:
        raise UnclearAmount(f"has more than {TEXT_MAX} characters: write the number alone.")
    plain = _SPACES.sub("_", text)
    if not plain.isascii() or not _CHARACTERS.fullmatch(plain):
        raise UnclearAmount(_why_no_number(text))
    separators = re.sub("[0-9]", "", plain)
    kinds = set(separators)
    if not kinds:
        return Decimal(plain)
    if len(kinds) == 1 and len(separators) > 1:
        return Decimal(_without_groups(plain, separators[0]))
    if kinds == {"_"}:
        return Decimal(_without_groups(plain, "_"))
    if len(kinds) == 1:
        return _with_one_separator(plain, separators)
    groups, point = separators[:-1], separators[-1]
    if point == "_" or len(set(groups)) > 1 or point in groups:
        raise UnclearAmount("has its separators in no known order: write it as 1234.56.")
    whole, _, decimals = plain.rpartition(point)
    return Decimal(f"{_without_groups(whole, groups[0])}.{decimals}")


def _with_one_separator(text: str, separator: str) -> Decimal:
    """Return an amount with one point or comma: of decimals, unless it may be of thousands."""
    whole, decimals = text.split(separator)
    if len(decimals) == 3 and len(whole) <= 3 and whole[0] != "0":
        raise UnclearAmount(
            f"can be read as {whole}{decimals} or as {whole}.{decimals}: write "
            f"{whole}{decimals}.00 for the first, {whole}.{decimals}0 for the second."
        )
    return Decimal(f"{whole}.{decimals}")


def _without_groups(text: str, separator: str) -> str:
    first, *groups = text.split(separator)
    if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
        raise UnclearAmount("has groups of digits that are not of three: write it as 1234.56.")
    return first + "".join(groups)


def _why_no_number(text: str) -> str:
    if _SCIENTIFIC.fullmatch(text):
        return "is in scientific notation: format the column as a number, and export it again."
    if text.startswith(("-", "(", "\u2212")):
        return "is negative: a payment is greater than 0."
    return "is not a number: write it as 1234.56, and the currency in its own column."
